// bulk-queue's verdicts on evidence: every way to fail is seen failing, for its own reason, and what the harness did wrong
// itself is never a failure of the target.

import { describe, expect, test } from 'vitest'
import type { Limits } from '../../../harness/check.ts'
import { demandSchema } from '../../../harness/evidence/store.ts'
import { soundLoad } from '../../lib/evidence.fixture.ts'
import { bulkQueue } from './check.ts'
import { type BulkEvidence, BulkEvidenceSchema } from './evidence.ts'
import { possibleRotations, refusedAlone } from './ledger.ts'
import { BULK_LIMITS } from './limits.ts'
import { rotated, rotationOf } from './settings.ts'

const limits = Object.fromEntries(BULK_LIMITS.map((limit) => [limit.name, limit])) as Limits
const QUEUED = 40
const OPERATIONS = 300

/** One operation each 200 ms, each over before the next begins. */
function good(): BulkEvidence {
  const before = Array.from({ length: QUEUED }, (_, index) => index.toString(16).padStart(24, '0'))
  const operations = Array.from({ length: OPERATIONS }, (_, index) => ({
    user: (index % 5) + 1,
    started_ms: index * 200,
    duration_ms: 40 + (index % 60),
    status: 200,
    error: '',
    rotation: rotationOf(index, QUEUED),
    count: QUEUED,
  }))
  const totals = { stored: 1_000, queued: QUEUED }
  return {
    schema: 'readiness-bulk-queue/1',
    route_status: 400,
    volume: { made_over: 'database', changesets_asked_for: 1_000 },
    managers: 5,
    rate_per_s: 5,
    duration_s: 60,
    before,
    after: rotated(before, operations.at(-1)!.rotation),
    totals_before: totals,
    totals_after: totals,
    load: soundLoad(2 * OPERATIONS, null),
    operations,
    listings: operations.map(({ user, started_ms, duration_ms }) => ({
      user,
      started_ms: started_ms + duration_ms,
      duration_ms: 12,
      status: 200,
      error: '',
      rows: QUEUED,
    })),
  }
}

function judge(change: (evidence: BulkEvidence) => void = () => {}) {
  const evidence = good()
  change(evidence)
  demandSchema(BulkEvidenceSchema, evidence, 'the test’s evidence')
  return bulkQueue.evaluate(evidence, limits)
}

test('three hundred orders in time, and the last one stands: pass, with the number and n', () => {
  expect(judge()).toMatchObject({ outcome: 'pass', n: OPERATIONS, measured: { label: 'p95', value: 96 } })
  expect(judge().because).toContain('300 bulk operations on 40 queued of 1000 changesets')
})

test('who was overtaken was answered as specified, where somebody did overtake him', () => {
  const overtaken = (evidence: BulkEvidence) => {
    for (let index = 10; index < 60; index += 2) {
      const { started_ms } = evidence.operations[index]!
      Object.assign(evidence.operations[index]!, { status: 409, count: null, started_ms: started_ms + 190 })
    }
  }
  expect(judge(overtaken).outcome).toBe('pass')
})

test('a target without such a route has nothing to measure', () => {
  const verdict = judge((e) => Object.assign(e, { route_status: 404, load: null, operations: [], listings: [] }))
  expect(verdict).toMatchObject({ outcome: 'not-applicable', because: expect.stringContaining('HTTP 404') })
})

describe('the target’s failures', () => {
  const failing = (every: number, status: number) => (e: BulkEvidence) => {
    for (const [index, one] of e.operations.entries())
      if (index % every === 1) Object.assign(one, { status, count: null })
  }
  test.each<[string, (e: BulkEvidence) => void, string]>([
    [
      'the slowest twentieth is too slow',
      (e) => {
        for (const [index, one] of e.operations.entries()) if (index % 15 === 0) one.duration_ms = 2_400
      },
      'p95 2400 ms',
    ],
    [
      'the slowest hundredth is far too slow',
      (e) => {
        for (const [index, one] of e.operations.entries()) if (index % 60 === 0) one.duration_ms = 6_000
      },
      'p99 6000 ms',
    ],
    ['a 5xx now and then', failing(90, 500), '4 of 300 bulk operations failed: HTTP 500 × 4; the limit is 1 %'],
    ['an order that is refused as invalid', failing(90, 400), 'HTTP 400 × 4'],
    [
      'looks at the queue fail',
      (e) =>
        void e.listings.splice(0, 5, ...e.listings.slice(0, 5).map((one) => ({ ...one, status: 503, rows: null }))),
      '5 of 300 listings of the queue failed',
    ],
    ['a look at the queue without a list', (e) => (e.listings[7]!.rows = null), '1 answers with 200 held no changeset'],
    ['one is lost', (e) => e.after.pop(), '1 queued changesets are lost'],
    ['one stands there twice', (e) => e.after.push(e.after[3]!), '1 changesets stand in the queue twice'],
    ['one got in', (e) => e.after.push('f'.repeat(24)), '1 changesets got into the queue'],
    [
      'the last order was not written',
      (e) => (e.after = e.before),
      'does not stand in the order that was acknowledged last',
    ],
    [
      'an older order stands',
      (e) => (e.after = rotated(e.before, e.operations.at(-3)!.rotation)),
      'does not stand in the order',
    ],
    ['two have changed places', (e) => e.after.splice(4, 2, e.after[5]!, e.after[4]!), 'does not stand in the order'],
    ['fewer are put into order than there are', (e) => (e.operations[9]!.count = 39), '1 answers tell another number'],
    ['one is queued no more', (e) => (e.totals_after = { stored: 1_000, queued: 39 }), '39 of them queued after it'],
    [
      'refused as overtaken while nobody else was there',
      (e) => Object.assign(e.operations[20]!, { status: 409, count: null }),
      '1 operations were refused with 409 while nobody else changed the queue',
    ],
  ])('%s: fail, for that reason', (_, change, reason) => {
    const verdict = judge(change)
    expect(verdict.outcome).toBe('fail')
    expect(verdict.because).toContain(reason)
    expect(verdict.remedy).toBeTruthy()
  })
})

