// What is judged from normal load, on evidence: every way to fail is seen failing, for its own reason, and what the harness or the
// machine did wrong is never a failure of the target.

import { describe, expect, test } from 'vitest'
import { demandSchema } from '../../harness/evidence/store.ts'
import { soundLoad } from '../lib/evidence.fixture.ts'
import { slowQuery, soundQueries } from '../lib/slow-queries.fixture.ts'
import { soundAftermath } from '../lib/told.fixture.ts'
import { apiMixChecks } from './check.ts'
import { type ApiMixEvidence, ApiMixSchema } from './evidence.ts'
import { countOf, KINDS, MIX, orderOf } from './mix.ts'

function good(n = 3_200): ApiMixEvidence {
  return {
    schema: 'readiness-api-mix/1',
    users: 50,
    rate_per_s: 50,
    duration_s: n / 50,
    planned: n,
    load: soundLoad(n, null),
    requests: orderOf(n).map((kind, index) => ({
      index,
      kind,
      user: (index % 50) + 1,
      started_ms: index * 20,
      duration_ms: 10 + (index % 90),
      status: 200,
      error: '',
      holds: true,
    })),
    aftermath: soundAftermath(),
    queries: soundQueries(),
  }
}

function judge(id: string, change: (evidence: ApiMixEvidence) => void = () => {}, n?: number) {
  const check = apiMixChecks.find((one) => one.id === id)!
  const evidence = good(n)
  change(evidence)
  demandSchema(ApiMixSchema, evidence, 'the test’s evidence')
  return check.evaluate(evidence, Object.fromEntries(check.limits.map((limit) => [limit.name, limit])))
}

const IDS = apiMixChecks.map(({ id }) => id)

/** One request in so many. */
const some = (evidence: ApiMixEvidence, oneIn: number, what: Partial<ApiMixEvidence['requests'][number]>) => {
  for (const one of evidence.requests) if (one.index % oneIn === 0) Object.assign(one, what)
}

test.each(IDS)('%s passes on a sound run, of the specified size and of a smaller one', (id) => {
  expect(judge(id).outcome).toBe('pass')
  expect(judge(id, undefined, 400).outcome).toBe('pass')
})

test('figures come with what they rest on: n, the window, and that it is not 30 days', () => {
  expect(judge('GL-P2')).toMatchObject({ n: 3_200, measured: { label: 'p99' } })
  for (const id of ['SLO1', 'SLO2']) expect(judge(id).because).toMatch(/steady window of 64 s .* not 30 days/)
  expect(judge('SLO1').because).toContain('100 % of 3200 requests')
})

describe('the target’s failures', () => {
  test.each<[string, string, (e: ApiMixEvidence) => void, string]>([
    ['GL-P2', 'one slow request in fifty', (e) => some(e, 50, { duration_ms: 640 }), ', limit 500 ms'],
    ['SLO2', 'one slow request in fifty', (e) => some(e, 50, { duration_ms: 640 }), ', limit 500 ms'],
    ['GL-P2', 'a server error', (e) => some(e, 3_000, { status: 503 }), '2 of 3200 requests failed: HTTP 503 × 2'],
    [
      'GL-P2',
      'a time-out',
      (e) => some(e, 9_999, { status: 0, error: '1050 request timeout', holds: false }),
      '1 of 3200 requests failed: no answer (1050 request timeout) × 1',
    ],
    ['GL-P2', 'a page of somebody else', (e) => some(e, 9_999, { holds: false }), '1 answers with 2xx held nothing'],
    ['SLO1', 'two in a thousand', (e) => some(e, 500, { status: 500 }), '99.78 % of 3200 requests: HTTP 500 × 7'],
    ['GL-P5', 'a slow query', (e) => e.queries.slow.push(slowQuery(140)), 'the slowest 140 ms: find changesets'],
    ['api-mix', 'a missing audit row', (e) => e.aftermath.audit!.rows.splice(1, 1), 'have no audit row'],
    ['api-mix', 'a lost mail', (e) => e.aftermath.mails!.sent.splice(1, 1), 'mails were not sent'],
  ])('%s: %s', (id, _, change, reason) => {
    const verdict = judge(id, change)
    expect(verdict.outcome).toBe('fail')
    expect(verdict.because).toContain(reason)
    expect(verdict.remedy).toBeTruthy()
  })

  test('a slow health check keeps nobody waiting: GL-P2 counts it, SLO2 does not', () => {
    const slow = (e: ApiMixEvidence) => {
      for (const one of e.requests) if (one.kind === 'health') one.duration_ms = 900
    }
    expect(judge('GL-P2', slow).outcome).toBe('fail')
    expect(judge('SLO2', slow).outcome).toBe('pass')
  })

  test('below the samples of a share each counts', () => {
    const one = (e: ApiMixEvidence) => some(e, 9_999, { status: 500 })
    expect(judge('SLO1', one, 400).outcome).toBe('fail')
    expect(judge('SLO1', one).outcome).toBe('pass')
  })
})

