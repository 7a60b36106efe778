// k6 only: people list the queued changesets, page by page. One process runs one of two shapes:
//   L7       50 users, each its share of listings one after the other, as the requirement says
//   L7.open  listings arrive at a constant rate, however slow the server is: free of coordinated omission
// Nothing is judged here. Every listing is a sample with what its page held, from which Node makes the ledger.

import { md5 } from 'k6/crypto'
import exec from 'k6/execution'
import { Trend } from 'k6/metrics'
import type { Options, Scenario } from 'k6/options'
import { ask, guarded, optionsOf, readSettings, warm } from '../lib/k6-side.ts'
import type { ListingSettings } from '../lib/settings.ts'

export { handleSummary } from '../lib/k6-side.ts'

const settings = readSettings<ListingSettings>()
const { scenario, tokens, pages } = settings
const waited = new Trend('listing_ms', true)

const shape: Scenario =
  scenario === 'L7'
    ? {
        executor: 'per-vu-iterations',
        exec: 'list',
        vus: tokens.length,
        iterations: settings.listingsPerUser,
        maxDuration: '10m',
        gracefulStop: `${settings.requestTimeoutS}s`,
      }
    : {
        executor: 'constant-arrival-rate',
        exec: 'list',
        rate: settings.ratePerS,
        timeUnit: '1s',
        duration: `${settings.durationS}s`,
        // Enough for every listing to take twice the limit; more would hide that the server is behind.
        preAllocatedVUs: Math.ceil((settings.ratePerS * 2 * settings.latencyLimitMs) / 1_000),
        gracefulStop: `${settings.requestTimeoutS}s`,
      }

export const options: Options = optionsOf({
  scenarios: { [scenario.replace('.', '_')]: shape },
  warmers: tokens.length,
  iterations: scenario === 'L7' ? tokens.length * settings.listingsPerUser : null,
  thresholds: { listing_ms: [`p(99)<=${settings.latencyLimitMs}`] },
  manners: settings,
})

function urlOf(page: number): string {
  return `${settings.baseUrl}/api/apps/${settings.appId}/changesets?state=queued&page=${page}&limit=${settings.pageSize}`
}

export function warm_up(): void {
  warm(urlOf(1), tokens[exec.scenario.iterationInTest % tokens.length]!)
}

/**
 * Whose turn it is, and his how-manieth. Closed: each virtual user is one person, wherever it runs; the scenario's own numbers
 * would not be dealt out evenly where a segment has one virtual user more than another. Open: people take turns.
 */
function turn(): { user: number; nth: number } {
  if (scenario === 'L7') return { user: exec.vu.idInTest - 1, nth: exec.vu.iterationInScenario }
  const iteration = exec.scenario.iterationInTest
  return { user: iteration % tokens.length, nth: Math.floor(iteration / tokens.length) }
}

/** Each goes through all pages, each beginning at another one: at any moment many pages are asked for. */
export function list(): void {
  guarded(() => {
    const { user, nth } = turn()
    const page = ((user + nth) % pages) + 1
    const { status, error, body, waited_ms } = ask(urlOf(page), {
      token: tokens[user]!,
      name: 'GET /api/apps/{appId}/changesets?state=queued',
      timeoutS: settings.requestTimeoutS,
    })
    waited.add(waited_ms, {
      user: String(user + 1),
      page: String(page),
      status: String(status),
      error,
      ...heldBy(body),
    })
  })
}

/** What a page held: rows, rows that are not queued, the total that it told, and its ids in their order as one digest. */
function heldBy(body: string): Record<string, string> {
  try {
    const { data, pagination } = JSON.parse(body) as {
      data: { id: string; state: string }[]
      pagination?: { total?: number }
    }
    return {
      rows: String(data.length),
      strays: String(data.filter(({ state }) => state !== 'queued').length),
      total: String(pagination?.total ?? ''),
      ids: md5(data.map(({ id }) => id).join(','), 'hex'),
    }
  } catch {
    return { rows: '', strays: '', total: '', ids: '' }
  }
}
