// L7's verdicts on evidence: every way to fail is seen failing, for its own reason, and what the harness did wrong itself is
// never a failure of the target.

import { describe, expect, test } from 'vitest'
import type { Limits } from '../../harness/check.ts'
import { demandSchema } from '../../harness/evidence/store.ts'
import { soundLoad } from '../lib/evidence.fixture.ts'
import { openListing, queuedListing } from './check.ts'
import { type ListingEvidence, ListingEvidenceSchema } from './evidence.ts'
import { digestOf } from './ledger.ts'
import { L7_LIMITS } from './limits.ts'

const limits = Object.fromEntries(L7_LIMITS.map((limit) => [limit.name, limit])) as Limits

/** Five hundred queued ones on twenty-five pages, newest first; every tenth is of the same moment as the one before it. */
function good(): ListingEvidence {
  const rows = Array.from({ length: 500 }, (_, index) => ({
    id: index.toString(16).padStart(24, '0'),
    state: 'queued',
    updated_at: new Date(1_764_000_000_000 - 60_000 * (index % 10 === 9 ? index - 1 : index)).toISOString(),
  }))
  const pages = Array.from({ length: 25 }, (_, index) => ({
    page: index + 1,
    status: 200,
    total: 500,
    rows: rows.slice(index * 20, (index + 1) * 20),
  }))
  const walk = (when: 'before' | 'after') => ({ when, pages: structuredClone(pages) })
  return {
    schema: 'readiness-listing/1',
    scenario: 'L7',
    volume: { made_over: 'database', queued: rows.map(({ id }) => id), stored: 1_000, missing: [] },
    users: 50,
    page_size: 20,
    pages: 25,
    listings_planned: 500,
    rate_limit_per_minute: 100,
    load: soundLoad(500),
    listings: Array.from({ length: 500 }, (_, index) => {
      const page = (index % 25) + 1
      return {
        user: (index % 50) + 1,
        page,
        started_ms: index * 2,
        duration_ms: 40 + (index % 60),
        status: 200,
        error: '',
        rows: 20,
        strays: 0,
        total: 500,
        ids: digestOf(pages[page - 1]!.rows.map(({ id }) => id)),
      }
    }),
    walks: [walk('before'), walk('after')],
  }
}

function judge(change: (evidence: ListingEvidence) => void = () => {}) {
  const evidence = good()
  change(evidence)
  demandSchema(ListingEvidenceSchema, evidence, 'the test’s evidence')
  return queuedListing.evaluate(evidence, limits)
}

test('five hundred right answers in time: pass, with the number, n, and whether limits were on', () => {
  expect(judge()).toMatchObject({ outcome: 'pass', n: 500, measured: { label: 'p99' } })
  expect(judge().because).toContain('rate limits were on: 100 requests a minute')
  expect(judge((e) => (e.rate_limit_per_minute = null)).because).toContain('rate limits were off or not told')
})

test('the open-model twin is judged alike, and beside the verdict', () => {
  expect(openListing.evaluate({ ...good(), scenario: 'L7.open', listings_planned: null }, limits).outcome).toBe('pass')
  expect(openListing.requirement.level).toBe('SHOULD')
})

describe('the target’s failures', () => {
  test.each<[string, (e: ListingEvidence) => void, string]>([
    [
      'a slow fiftieth',
      (e) => {
        for (const [index, one] of e.listings.entries()) one.duration_ms = index % 50 === 0 ? 640 : 40
      },
      ', limit 500 ms',
    ],
    [
      'a time-out',
      (e) =>
        Object.assign(e.listings[3]!, { status: 0, error: '1050 request timeout', rows: null, total: null, ids: '' }),
      'no answer (1050 request timeout) × 1',
    ],
    ['a 5xx', (e) => Object.assign(e.listings[3]!, { status: 500, rows: null }), 'HTTP 500 × 1'],
    ['a 200 without a list', (e) => Object.assign(e.listings[3]!, { rows: null }), '1 answers with 200 held no list'],
    [
      'a row of another state, beside the load',
      (e) => (e.walks[0]!.pages[2]!.rows[5]!.state = 'draft'),
      '1 rows are not queued',
    ],
    ['a row of another state, under load', (e) => (e.listings[9]!.strays = 2), '1 rows are not queued, first 2 rows'],
    [
      'another total',
      (e) => (e.listings[9]!.total = 1_000),
      '1 pages tell another total, first page 10 for user 10: 1000 instead of 500',
    ],
    [
      'a row on two pages, and therefore one on none',
      (e) => (e.walks[0]!.pages[1]!.rows[0] = e.walks[0]!.pages[0]!.rows[19]!),
      '1 rows stand on two pages',
    ],
    ['a row on no page', (e) => e.walks[1]!.pages[24]!.rows.pop(), '1 queued changesets stand on no page'],
    [
      'two rows in the wrong order',
      (e) => e.walks[0]!.pages[4]!.rows.splice(2, 2, ...e.walks[0]!.pages[4]!.rows.slice(2, 4).reverse()),
      '1 rows stand in the wrong order',
    ],
    [
      'another page under load',
      (e) => (e.listings[7]!.ids = 'f'.repeat(32)),
      '1 pages held something else under load, first page 8',
    ],
  ])('%s is a failure, for that reason', (_, change, reason) => {
    const verdict = judge(change)
    expect(verdict.outcome).toBe('fail')
    expect(verdict.because).toContain(reason)
    expect(verdict.remedy).toBeTruthy()
  })
})

describe('what is not the target’s', () => {
  test.each<[string, (e: ListingEvidence) => void, string]>([
    ['k6 crashed', (e) => (e.load.generator.exit_code = 107), 'k6 ended with exit code 107'],
    ['listings are missing', (e) => e.listings.pop(), '499 of 500 planned listings ended'],
    ['fewer queued than specified', (e) => smaller(e), '480 changesets, 500 are specified'],
    ['fewer users than specified', (e) => (e.users = 20), '20 users, 50 are specified'],
    ['too few samples', (e) => few(e), '200 samples are too few for a p99'],
    [
      'its rate limits refused some',
      (e) => Object.assign(e.listings[3]!, { status: 429, rows: null, total: null, ids: '' }),
      'rate limits refused 1 of 500',
    ],
    [
      'a page that could not be read beside the load',
      (e) => Object.assign(e.walks[1]!.pages[24]!, { status: 0, rows: [], total: null }),
      '1 pages could not be read beside the load',
    ],
    [
      'other programs had the processors',
      (e) => {
        for (const one of e.listings) one.duration_ms = 900
        e.load.other_cpu_share_max = 0.6
      },
      'other programs took up to 60 %',
    ],
  ])('%s: not verified', (_, change, reason) => {
    const verdict = judge(change)
    expect(verdict.outcome).toBe('not-verified')
    expect(verdict.because).toContain(reason)
  })

  test('a smaller volume says what it lacks', () => {
    expect(judge((e) => smaller(e)).remedy).toContain('20 of 500 queued changesets')
  })
})

function smaller(evidence: ListingEvidence): void {
  evidence.volume.queued.splice(480)
  evidence.volume.missing = ['20 of 500 queued changesets']
  for (const walk of evidence.walks) {
    walk.pages.splice(24)
    for (const page of walk.pages) page.total = 480
  }
  for (const listing of evidence.listings) {
    listing.total = 480
    if (listing.page === 25) Object.assign(listing, { page: 1, ids: evidence.listings[0]!.ids })
  }
}

function few(evidence: ListingEvidence): void {
  evidence.listings.splice(200)
  evidence.listings_planned = 200
  evidence.load = soundLoad(200)
}
