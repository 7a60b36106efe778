// k6 only: the queue is listed at a constant rate while it drains. Nothing is judged here.

import exec from 'k6/execution'
import { Trend } from 'k6/metrics'
import type { Options } from 'k6/options'
import { ask, guarded, optionsOf, readSettings, warm } from '../lib/k6-side.ts'
import type { QueueReaderSettings } from '../lib/settings.ts'

export { handleSummary } from '../lib/k6-side.ts'

const settings = readSettings<QueueReaderSettings>()
const { tokens } = settings
const waited = new Trend('listing_ms', true)

/** So many answers may be on their way before a listing cannot be begun: each may take two seconds. */
const SECONDS_UNDER_WAY = 2

export const options: Options = optionsOf({
  scenarios: {
    L3: {
      executor: 'constant-arrival-rate',
      exec: 'list',
      rate: settings.ratePerS,
      timeUnit: '1s',
      duration: `${settings.durationS}s`,
      preAllocatedVUs: settings.ratePerS * SECONDS_UNDER_WAY,
      gracefulStop: `${settings.requestTimeoutS}s`,
    },
  },
  warmers: settings.ratePerS,
  iterations: null,
  thresholds: { listing_ms: ['max>=0'] },
  manners: settings,
})

const url = `${settings.baseUrl}/api/apps/${settings.appId}/changesets?state=queued&page=1&limit=100`

export function warm_up(): void {
  warm(url, tokens[exec.scenario.iterationInTest % tokens.length]!)
}

export function list(): void {
  guarded(() => {
    const { status, error, body, waited_ms } = ask(url, {
      token: tokens[exec.scenario.iterationInTest % tokens.length]!,
      name: 'GET /api/apps/{appId}/changesets?state=queued',
      timeoutS: settings.requestTimeoutS,
    })
    waited.add(waited_ms, { status: String(status), error, rows: rowsIn(body) })
  })
}

function rowsIn(body: string): string {
  try {
    const { data } = JSON.parse(body) as { data: unknown[] }
    return String(data.length)
  } catch {
    return ''
  }
}
