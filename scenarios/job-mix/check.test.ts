// What is judged from the steady job load, on evidence: every way to fail is seen failing, for its own reason, and what the harness
// or the machine did wrong is never a failure of the target.

import { describe, expect, test } from 'vitest'
import { demandSchema } from '../../harness/evidence/store.ts'
import { slowQuery, soundQueries } from '../lib/slow-queries.fixture.ts'
import { soundAftermath } from '../lib/told.fixture.ts'
import { jobMixChecks } from './check.ts'
import { type JobMixEvidence, JobMixSchema } from './evidence.ts'

const CREATED = Date.parse('2026-11-25T05:00:00Z')

function good(ofEach = 310): JobMixEvidence {
  const each = Array.from({ length: ofEach }, (_, index) => index)
  const kinds = ['standard', 'deploy'] as const
  return {
    schema: 'readiness-job-mix/1',
    planned_of_each: ofEach,
    rate_per_minute: 24,
    started_at: '2026-11-25T05:00:00.000Z',
    duration_s: ofEach * 2.5,
    attempts: each.flatMap((index) =>
      kinds.map((kind) => ({
        kind,
        started_ms: index * 2_500,
        late_ms: 3,
        status: 201,
        error: '',
        entity: `${kind}-${index}`,
        watched_ms: 130_000,
      })),
    ),
    jobs: {
      source: 'mongo',
      rows: each.flatMap((index) =>
        kinds.map((kind) => ({
          id: `job-of-${kind}-${index}`,
          kind,
          state: 'succeeded',
          entity: `${kind}-${index}`,
          created_at: new Date(CREATED + index * 2_500).toISOString(),
          finished_at: new Date(CREATED + index * 2_500 + 800 + index).toISOString(),
          error: null,
        })),
      ),
    },
    deployments: each.map((index) => ({ id: `deploy-${index}`, state: 'succeeded' })),
    throttled: 0,
    pulse_lag_ms_max: 4,
    other_cpu_share_max: 0,
    aftermath: soundAftermath(),
    queries: soundQueries(),
  }
}

function judge(id: string, change: (evidence: JobMixEvidence) => void = () => {}, ofEach?: number) {
  const check = jobMixChecks.find((one) => one.id === id)!
  const evidence = good(ofEach)
  change(evidence)
  demandSchema(JobMixSchema, evidence, 'the test’s evidence')
  return check.evaluate(evidence, Object.fromEntries(check.limits.map((limit) => [limit.name, limit])))
}

const IDS = jobMixChecks.map(({ id }) => id)

/** The first so many jobs of a kind take so long. */
function slow(evidence: JobMixEvidence, kind: string, count: number, ms: number): void {
  for (const job of evidence.jobs.rows.filter((row) => row.kind === kind).slice(0, count)) {
    job.finished_at = new Date(Date.parse(job.created_at!) + ms).toISOString()
  }
}

function fail(evidence: JobMixEvidence, count: number, state = 'failed'): void {
  for (const deployment of evidence.deployments.slice(0, count)) deployment.state = state
}

test.each(IDS)('%s passes on a sound run, of the specified size and of a smaller one', (id) => {
  expect(judge(id).outcome).toBe('pass')
  expect(judge(id, undefined, 12).outcome).toBe('pass')
})

test('figures come with n and the window; few samples are each judged', () => {
  expect(judge('SLO3')).toMatchObject({ n: 310, measured: { label: 'p99' }, limit: { value: 30_000 } })
  expect(judge('SLO4', undefined, 12)).toMatchObject({ n: 12, measured: { label: 'slowest of 12' } })
  for (const id of ['SLO3', 'SLO4', 'SLO5']) expect(judge(id).because).toMatch(/steady window of 775 s .* not 30 days/)
})

