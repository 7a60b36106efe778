// k6 only: config managers put the whole queue into another order, at a constant rate however slow the server is, and look at
// its first page after each. Each operation asks for an order of its own, so that the order in the end tells which it was.
// Who was overtaken (409: the queue has just changed) does not insist: two who insist would only overtake each other.

import exec from 'k6/execution'
import { Trend } from 'k6/metrics'
import type { Options } from 'k6/options'
import { ask, attempted, errorOf, guarded, optionsOf, readSettings, waitedFor, warm } from '../../lib/k6-side.ts'
import { request } from '../../lib/target-manners.ts'
import { type BulkSettings, rotated, rotationOf } from './settings.ts'

export { handleSummary } from '../../lib/k6-side.ts'

const settings = readSettings<BulkSettings>()
const { tokens, queued, limitsMs } = settings
const waited = new Trend('bulk_ms', true)

const PAGE_SIZE = 100

const queueUrl = `${settings.baseUrl}/api/apps/${settings.appId}/queue`

export const options: Options = optionsOf({
  scenarios: {
    bulk: {
      executor: 'constant-arrival-rate',
      exec: 'reorder',
      rate: settings.ratePerS,
      timeUnit: '1s',
      duration: `${settings.durationS}s`,
      // Enough for every operation to take twice the limit; more would hide that the server is behind.
      preAllocatedVUs: Math.ceil((settings.ratePerS * 2 * limitsMs.p99) / 1_000),
      gracefulStop: `${2 * settings.requestTimeoutS}s`,
    },
  },
  warmers: Math.min(tokens.length, 10),
  iterations: null,
  thresholds: { 'bulk_ms{kind:reorder}': [`p(95)<=${limitsMs.p95}`, `p(99)<=${limitsMs.p99}`] },
  manners: settings,
})

export function warm_up(): void {
  warm(`${queueUrl}?limit=${PAGE_SIZE}`, tokens[exec.scenario.iterationInTest % tokens.length]!)
}

export function reorder(): void {
  guarded(() => {
    const iteration = exec.scenario.iterationInTest
    const user = iteration % tokens.length
    const rotation = rotationOf(iteration, queued.length)
    reorderQueue(user, rotation)
    lookAtQueue(user)
  })
}

function reorderQueue(user: number, rotation: number): void {
  attempted.add(1)
  const response = request(
    'POST',
    `${queueUrl}/reorder`,
    JSON.stringify({ ordered_changeset_ids: rotated(queued, rotation) }),
    {
      headers: { authorization: `Bearer ${tokens[user]!}`, 'content-type': 'application/json' },
      responseType: 'text',
      tags: { name: 'POST /api/apps/{appId}/queue/reorder' },
      timeout: `${settings.requestTimeoutS}s`,
    },
  )
  waited.add(waitedFor(response), {
    kind: 'reorder',
    user: String(user + 1),
    rotation: String(rotation),
    status: String(response.status),
    error: errorOf(response),
    count: countIn(response.body),
  })
}

function lookAtQueue(user: number): void {
  const { status, error, body, waited_ms } = ask(`${queueUrl}?page=1&limit=${PAGE_SIZE}`, {
    token: tokens[user]!,
    name: 'GET /api/apps/{appId}/queue',
    timeoutS: settings.requestTimeoutS,
  })
  waited.add(waited_ms, { kind: 'list', user: String(user + 1), status: String(status), error, rows: rowsIn(body) })
}

/** How many it says were put into order; empty where it does not say. */
function countIn(body: unknown): string {
  try {
    const { data } = JSON.parse(String(body)) as { data?: { reordered_count?: unknown } }
    return typeof data?.reordered_count === 'number' ? String(data.reordered_count) : ''
  } catch {
    return ''
  }
}

/** Rows of the page; empty where it is no list. While others change the order, nothing says which rows they are. */
function rowsIn(body: string): string {
  try {
    const { data } = JSON.parse(body) as { data?: unknown }
    return Array.isArray(data) ? String(data.length) : ''
  } catch {
    return ''
  }
}
