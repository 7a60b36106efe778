// k6 only: the clients of thousands of users poll jobs and changesets, at a constant rate however slow the server is. Users take
// turns, so that each of them comes as seldom as thousands of clients would. Nothing is judged here.

import { SharedArray } from 'k6/data'
import exec from 'k6/execution'
import { Trend } from 'k6/metrics'
import type { Options } from 'k6/options'
import { ask, guarded, optionsOf, readSettings, warm } from '../../lib/k6-side.ts'
import { LISTS, type List, PAGE_SIZE, type PollSettings } from './settings.ts'

export { handleSummary } from '../../lib/k6-side.ts'

// Thousands of tokens are read once, and not once for each of hundreds of virtual users.
const tokens = new SharedArray('tokens', () => readSettings<PollSettings>().tokens)
const settings = new SharedArray('settings', () => [{ ...readSettings<PollSettings>(), tokens: [] }])[0]!
const waited = new Trend('poll_ms', true)
const { limitsMs, ratePerS } = settings

const WARMERS = 20

export const options: Options = optionsOf({
  scenarios: {
    polling: {
      executor: 'constant-arrival-rate',
      exec: 'poll',
      rate: ratePerS,
      timeUnit: '1s',
      duration: `${settings.durationS}s`,
      // Enough for every poll to take twice the limit; more would hide that the server is behind.
      preAllocatedVUs: Math.ceil((ratePerS * 2 * limitsMs.p99) / 1_000),
      gracefulStop: `${settings.requestTimeoutS}s`,
    },
  },
  warmers: Math.min(tokens.length, WARMERS),
  iterations: null,
  thresholds: { poll_ms: [`p(95)<=${limitsMs.p95}`, `p(99)<=${limitsMs.p99}`] },
  manners: settings,
})

function urlOf(list: List): string {
  return `${settings.baseUrl}/api/apps/${settings.appId}/${list}?page=1&limit=${PAGE_SIZE}`
}

export function warm_up(): void {
  const iteration = exec.scenario.iterationInTest
  warm(urlOf(LISTS[iteration % LISTS.length]!), tokens[iteration % tokens.length]!)
}

export function poll(): void {
  guarded(() => {
    const iteration = exec.scenario.iterationInTest
    const user = iteration % tokens.length
    // The next time round each user asks for the other list.
    const list = LISTS[(user + Math.floor(iteration / tokens.length)) % LISTS.length]!
    const { status, error, body, waited_ms } = ask(urlOf(list), {
      token: tokens[user]!,
      name: `GET /api/apps/{appId}/${list}`,
      timeoutS: settings.requestTimeoutS,
    })
    waited.add(waited_ms, { list, user: String(user + 1), status: String(status), error, ...heldBy(body) })
  })
}

/** Rows and the total that the answer tells; empty where it holds no list. */
function heldBy(body: string): { rows: string; total: string } {
  try {
    const { data, pagination } = JSON.parse(body) as { data?: unknown; pagination?: { total?: unknown } }
    const total = pagination?.total
    return {
      rows: Array.isArray(data) ? String(data.length) : '',
      total: Number.isInteger(total) ? String(total) : '',
    }
  } catch {
    return { rows: '', total: '' }
  }
}
