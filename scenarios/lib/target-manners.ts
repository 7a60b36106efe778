// k6 only: how a load treats a target. Redirects are answers and never followed; a rate limit is obeyed, and what it refused is
// sent again; on a target that is not ours the load ends by itself once too many answers are 5xx.

import { sleep } from 'k6'
import http, { type RefinedParams, type RefinedResponse, type RequestBody } from 'k6/http'
import { Counter, Rate } from 'k6/metrics'
import { COUNTERS } from './counters.ts'
import { type Manners, STOP_METRIC, THROTTLE_WAIT_S_MAX } from './manners-settings.ts'

const throttled = new Counter(COUNTERS.throttled)
/** No answer counts as one: a target that is down answers nothing. */
const serverErrors = new Rate(STOP_METRIC)

const ONE_WAIT_S_MAX = 65

/**
 * For `options.thresholds`. With no bounds, on a stack of our own, nothing ends the load but its own plan. `after_s`: when the
 * measured load has been under way for a moment, so that the share is one of some tens of answers.
 */
export function stopThresholds({ stopAt5xxShare }: Manners, after_s: number) {
  return stopAt5xxShare === null
    ? {}
    : { [STOP_METRIC]: [{ threshold: `rate<${stopAt5xxShare}`, abortOnFail: true, delayAbortEval: `${after_s}s` }] }
}

/**
 * The first answer that is no 429, or a 429 when the iteration has waited long enough. A warm-up's answers are no part of the
 * load, and do not end it.
 */
export function request<R extends 'text' | 'none'>(
  method: string,
  url: string,
  body: RequestBody | null,
  params: RefinedParams<R>,
  part: 'load' | 'warm-up' = 'load',
): RefinedResponse<R> {
  let waited_s = 0
  for (;;) {
    const response = requestOnce(method, url, body, params, part)
    if (response.status !== 429) return response
    if (part === 'load') throttled.add(1)
    const wait_s = waitOf(response.headers)
    if (waited_s + wait_s > THROTTLE_WAIT_S_MAX) return response
    sleep(wait_s)
    waited_s += wait_s
  }
}

/** Whatever the answer is, a 429 too: for a load that is about rate limits. It waits as `waitOf` says where the target is not ours. */
export function requestOnce<R extends 'text' | 'none'>(
  method: string,
  url: string,
  body: RequestBody | null,
  params: RefinedParams<R>,
  part: 'load' | 'warm-up' = 'load',
): RefinedResponse<R> {
  const response = http.request(method, url, body, { ...params, redirects: 0 }) as RefinedResponse<R>
  if (part === 'load') serverErrors.add(response.status === 0 || response.status >= 500)
  return response
}

/** Retry-After, else the end of the window, else a second. Bounded: the headers are the target's. */
export function waitOf(headers: Record<string, string>): number {
  const named = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  const retryAfter = Number(named['retry-after'])
  if (Number.isFinite(retryAfter) && retryAfter > 0) return Math.min(Math.max(retryAfter, 0.1), ONE_WAIT_S_MAX)
  const reset = Number(named['x-ratelimit-reset'])
  if (Number.isFinite(reset) && reset > 0) return Math.min(Math.max(reset - Date.now() / 1_000, 0.5), ONE_WAIT_S_MAX)
  return 1
}
