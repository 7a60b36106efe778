// What stands beside a target and has an HTTP interface of its own: a Toxiproxy, a Prometheus. Each is asked once whether
// it is what the user said, when the target is opened.

import { UsageError } from '../errors.ts'
import { recordOf } from './conman.ts'
import { HttpClient } from './http.ts'
import { PROXY_ROLES, type ProxyRole, type UrlOptions } from './options.ts'

const WITHIN_MS = 10_000

export interface ToxiproxyAccess {
  url: string
  /** The proxies that are there. */
  proxies: Partial<Record<ProxyRole, string>>
}

/** Names that the user gave must be there; of the others those that our own stack would have are taken where they are. */
export async function demandToxiproxy(
  { url, proxies }: NonNullable<UrlOptions['toxiproxy']>,
  given: string,
  signal: AbortSignal,
  ca: string | undefined,
): Promise<ToxiproxyAccess> {
  await using http = new HttpClient(url, { connections: 1, ca })
  const version = await http.request('GET', '/version', { within_ms: WITHIN_MS, signal })
  if (version.status === 0) {
    throw new UsageError(
      `${given} cannot be reached: ${version.failure}`,
      'is it the address of Toxiproxy’s API as seen from here?',
    )
  }
  const answer = await http.request('GET', '/proxies', { within_ms: WITHIN_MS, signal })
  const there = recordOf(answer.json)
  if (answer.status !== 200 || there === undefined) {
    throw new UsageError(
      `${given} is not a Toxiproxy: GET /proxies answers HTTP ${answer.status}`,
      'give the address of its API (port 8474 unless it was set)',
    )
  }
  const found: Partial<Record<ProxyRole, string>> = {}
  for (const role of PROXY_ROLES) {
    const name = proxies[role] ?? role
    if (Object.hasOwn(there, name)) found[role] = name
    else if (proxies[role] !== undefined) {
      throw new UsageError(
        `${given} has no proxy ‘${name}’`,
        `it has ${shownNames(there)}; name them in CONMAN_TOXIPROXY_MONGO_API, …_MONGO_WORKER and …_GIT (toxiproxy.proxies)`,
      )
    }
  }
  if (Object.keys(found).length === 0) {
    throw new UsageError(
      `${given} has none of the proxies ${PROXY_ROLES.join(', ')}`,
      `it has ${shownNames(there)}; name them in CONMAN_TOXIPROXY_MONGO_API, …_MONGO_WORKER and …_GIT (toxiproxy.proxies)`,
    )
  }
  return { url, proxies: found }
}

function shownNames(proxies: Record<string, unknown>): string {
  const names = Object.keys(proxies).sort()
  return names.length === 0 ? 'none at all' : names.slice(0, 20).join(', ').slice(0, 300)
}

export async function demandPrometheus(
  url: string,
  given: string,
  signal: AbortSignal,
  ca: string | undefined,
): Promise<void> {
  await using http = new HttpClient(url, { connections: 1, ca })
  const answer = await http.request('GET', '/api/v1/status/buildinfo', { within_ms: WITHIN_MS, signal })
  if (answer.status === 0) {
    throw new UsageError(
      `${given} cannot be reached: ${answer.failure}`,
      'is it the address of Prometheus as seen from here?',
    )
  }
  // Prometheus, and what answers its queries in its place; those that have no build information say that they are ready.
  if (answer.status === 200 && recordOf(answer.json)?.status === 'success') return
  const ready = await http.request('GET', '/-/ready', { within_ms: WITHIN_MS, signal })
  if (ready.status === 200) return
  throw new UsageError(
    `${given} is not a Prometheus that is ready: GET /-/ready answers HTTP ${ready.status}`,
    'give its address, with the path that stands in front of /api/v1',
  )
}