describe('what is not the target’s', () => {
  test.each<[string, (e: BulkEvidence) => void, string]>([
    ['k6 crashed', (e) => (e.load!.generator.exit_code = 107), 'k6 ended with exit code 107'],
    ['an iteration threw', (e) => (e.load!.exceptions = 1), '1 iterations of the script threw'],
    ['a request without an end', (e) => (e.load!.attempted = 601), 'of 601 attempts 600 have a sample'],
    ['a rate limit stood in the way', (e) => (e.load!.throttled = 4), '4 answers were 429'],
    [
      'a smaller volume',
      (e) => Object.assign(e, both(e, { stored: 50, queued: QUEUED })),
      '50 changesets, 1000 are asked for',
    ],
    ['fewer operations than asked for', (e) => (e.duration_s = 100), '300 bulk operations, 500 are asked for'],
    [
      'operations that never began',
      (e) => (e.load!.generator.dropped_iterations = 9),
      '9 bulk operations were never started',
    ],
    ['nearly all overtook each other', overtakers, '20 bulk operations that were done, 59 are asked for'],
    [
      'it does not say how many there are',
      (e) => Object.assign(e, both(e, { stored: null, queued: null })),
      'does not say how many',
    ],
    [
      'other programs had the processors',
      (e) => {
        for (const one of e.operations) one.duration_ms = 7_000
        e.load!.other_cpu_share_max = 0.9
      },
      'other programs took up to 90 %',
    ],
    [
      'nothing was sent',
      (e) => Object.assign(e, { operations: [], listings: [], load: soundLoad(0, null) }),
      'nothing was measured',
    ],
  ])('%s: not verified', (_, change, reason) => {
    const verdict = judge(change)
    expect(verdict.outcome).toBe('not-verified')
    expect(verdict.because).toContain(reason)
  })
})

function both(_: BulkEvidence, totals: BulkEvidence['totals_before']) {
  return { totals_before: totals, totals_after: totals }
}

/** All begin beside the first; twenty are done, the first of them in the end. */
function overtakers(evidence: BulkEvidence): void {
  for (const [index, one] of evidence.operations.entries()) {
    Object.assign(one, { started_ms: 0, duration_ms: 900, ...(index < 280 ? { status: 409, count: null } : {}) })
  }
}

describe('which orders may stand in the end', () => {
  const operation = (started_ms: number, duration_ms: number, status: number, rotation: number) => ({
    user: 1,
    started_ms,
    duration_ms,
    status,
    error: '',
    rotation,
    count: null,
  })

  test('those that were under way when the last one began, and those without an answer', () => {
    const operations = [
      operation(0, 100, 200, 1),
      operation(200, 400, 200, 2),
      operation(500, 50, 200, 3),
      operation(100, 30_000, 0, 4),
      operation(520, 50, 409, 5),
      operation(530, 50, 500, 6),
    ]
    expect(possibleRotations({ operations })).toEqual(new Set([2, 3, 4, 6]))
  })

  test('one without an answer may overtake long after', () => {
    const operations = [operation(0, 10, 0, 1), operation(5_000, 50, 409, 2)]
    expect(refusedAlone({ operations })).toEqual([])
  })

  test('every operation asks for another order than there was, and than its neighbours', () => {
    const rotations = Array.from({ length: 100 }, (_, index) => rotationOf(index, 7))
    expect(new Set(rotations)).toEqual(new Set([1, 2, 3, 4, 5, 6]))
    for (const [index, rotation] of rotations.slice(1).entries()) expect(rotation).not.toBe(rotations[index])
    expect(rotated(['a', 'b', 'c'], 1)).toEqual(['b', 'c', 'a'])
  })
})