describe('what is not the target’s', () => {
  test.each<[string, (e: ApiMixEvidence) => void, string]>([
    ['k6 crashed', (e) => (e.load.generator.exit_code = 107), 'k6 ended with exit code 107'],
    ['requests were cut off', (e) => (e.load.attempted += 1), 'of 3201 attempts 3200 have a sample'],
    ['a rate limit stood in the way', (e) => (e.load.throttled = 4), '4 answers were 429'],
    [
      'many were never begun',
      (e) => {
        e.requests.splice(2_000)
        e.load.attempted = 2_000
        e.load.generator.dropped_iterations = 1_200
      },
      'only 2000 of 3200 requests were sent, 1200 were never begun',
    ],
  ])('%s: nothing is verified', (_, change, reason) => {
    for (const id of IDS) {
      const verdict = judge(id, change)
      expect(verdict.outcome, id).toBe('not-verified')
      expect(verdict.because, id).toContain(reason)
    }
  })

  test.each<[string, string, (e: ApiMixEvidence) => void, string]>([
    [
      'GL-P2',
      'other programs had the processors',
      (e) => {
        some(e, 50, { duration_ms: 640 })
        e.load.other_cpu_share_max = 0.5
      },
      'other programs took up to 50 %',
    ],
    ['GL-P2', 'fewer people than specified', (e) => (e.users = 20), '20 users, 50 are specified'],
    ['SLO1', 'nothing was asked', (e) => nothing(e), 'nothing was measured'],
    ['GL-P5', 'the database is out of reach', (e) => (e.queries.because = 'no database'), 'no database'],
    ['api-mix', 'the outbox is out of reach', (e) => (e.aftermath.mails = null), 'hand over CONMAN_OUTBOX_FILE'],
  ])('%s: %s', (id, _, change, reason) => {
    const verdict = judge(id, change)
    expect(verdict.outcome).toBe('not-verified')
    expect(verdict.because).toContain(reason)
  })

  test('what is refused in numbers was not normal load; a refusal in a hundred is', () => {
    for (const id of ['GL-P2', 'SLO1', 'SLO2']) {
      const verdict = judge(id, (e) => some(e, 50, { status: 409, holds: false }))
      expect(verdict.outcome, id).toBe('not-verified')
      expect(verdict.because, id).toContain('64 of 3200 requests were refused')
      expect(judge(id, (e) => some(e, 200, { status: 409, holds: false })).outcome, id).toBe('pass')
    }
  })
})

describe('the mix', () => {
  test('a hundred requests hold each kind by its weight, spread evenly', () => {
    const order = orderOf(1_000)
    for (const kind of KINDS) {
      expect(countOf(order, kind), kind).toBe(10 * MIX[kind].weight)
      expect(countOf(order.slice(0, 100), kind), kind).toBe(MIX[kind].weight)
    }
    // Nothing comes in a heap: never three of a kind in a row.
    expect(order.some((kind, index) => kind === order[index + 1] && kind === order[index + 2])).toBe(false)
  })

  test('smoke’s size has every kind, and mails of every event', () => {
    for (const kind of KINDS) expect(countOf(orderOf(400), kind), kind).toBeGreaterThanOrEqual(4)
  })
})

function nothing(evidence: ApiMixEvidence): void {
  evidence.requests = []
  evidence.load.attempted = 0
}
