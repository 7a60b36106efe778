// auth-burst's verdicts on evidence: every way to fail is seen failing, for its own reason, and what the harness did wrong
// itself is never a failure of the target.

import { describe, expect, test } from 'vitest'
import type { Limits } from '../../../harness/check.ts'
import { demandSchema } from '../../../harness/evidence/store.ts'
import { SPECIFIED_RATE_LIMITS } from '../../../harness/target/specified-limits.ts'
import { soundLoad } from '../../lib/evidence.fixture.ts'
import { authBurst } from './check.ts'
import { type AuthEvidence, AuthEvidenceSchema } from './evidence.ts'
import { AUTH_LIMITS } from './limits.ts'

const limits = Object.fromEntries(AUTH_LIMITS.map((limit) => [limit.name, limit])) as Limits
const USERS = 20
const SECONDS = 20
const ROUNDS = USERS * SECONDS

type Endpoint = AuthEvidence['endpoints'][number]

/** Twenty users, a round each second: ten logins and resets pass, the others are throttled; tokens are used as often. */
function good(): AuthEvidence {
  const rounds = Array.from({ length: ROUNDS }, (_, index) => ({ index, at_ms: index * 50, user: (index % USERS) + 1 }))
  const endpoint = (
    name: Endpoint['endpoint'],
    own: typeof rounds,
    duration_ms: number,
    passes: (index: number) => boolean,
  ): Endpoint => ({
    endpoint: name,
    started_ms: own.map(({ at_ms }) => at_ms),
    duration_ms: own.map(({ index }) => (passes(index) ? duration_ms + (index % 20) : 3)),
    status: own.map(({ index }) => (passes(index) ? 200 : 429)),
    user: own.map(({ user }) => user),
    errors: [],
    limit: own.map(({ index }) => (passes(index) ? -1 : 10)),
    misshapen: [],
    without_retry_after: 0,
  })
  const first = (index: number) => index < 10
  return {
    schema: 'readiness-auth-burst/1',
    limits_set: { ...SPECIFIED_RATE_LIMITS },
    made_over: 'database',
    users: USERS,
    accounts: USERS,
    every_s: 1,
    duration_s: SECONDS,
    load: { ...soundLoad(2 * ROUNDS, null), iterations_finished: ROUNDS },
    counted: { throttled: ROUNDS - 10, as_specified: ROUNDS - 10, misshapen: 0 },
    endpoints: [
      endpoint('token', rounds, 6, () => true),
      endpoint(
        'login',
        rounds.filter(({ index }) => index % 2 === 0),
        180,
        first,
      ),
      endpoint(
        'reset',
        rounds.filter(({ index }) => index % 2 === 1),
        20,
        first,
      ),
    ],
  }
}

function judge(change: (evidence: AuthEvidence) => void = () => {}) {
  const evidence = good()
  change(evidence)
  demandSchema(AuthEvidenceSchema, evidence, 'the test’s evidence')
  return authBurst.evaluate(evidence, limits)
}

const of = (e: AuthEvidence, name: Endpoint['endpoint']) => e.endpoints.find(({ endpoint }) => endpoint === name)!

test('served or throttled as specified: pass, and says how many of each', () => {
  const verdict = judge()
  expect(verdict).toMatchObject({
    outcome: 'pass',
    n: ROUNDS,
    measured: { label: 'p95 of the served uses of a token' },
  })
  expect(verdict.because).toContain('800 requests by 20 virtual users: 390 throttled')
  expect(verdict.because).toContain('rate limits as specified, on a process of its own')
  expect(verdict.verifiedBy).toEqual(['http', 'configuration'])
})

test('a user who used his own limit up is throttled rightly', () => {
  const own = (e: AuthEvidence) => {
    const token = of(e, 'token')
    // One account for all: beyond its hundred it is refused.
    token.user.fill(1)
    token.status.fill(429, 100)
    token.limit.fill(100, 100)
    Object.assign(e.counted, { throttled: 690, as_specified: 690 })
  }
  expect(judge(own).outcome).toBe('pass')
})

