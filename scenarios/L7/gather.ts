// Lists the queued changesets as fifty people would, and walks through all pages before and after, to know what each page
// must hold. Touches the world, judges nothing.

import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Gatherer } from '../../harness/check.ts'
import type { K6Sample } from '../../harness/k6.ts'
import type { Run } from '../../harness/run.ts'
import { listChangesets } from '../../harness/target/conman/changesets.ts'
import { type ListingFixture, seedListing } from '../../seed/volume/listing.ts'
import { rounded, runLoad, startOf } from '../lib/load.ts'
import { mannersOf } from '../lib/manners-settings.ts'
import type { ListingSettings } from '../lib/settings.ts'
import { type ListingEvidence, ListingEvidenceSchema } from './evidence.ts'
import { L7_LIMITS } from './limits.ts'

type Scenario = ListingEvidence['scenario']
type Walk = ListingEvidence['walks'][number]

/** Far above the limit, so that a slow listing is measured and not cut off. */
const REQUEST_TIMEOUT_S = 30

/** What a page has where nothing is asked (http-api §1.8); it is asked for all the same. */
const PAGE_SIZE = 20

/** One window of the specified limit, and a bit. */
const WINDOW_MS_MAX = 65_000

export function listingGatherer(scenario: Scenario, title: string): Gatherer<ListingEvidence> {
  return {
    id: scenario,
    title,
    schema: ListingEvidenceSchema,
    needs: ['http', 'repositories'],
    effect: 'writes',
    leaves: 'the seeded volume: apps, members, workspaces and changesets with the run’s prefix',
    load: ({ L7 }) => ({ users: L7.users, requests_per_s: scenario === 'L7' ? null : L7.open_rate_per_s }),
    expected_s: ({ L7 }) => 20 + (scenario === 'L7' ? L7.listings_per_user / 5 : L7.open_duration_s),
    gather: (run) => gatherListings(run, scenario),
  }
}

async function gatherListings(run: Run, scenario: Scenario): Promise<ListingEvidence> {
  const sizes = run.profile.L7
  const fixture = await seedListing(run)
  const readers = fixture.readers.slice(0, sizes.users)
  const pages = Math.max(1, Math.ceil(fixture.queued.length / PAGE_SIZE))
  const planned = scenario === 'L7' ? readers.length * sizes.listings_per_user : null
  const requests = planned ?? sizes.open_rate_per_s * sizes.open_duration_s
  const settings: ListingSettings = {
    scenario,
    baseUrl: run.target.baseUrl,
    appId: fixture.app.id,
    tokens: readers.map(({ token }) => token),
    pages,
    pageSize: PAGE_SIZE,
    listingsPerUser: sizes.listings_per_user,
    ratePerS: sizes.open_rate_per_s,
    durationS: sizes.open_duration_s,
    latencyLimitMs: run.limits(scenario, L7_LIMITS).latency_ms_p99!.value,
    requestTimeoutS: REQUEST_TIMEOUT_S,
    ...mannersOf(run.target.loadBounds),
  }
  const before = await walk(run, fixture, pages, 'before')
  const rateLimit = await allowance(run, fixture, readers, Math.ceil(requests / readers.length))
  run.progress.say(
    `${scenario}: ${readers.length} users list ${fixture.queued.length} queued changesets, ${
      scenario === 'L7'
        ? `${sizes.listings_per_user} pages each`
        : `${sizes.open_rate_per_s} pages a second for ${sizes.open_duration_s} s`
    }`,
  )
  const { load, samples } = await runLoad(run, {
    entry: fileURLToPath(new URL('./script.ts', import.meta.url)),
    settings,
    metric: 'listing_ms',
    iterations: planned,
    bound_s: (scenario === 'L7' ? 600 : sizes.open_duration_s) + 2 * REQUEST_TIMEOUT_S + 30,
    label: scenario,
  })
  const listings = listingsOf(samples)
  run.progress.say(`${scenario}: ${listings.length} listings ended; walking through the pages again`)
  return {
    schema: 'readiness-listing/1',
    scenario,
    volume: {
      made_over: fixture.made_over,
      queued: fixture.queued,
      stored: fixture.stored,
      missing: fixture.missing,
    },
    users: readers.length,
    page_size: PAGE_SIZE,
    pages,
    listings_planned: planned,
    rate_limit_per_minute: rateLimit,
    load,
    listings,
    walks: [before, await walk(run, fixture, pages, 'after')],
  }
}

function listingsOf(samples: readonly K6Sample[]): ListingEvidence['listings'] {
  const first = samples[0] === undefined ? 0 : startOf(samples[0])
  const count = (text: string | undefined) => (text === undefined || text === '' ? null : Number(text))
  return samples.map((sample) => ({
    user: Number(sample.tags.user),
    page: Number(sample.tags.page),
    started_ms: rounded(startOf(sample) - first),
    duration_ms: rounded(sample.value),
    status: Number(sample.tags.status),
    error: sample.tags.error ?? '',
    rows: count(sample.tags.rows),
    strays: count(sample.tags.strays),
    total: count(sample.tags.total),
    ids: sample.tags.ids ?? '',
  }))
}

async function walk(run: Run, fixture: ListingFixture, pages: number, when: Walk['when']): Promise<Walk> {
  const result: Walk['pages'] = []
  for (let page = 1; page <= pages; page += 1) {
    run.signal.throwIfAborted()
    const listing = listChangesets(fixture.app.id, { state: 'queued' })
    const query = { ...listing.query, page: String(page), limit: String(PAGE_SIZE) }
    const answer = await run.target.conman.answer(fixture.adminToken, { ...listing, query })
    const { data, pagination } = (answer.json ?? {}) as { data?: unknown; pagination?: { total?: unknown } }
    const rows = Array.isArray(data) ? (data as Record<string, unknown>[]) : []
    const total = pagination?.total
    result.push({
      page,
      status: answer.status,
      total: typeof total === 'number' && Number.isInteger(total) ? total : null,
      rows: rows.map((row) => ({
        id: String(row.id ?? ''),
        state: String(row.state ?? ''),
        updated_at: String(row.updated_at ?? ''),
      })),
    })
    run.progress.update(`walking through the pages ${when} the load: ${page} of ${pages}`)
  }
  return { when, pages: result }
}

/**
 * The limit that the target tells a reader, after waiting until what is left of this window suffices for the load: another
 * load of the same readers may have used it up.
 */
async function allowance(
  run: Run,
  { app }: ListingFixture,
  readers: ListingFixture['readers'],
  perReader: number,
): Promise<number | null> {
  const last = readers.at(-1)
  if (last === undefined) return null
  const answer = await run.target.conman.answer(last.token, { ...listChangesets(app.id), query: { limit: '1' } })
  const header = (name: string) => {
    const value = Number(answer.headers[name] || Number.NaN)
    return Number.isFinite(value) ? value : null
  }
  const limit = header('x-ratelimit-limit')
  const remaining = header('x-ratelimit-remaining')
  const reset_s = header('x-ratelimit-reset')
  if (limit === null || remaining === null || reset_s === null || remaining > perReader) return limit
  const wait_ms = Math.min(Math.max(reset_s * 1_000 - Date.now(), 0) + 500, WINDOW_MS_MAX)
  run.progress.say(
    `the readers have ${remaining} requests left in this window: waiting ${Math.ceil(wait_ms / 1_000)} s for the next`,
  )
  await delay(wait_ms, undefined, { signal: run.signal })
  return limit
}
