// k6 only: hundreds of virtual users at once. In each round one logs in or asks for a new password, by turns, and then uses a
// token: the one that the login gave, else the one that he came with. Rate limits are part of what is measured: a 429 is an
// answer, whose shape is held against the specified one and counted by counters of its own.

import { sleep } from 'k6'
import exec from 'k6/execution'
import type { RefinedResponse } from 'k6/http'
import { Counter, Trend } from 'k6/metrics'
import type { Options } from 'k6/options'
import { attempted, errorOf, guarded, optionsOf, readSettings, waitedFor } from '../../lib/k6-side.ts'
import { requestOnce, waitOf } from '../../lib/target-manners.ts'
import { AUTH_COUNTERS, type AuthSettings, ENDPOINTS, type Endpoint } from './settings.ts'
import { limitTold, misshapen, saysWhen } from './shape.ts'

export { handleSummary } from '../../lib/k6-side.ts'

const settings = readSettings<AuthSettings>()
const { accounts, baseUrl, everyS, limitsMs } = settings
const waited = new Trend('auth_ms', true)
const throttled = new Counter(AUTH_COUNTERS.throttled)
const asSpecified = new Counter(AUTH_COUNTERS.asSpecified)
const misshapenOnes = new Counter(AUTH_COUNTERS.misshapen)

const WARMERS = 5

export const options: Options = optionsOf({
  scenarios: {
    burst: {
      executor: 'constant-vus',
      exec: 'round',
      vus: settings.users,
      duration: `${settings.durationS}s`,
      gracefulStop: `${3 * settings.requestTimeoutS}s`,
    },
  },
  warmers: WARMERS,
  iterations: null,
  thresholds: {
    ...Object.fromEntries(
      ENDPOINTS.map((endpoint) => [`auth_ms{endpoint:${endpoint}}`, [`p(95)<=${limitsMs[endpoint]}`]]),
    ),
    [AUTH_COUNTERS.misshapen]: ['count==0'],
  },
  manners: settings,
})

/** Of connections alone: a request of a user, or to /api/auth/, would count against a limit. */
export function warm_up(): void {
  requestOnce('GET', `${baseUrl}/api/health`, null, { tags: { name: 'warm-up' } }, 'warm-up')
}

export function round(): void {
  guarded(() => {
    const began_ms = Date.now()
    // Each virtual user goes round through accounts of his own, in whichever process he is.
    const own_accounts = Math.max(1, Math.floor(accounts.length / settings.users))
    const rounds = exec.vu.iterationInScenario
    const user =
      (((exec.vu.idInTest - 1) % settings.users) + settings.users * (rounds % own_accounts)) % accounts.length
    const times = Math.floor(rounds / own_accounts)
    const { email, password, token } = accounts[user]!
    let own = token
    let wait_s = 0
    if ((user + times) % 2 === 0) {
      const answer = send('login', user, '/api/auth/login', { body: { email, password } })
      own = tokenIn(answer) ?? token
      wait_s = waitAfter(answer)
    } else {
      wait_s = waitAfter(send('reset', user, '/api/auth/forgot-password', { body: { email } }))
    }
    wait_s = Math.max(wait_s, waitAfter(send('token', user, '/api/me/notification-preferences', { token: own })))
    sleep(Math.max(wait_s, everyS - (Date.now() - began_ms) / 1_000, 0.01))
  })
}

function send(
  endpoint: Endpoint,
  user: number,
  path: string,
  given: { body?: object; token?: string },
): RefinedResponse<'text'> {
  attempted.add(1)
  const method = given.body === undefined ? 'GET' : 'POST'
  const response = requestOnce(
    method,
    `${baseUrl}${path}`,
    given.body === undefined ? null : JSON.stringify(given.body),
    {
      headers: {
        'content-type': 'application/json',
        ...(given.token === undefined ? {} : { authorization: `Bearer ${given.token}` }),
      },
      responseType: 'text',
      tags: { name: `${method} ${path}` },
      timeout: `${settings.requestTimeoutS}s`,
    },
  )
  const tags: Record<string, string> = {
    endpoint,
    user: String(user + 1),
    status: String(response.status),
    error: errorOf(response),
  }
  if (response.status === 429) Object.assign(tags, refusalIn(response))
  else if (endpoint === 'login' && response.status === 200 && tokenIn(response) === undefined) {
    tags.error = '200 without a token'
  }
  waited.add(waitedFor(response), tags)
  return response
}

function refusalIn(response: RefinedResponse<'text'>): Record<string, string> {
  const { headers } = response
  const wrong = misshapen({ headers, body: response.body ?? '', now_s: Date.now() / 1_000 })
  throttled.add(1)
  if (wrong === '') asSpecified.add(1)
  else misshapenOnes.add(1)
  return {
    limit: String(limitTold({ headers })),
    misshapen: wrong,
    without_when: saysWhen({ headers }) ? '' : 'no Retry-After',
  }
}

function waitAfter(response: RefinedResponse<'text'>): number {
  return settings.waitsWhenThrottled && response.status === 429 ? waitOf(response.headers) : 0
}

function tokenIn({ status, body }: RefinedResponse<'text'>): string | undefined {
  if (status < 200 || status > 299) return undefined
  try {
    const { data } = JSON.parse(body ?? '') as { data?: { token?: unknown } }
    return typeof data?.token === 'string' ? data.token : undefined
  } catch {
    return undefined
  }
}
