// Looks at whatever answers under a base URL before anything is sent to it in earnest: is it a Conman, is it healthy, do
// the credentials open it? And takes its fingerprint.

import { createHash } from 'node:crypto'
import { UsageError } from '../errors.ts'
import type { Fingerprint } from '../result.ts'
import { login } from './conman/platform.ts'
import { type Conman, ConmanError, recordOf } from './conman.ts'
import type { HttpAnswer } from './http.ts'
import { look } from './times.ts'

/** The health of a real Conman, or one line about what answers instead. */
export async function demandConman(conman: Conman): Promise<HttpAnswer> {
  const where = conman.http.baseUrl
  const answer = await conman.health()
  if (answer.status === 0) {
    const tls = /CERT|SSL|TLS|self-signed|certificate/i.test(answer.failure ?? '')
    throw new UsageError(
      `${where} cannot be reached: ${answer.failure}`,
      tls
        ? 'mend the certificate, or name its authority in CONMAN_CA_FILE (ca_file); a target that cannot be trusted is not tested'
        : 'is the server up, and is CONMAN_BASE_URL its address as seen from here?',
    )
  }
  if (answer.status >= 300 && answer.status < 400) {
    throw new UsageError(
      `${where}/api/health answers with a redirect to ${clip(answer.headers.location ?? 'nowhere')}`,
      'Conman does not redirect: set CONMAN_BASE_URL to the address that it listens on',
    )
  }
  const health = recordOf(answer.json)
  if (!health || typeof health.status !== 'string' || !Array.isArray(health.components)) {
    throw new UsageError(
      `${where} is not a Conman: GET /api/health answers HTTP ${answer.status} ${clip(answer.headers['content-type'] ?? 'without a content type')}, not Conman’s health`,
      'set CONMAN_BASE_URL to the address in front of /api, without /api itself',
    )
  }
  const sick = componentsOf(answer).filter((component) => component.status !== 'healthy')
  if (answer.status !== 200) {
    throw new UsageError(
      `${where} says that it is not healthy: ${sick.map(({ name, status }) => `${name} ${status}`).join(', ') || `HTTP ${answer.status}`}`,
      'mend it first: a run against a sick target would judge the sickness',
    )
  }
  return answer
}

/** Logs in, or says in one line why that does not work. Returns how long the target took, in ms. */
export async function demandLogin(conman: Conman, admin: { email: string; password: string }): Promise<number> {
  try {
    const { answer } = await conman.exchange(undefined, login(admin.email, admin.password))
    return answer.duration_ms
  } catch (cause) {
    if (cause instanceof ConmanError && (cause.status === 401 || cause.status === 403)) {
      throw new UsageError(
        `${conman.http.baseUrl} does not accept the credentials of ${admin.email}`,
        'check CONMAN_ADMIN_EMAIL and CONMAN_ADMIN_PASSWORD; `conman bootstrap-admin` sets a new password',
        { cause },
      )
    }
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new UsageError(`logging in did not work: ${message}`, 'see the target’s log', { cause })
  }
}

/** How long a login takes on a stack of our own, where nobody has logged in before; null when it does not work. */
export async function loginTime(conman: Conman, admin: { email: string; password: string }): Promise<number | null> {
  try {
    return await demandLogin(conman, admin)
  } catch {
    return null
  }
}

/** `login_ms`: how long the one login took that opened the target. Never an error, whatever comes back. */
export async function fingerprintOf(
  conman: Conman,
  known: Pick<Fingerprint, 'kind' | 'address' | 'capabilities' | 'settings' | 'mongodb'>,
  login_ms: number | null = null,
): Promise<Fingerprint> {
  const { health, openapi, times } = await look(conman.http)
  const version = recordOf(health?.json)?.version
  return {
    ...known,
    version: typeof version === 'string' ? clip(version) : null,
    openapi_sha256: openapi?.status === 200 ? createHash('sha256').update(openapi.text).digest('hex') : null,
    health: componentsOf(health),
    headers: Object.keys(health?.headers ?? {})
      .sort()
      .slice(0, 50)
      .map(clip),
    times: { ...times, login_ms: login_ms === null ? null : Math.round(login_ms * 10) / 10 },
  }
}

function componentsOf(answer: HttpAnswer | undefined): { name: string; status: string }[] {
  const components = recordOf(answer?.json)?.components
  if (!Array.isArray(components)) return []
  return components.slice(0, 20).map((component) => {
    const row = recordOf(component)
    return { name: clip(String(row?.name ?? '')), status: clip(String(row?.status ?? '')) }
  })
}

/** What a target says about itself is shown, but never at any length. */
function clip(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}
