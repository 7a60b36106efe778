// poll-storm's verdicts on evidence: every way to fail is seen failing, for its own reason, and what the harness did wrong
// itself is never a failure of the target.

import { describe, expect, test } from 'vitest'
import type { Limits } from '../../../harness/check.ts'
import { demandSchema } from '../../../harness/evidence/store.ts'
import { soundLoad } from '../../lib/evidence.fixture.ts'
import { pollStorm } from './check.ts'
import { type PollEvidence, PollEvidenceSchema } from './evidence.ts'
import { POLL_LIMITS } from './limits.ts'
import { LISTS } from './settings.ts'

const limits = Object.fromEntries(POLL_LIMITS.map((limit) => [limit.name, limit])) as Limits
const POLLS = 2_000

/** Two thousand polls, a hundred a second, by five hundred users; each list in turn. */
function good(): PollEvidence {
  return {
    schema: 'readiness-poll-storm/1',
    made_over: 'database',
    users: 500,
    users_asked_for: 500,
    rate_per_s: 100,
    duration_s: 20,
    load: soundLoad(POLLS, null),
    lists: LISTS.map((list, nth) => {
      const total = list === 'jobs' ? 900 : 1_000
      const own = Array.from({ length: POLLS / 2 }, (_, index) => 2 * index + nth)
      return {
        list,
        total_before: total,
        total_after: total,
        started_ms: own.map((index) => index * 10),
        duration_ms: own.map((index) => 8 + (index % 40)),
        status: own.map(() => 200),
        user: own.map((index) => (index % 500) + 1),
        errors: [],
        rows: own.map(() => 20),
        total: own.map(() => total),
      }
    }),
  }
}

function judge(change: (evidence: PollEvidence) => void = () => {}) {
  const evidence = good()
  change(evidence)
  demandSchema(PollEvidenceSchema, evidence, 'the test’s evidence')
  return pollStorm.evaluate(evidence, limits)
}

test('all polls in time, each with what there is: pass, with the number and n', () => {
  expect(judge()).toMatchObject({ outcome: 'pass', n: POLLS, measured: { label: 'p95', value: 45 } })
  expect(judge().because).toContain('2000 polls by 500 users, 100 a second')
})

test('a page of fewer rows than a page has is whole where there are no more', () => {
  const few = (e: PollEvidence) => {
    Object.assign(e.lists[0]!, { total_before: 3, total_after: 3 })
    e.lists[0]!.rows.fill(3)
    e.lists[0]!.total.fill(3)
  }
  expect(judge(few).outcome).toBe('pass')
})

test('what others add meanwhile is told by some and not by others', () => {
  const more = (e: PollEvidence) => {
    e.lists[0]!.total_after = 905
    e.lists[0]!.total.fill(903, 500)
  }
  expect(judge(more).outcome).toBe('pass')
})

test('one error in two thousand is below the limit, and said', () => {
  const verdict = judge((e) => (e.lists[0]!.status[9] = 500))
  expect(verdict.outcome).toBe('pass')
  expect(verdict.findings.map(({ because }) => because)).toContain('1 of 2000 polls failed')
})

describe('the target’s failures', () => {
  const slow = (every: number, duration_ms: number) => (e: PollEvidence) => {
    for (const { duration_ms: durations } of e.lists) {
      for (const index of durations.keys()) if (index % every === 0) durations[index] = duration_ms
    }
  }
  test.each<[string, (e: PollEvidence) => void, string]>([
    ['the slowest twentieth is too slow', slow(15, 620), 'p95 620 ms'],
    ['the slowest hundredth is far too slow', slow(60, 1_700), 'p99 1700 ms'],
    ['5xx', (e) => e.lists[0]!.status.fill(500, 0, 3), '3 of 2000 polls failed: HTTP 500 × 3; the limit is 0.1 %'],
    [
      'no answer',
      (e) => {
        e.lists[1]!.status.fill(0, 0, 2)
        e.lists[1]!.errors = [0, 1].map((at) => ({ at, text: '1050 request timeout' }))
      },
      'no answer (1050 request timeout) × 2',
    ],
    ['a member is refused', (e) => e.lists[1]!.status.fill(403, 0, 2), 'HTTP 403 × 2'],
    ['an empty page', (e) => (e.lists[0]!.rows[4] = 0), '1 polls of jobs told something else than 900, first 0 rows'],
    ['no list', (e) => (e.lists[1]!.rows[4] = -1), 'first no rows'],
    ['another total', (e) => (e.lists[1]!.total[4] = 40), 'first 20 rows and a total of 40 for user 10'],
    ['no total', (e) => (e.lists[1]!.total[4] = -1), 'a total of no'],
  ])('%s: fail, for that reason', (_, change, reason) => {
    const verdict = judge(change)
    expect(verdict.outcome).toBe('fail')
    expect(verdict.because).toContain(reason)
    expect(verdict.remedy).toBeTruthy()
  })
})

describe('what is not the target’s', () => {
  test.each<[string, (e: PollEvidence) => void, string]>([
    ['k6 was killed', (e) => (e.load.generator.signal = 'SIGKILL'), 'k6 was ended by SIGKILL'],
    ['a poll without an end', (e) => (e.load.attempted = POLLS + 1), 'of 2001 attempts 2000 have a sample'],
    ['polls that never began', (e) => (e.load.generator.dropped_iterations = 5), '5 polls were never started'],
    ['fewer users', (e) => Object.assign(e, { users: 50, made_over: 'http' }), '50 users, 500 are asked for'],
    ['fewer polls', (e) => (e.duration_s = 40), '2000 polls, 4000 are asked for'],
    ['a rate limit stood in the way', (e) => (e.load.throttled = 3), '3 answers were 429'],
    [
      'it does not say how many there are',
      (e) => (e.lists[0]!.total_before = null),
      'did not say beside the load how many jobs',
    ],
    [
      'other programs had the processors',
      (e) => {
        for (const { duration_ms } of e.lists) duration_ms.fill(2_000)
        e.load.other_cpu_share_max = 0.8
      },
      'other programs took up to 80 %',
    ],
    ['nothing was sent', nothing, 'nothing was measured'],
  ])('%s: not verified', (_, change, reason) => {
    const verdict = judge(change)
    expect(verdict.outcome).toBe('not-verified')
    expect(verdict.because).toContain(reason)
  })
})

function nothing(evidence: PollEvidence): void {
  evidence.load = soundLoad(0, null)
  for (const columns of evidence.lists) {
    for (const name of ['started_ms', 'duration_ms', 'status', 'user', 'rows', 'total'] as const) columns[name] = []
  }
}