describe('the target’s failures', () => {
  const misshapenOne = (e: AuthEvidence) => {
    of(e, 'login').misshapen = [{ at: 30, text: 'it has no X-RateLimit-Limit' }]
    Object.assign(e.counted, { as_specified: ROUNDS - 11, misshapen: 1 })
  }
  const shared = (e: AuthEvidence) => {
    of(e, 'token').status.fill(429, 100)
    of(e, 'token').limit.fill(100, 100)
    Object.assign(e.counted, { throttled: 690, as_specified: 690 })
  }
  const unthrottled = (e: AuthEvidence) => {
    for (const name of ['login', 'reset'] as const) {
      of(e, name).status.fill(200)
      of(e, name).limit.fill(-1)
    }
    Object.assign(e.counted, { throttled: 0, as_specified: 0 })
  }
  test.each<[string, (e: AuthEvidence) => void, string]>([
    ['tokens are slow', (e) => of(e, 'token').duration_ms.fill(450, 0, 40), 'p95 450 ms'],
    [
      'a login is slow, among thousands of quick refusals',
      (e) => (of(e, 'login').duration_ms[2] = 900),
      '1 of 5 served logins took longer than 800 ms',
    ],
    ['refusals are slow', (e) => of(e, 'reset').duration_ms.fill(700, 100), 'p95 700 ms'],
    ['a 5xx', (e) => (of(e, 'token').status[8] = 500), '1 of 800 requests failed: HTTP 500 × 1; the limit is 0.1 %'],
    ['no answer', (e) => (of(e, 'token').status[8] = 0), 'no answer × 1'],
    [
      'the right password is refused',
      (e) => (of(e, 'login').status[1] = 401),
      '1 of 410 requests that should have been served were not: HTTP 401 × 1',
    ],
    [
      'a login without a token',
      (e) => of(e, 'login').errors.push({ at: 1, text: '200 without a token' }),
      '200 without a token',
    ],
    ['a fresh token does not work', (e) => (of(e, 'token').status[7] = 401), 'first one of the uses of a token'],
    [
      'a 429 of another shape',
      misshapenOne,
      '1 throttled answers have another shape, first among the logins: it has no X-RateLimit-Limit',
    ],
    [
      'a 429 that does not say when to come again',
      (e) => (of(e, 'reset').without_retry_after = 4),
      '4 throttled answers do not say when to come again',
    ],
    ['a limit that all users share', shared, "requests were throttled for others' requests"],
    ['logins that are not throttled at all', unthrottled, '400 of 400 passed in 20 s, at most 10 may'],
  ])('%s: fail, for that reason', (_, change, reason) => {
    const verdict = judge(change)
    expect(verdict.outcome).toBe('fail')
    expect(verdict.because).toContain(reason)
    expect(verdict.remedy).toBeTruthy()
  })
})

describe('what is not the target’s', () => {
  test.each<[string, (e: AuthEvidence) => void, string]>([
    ['k6 crashed', (e) => (e.load.generator.exit_code = 107), 'k6 ended with exit code 107'],
    ['a request without an end', (e) => (e.load.attempted = 801), 'of 801 attempts 800 have a sample'],
    ['users without a round', (e) => (e.load.iterations_finished = 12), '12 rounds, 20 are asked for'],
    [
      'no login was served',
      (e) => {
        of(e, 'login').status.fill(429)
        Object.assign(e.counted, { throttled: 395, as_specified: 395 })
      },
      'no served logins ended',
    ],
    ['a counter that disagrees with the record', (e) => (e.counted.throttled = 389), '389 counted'],
    [
      'other programs had the processors',
      (e) => {
        of(e, 'login').duration_ms.fill(2_000, 0, 5)
        e.load.other_cpu_share_max = 0.8
      },
      'other programs took up to 80 %',
    ],
  ])('%s: not verified', (_, change, reason) => {
    const verdict = judge(change)
    expect(verdict.outcome).toBe('not-verified')
    expect(verdict.because).toContain(reason)
  })

  test('a target without any limit was not seen to throttle rightly', () => {
    const none = (e: AuthEvidence) => {
      e.limits_set = null
      for (const endpoint of e.endpoints) {
        endpoint.status.fill(200)
        endpoint.limit.fill(-1)
      }
      Object.assign(e.counted, { throttled: 0, as_specified: 0 })
    }
    const { findings } = judge(none)
    expect(findings.find(({ claim }) => claim.includes('specified shape'))?.outcome).toBe('not-verified')
  })
})