describe('the target’s failures', () => {
  test.each<[string, string, (e: JobMixEvidence) => void, string]>([
    ['GL-P3', 'standard jobs that wait', (e) => slow(e, 'standard', 9, 35_000), 'p99 35000 ms'],
    ['GL-P3', 'deployments that wait', (e) => slow(e, 'deploy', 9, 125_000), 'p99 125000 ms'],
    ['SLO3', 'standard jobs that wait', (e) => slow(e, 'standard', 9, 35_000), 'limit 30000 ms'],
    ['SLO4', 'deployments that wait', (e) => slow(e, 'deploy', 9, 125_000), 'limit 120000 ms'],
    [
      'SLO3',
      'jobs that never end',
      (e) => {
        for (const job of e.jobs.rows.slice(0, 18)) Object.assign(job, { state: 'running', finished_at: null })
      },
      'p99 130000 ms',
    ],
    ['GL-P3', 'a job that is lost', (e) => e.jobs.rows.shift(), '1 have no job, first changeset standard-0'],
    ['job-mix', 'a job that is lost', (e) => e.jobs.rows.splice(1, 1), '1 have no job, first deployment deploy-0'],
    [
      'job-mix',
      'a job twice',
      (e) => e.jobs.rows.push({ ...e.jobs.rows[0]!, id: 'another' }),
      '1 have more than one job, first changeset standard-0',
    ],
    [
      'job-mix',
      'a server error',
      (e) => Object.assign(e.attempts[4]!, { status: 503, error: 'handing in: HTTP 503', entity: null }),
      '1 failed, first handing in: HTTP 503',
    ],
    ['job-mix', 'a mail twice', (e) => e.aftermath.mails!.sent.push(e.aftermath.mails!.sent[0]!), 'came too often'],
    ['SLO5', 'deployments that fail', (e) => fail(e, 4), '98.71 % of 310 deployments: 4 failed, first deploy-0'],
    ['job-mix.queries', 'a slow query', (e) => e.queries.slow.push(slowQuery(140)), 'the slowest 140 ms'],
  ])('%s: %s', (id, _, change, reason) => {
    const verdict = judge(id, change)
    expect(verdict.outcome).toBe('fail')
    expect(verdict.because).toContain(reason)
    expect(verdict.remedy).toBeTruthy()
  })

  test('of few each counts, of many a hundredth may fail or wait', () => {
    expect(judge('SLO5', (e) => fail(e, 1), 12).outcome).toBe('fail')
    expect(judge('SLO5', (e) => fail(e, 3)).outcome).toBe('pass')
    expect(judge('SLO3', (e) => slow(e, 'standard', 1, 35_000), 12).outcome).toBe('fail')
    expect(judge('SLO3', (e) => slow(e, 'standard', 3, 35_000)).outcome).toBe('pass')
  })

  test('slow deployments do not redden what is asked of other jobs, nor the other way round', () => {
    expect(judge('SLO3', (e) => slow(e, 'deploy', 9, 125_000)).outcome).toBe('pass')
    expect(judge('SLO4', (e) => slow(e, 'standard', 9, 35_000)).outcome).toBe('pass')
  })

  test('why a deployment failed is said by its job', () => {
    const because = (e: JobMixEvidence) => {
      fail(e, 4)
      e.jobs.rows[1]!.error = 'command `deploy` failed'
    }
    expect(judge('SLO5', because).because).toContain('deploy-0 (command `deploy` failed)')
  })

  test('one that was canceled counts neither way', () => {
    expect(judge('SLO5', (e) => fail(e, 4, 'canceled'))).toMatchObject({ outcome: 'pass', n: 306 })
  })
})

describe('what is not the target’s', () => {
  test.each<[string, (e: JobMixEvidence) => void, string]>([
    ['fewer were begun than planned', (e) => e.attempts.pop(), '309 of 310 of the kind ‘deploy’ were begun'],
    ['one was begun late', (e) => (e.attempts[7]!.late_ms = 9_000), 'one was begun 9000 ms late'],
    ['a rate limit stood in the way', (e) => (e.throttled = 2), '2 answers were 429'],
    [
      'the target refused one',
      (e) => Object.assign(e.attempts[0]!, { status: 409, error: 'deploying: HTTP 409', entity: null }),
      '1 of 620 were not taken, first deploying: HTTP 409',
    ],
  ])('%s: nothing is verified', (_, change, reason) => {
    for (const id of IDS) {
      const verdict = judge(id, change)
      expect(verdict.outcome, id).toBe('not-verified')
      expect(verdict.because, id).toContain(reason)
    }
  })

  test.each<[string, string, (e: JobMixEvidence) => void, string]>([
    ['SLO3', 'jobs without their times', (e) => (e.jobs.rows[0]!.finished_at = null), '1 of 310 do not, first job'],
    ['SLO3', 'jobs that end before they begin', (e) => slow(e, 'standard', 1, -5), '1 of 310 do not, first job'],
    ['SLO5', 'a deployment whose end was not seen', (e) => fail(e, 1, 'running'), 'only 309 of 310'],
    ['SLO5', 'a deployment that the list does not show', (e) => e.deployments.pop(), 'only 309 of 310'],
    ['job-mix', 'the outbox is out of reach', (e) => (e.aftermath.mails = null), 'hand over CONMAN_OUTBOX_FILE'],
    ['job-mix.queries', 'the database is out of reach', (e) => (e.queries.because = 'no database'), 'no database'],
    [
      'SLO3',
      'other programs had the processors for as long',
      (e) => {
        slow(e, 'standard', 9, 35_000)
        e.other_cpu_share_max = 0.5
      },
      'other programs took up to 50 %',
    ],
  ])('%s: %s', (id, _, change, reason) => {
    const verdict = judge(id, change)
    expect(verdict.outcome).toBe('not-verified')
    expect(verdict.because).toContain(reason)
  })

  test('nothing at all is no pass', () => {
    const nothing = (e: JobMixEvidence) =>
      Object.assign(e, { attempts: [], deployments: [], jobs: { source: 'http', rows: [] } })
    for (const id of IDS) expect(judge(id, nothing).outcome, id).toBe('not-verified')
  })
})
