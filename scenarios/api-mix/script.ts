// k6 only: normal load. Requests of all kinds arrive at a constant rate, however slow the server is, one an iteration in the
// order of the plan. Nothing is judged here. Every request is a sample with what its answer made, from which Node makes the
// ledger.

import exec from 'k6/execution'
import type { RefinedResponse } from 'k6/http'
import { Trend } from 'k6/metrics'
import type { Options } from 'k6/options'
import { attempted, errorOf, guarded, optionsOf, readSettings, waitedFor, warm } from '../lib/k6-side.ts'
import type { MixSettings } from '../lib/settings.ts'
import { request } from '../lib/target-manners.ts'

export { handleSummary } from '../lib/k6-side.ts'

const settings = readSettings<MixSettings>()
const { requests, tokens } = settings
const waited = new Trend('request_ms', true)

export const options: Options = optionsOf({
  scenarios: {
    api_mix: {
      executor: 'constant-arrival-rate',
      exec: 'mix',
      rate: settings.ratePerS,
      timeUnit: '1s',
      duration: `${settings.durationS}s`,
      // Enough for every request to take twice the limit; more would hide that the server is behind.
      preAllocatedVUs: Math.ceil((settings.ratePerS * 2 * settings.latencyLimitMs) / 1_000),
      gracefulStop: `${settings.requestTimeoutS}s`,
    },
  },
  warmers: tokens.length,
  iterations: null,
  thresholds: { request_ms: [`p(99)<=${settings.latencyLimitMs}`] },
  manners: settings,
})

export function warm_up(): void {
  const user = exec.scenario.iterationInTest % tokens.length
  const own = requests.find((one) => one.user === user + 1 && one.method === 'GET') ?? requests[0]!
  warm(`${settings.baseUrl}${own.path}`, tokens[user]!)
}

export function mix(): void {
  guarded(() => {
    const index = exec.scenario.iterationInTest
    const planned = requests[index]
    // k6 may begin one iteration more than the rate makes in its time.
    if (planned === undefined) return
    attempted.add(1)
    const response = request(
      planned.method,
      `${settings.baseUrl}${planned.path}`,
      planned.body === undefined ? null : JSON.stringify(planned.body),
      {
        headers: { authorization: `Bearer ${tokens[planned.user - 1]!}`, 'content-type': 'application/json' },
        responseType: 'text',
        tags: { name: planned.name },
        timeout: `${settings.requestTimeoutS}s`,
      },
    )
    waited.add(waitedFor(response), {
      index: String(index),
      status: String(response.status),
      error: errorOf(response),
      ...toldBy(response, planned.holds),
    })
  })
}

/** Whether an answer holds what it should, and what of a deed it tells. Bounded: the texts are the target's. */
function toldBy(response: RefinedResponse<'text'>, holds: 'data' | 'components'): Record<string, string> {
  try {
    const answer = JSON.parse(String(response.body)) as Record<string, unknown>
    const data = (answer.data ?? {}) as Record<string, unknown>
    const made = (data.changeset ?? data.release ?? data.comment ?? data) as Record<string, unknown>
    const text = (value: unknown) => (typeof value === 'string' ? value.slice(0, 100) : '')
    return {
      holds: String(answer[holds] !== undefined && answer[holds] !== null),
      id: text(made.id),
      commit: text(data.commit_sha),
      tag: text(made.tag),
    }
  } catch {
    return { holds: 'false', id: '', commit: '', tag: '' }
  }
}
