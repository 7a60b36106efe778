// L2's verdicts on evidence: every way to fail is seen failing, for its own reason, and what the harness did wrong itself is
// never a failure of the target.

import { describe, expect, test } from 'vitest'
import type { Limits } from '../../harness/check.ts'
import { demandSchema } from '../../harness/evidence/store.ts'
import { soundLoad } from '../lib/evidence.fixture.ts'
import { soundJob, soundWatch } from '../lib/job-watch.fixture.ts'
import { submissionStorm } from './check.ts'
import { type SubmitEvidence, SubmitEvidenceSchema } from './evidence.ts'
import { L2_LIMITS } from './limits.ts'

const limits = Object.fromEntries(L2_LIMITS.map((limit) => [limit.name, limit])) as Limits

const BEGAN = 1_764_000_000_000
const hex = (number: number, length: number) => number.toString(16).padStart(length, '0')

/** Fifty submits within ten milliseconds; each has its job after a tenth of a second, and its answer after two. */
function good(): SubmitEvidence {
  const numbers = Array.from({ length: 50 }, (_, index) => index + 1)
  return {
    schema: 'readiness-submits/1',
    planned: 50,
    load: soundLoad(50),
    clock: { same: true, ahead_ms: 0, uncertainty_ms: 0 },
    began_at_ms: BEGAN,
    submits: numbers.map((number) => ({
      number,
      started_ms: number % 10,
      duration_ms: 200,
      ended_ms: 210,
      status: 200,
      error: '',
      state: 'submitted',
      job: `job-${number}`,
    })),
    jobs: soundWatch(numbers.map((number) => soundJob(`job-${number}`, hex(number, 24), BEGAN + 100))),
    changesets: numbers.map((number) => ({
      number,
      id: hex(number, 24),
      commit: hex(number, 40),
      tip: hex(number, 40),
      state: 'submitted',
      revision: 1,
      submitted_head: hex(number, 40),
      problem: '',
    })),
    read_by_git: true,
  }
}

function judge(change: (evidence: SubmitEvidence) => void = () => {}) {
  const evidence = good()
  change(evidence)
  demandSchema(SubmitEvidenceSchema, evidence, 'the test’s evidence')
  return submissionStorm.evaluate(evidence, limits)
}

/** The third submit's job. */
const job = (e: SubmitEvidence) => e.jobs.jobs[2]!

function later(e: SubmitEvidence, by_ms: number): void {
  const { created_at_ms, started_at_ms, finished_at_ms, unseen_at_ms, seen_at_ms, over_at_ms } = job(e)
  Object.assign(job(e), {
    created_at_ms: created_at_ms! + by_ms,
    started_at_ms: started_at_ms! + by_ms,
    finished_at_ms: finished_at_ms! + by_ms,
    unseen_at_ms: unseen_at_ms! + by_ms,
    seen_at_ms: seen_at_ms + by_ms,
    over_at_ms: over_at_ms! + by_ms,
  })
}

describe('fifty accepted, each with its one job in time', () => {
  test('pass, with the slowest job, n, the skew and how long the queue took to drain', () => {
    const verdict = judge()
    expect(verdict).toMatchObject({ outcome: 'pass', n: 50, verifiedBy: ['http', 'mongo', 'git-storage'] })
    expect(verdict.measured?.value).toBe(100)
    expect(verdict.because).toContain('begun within 9 ms of each other')
    expect(verdict.because).toContain('all jobs were over 0.3 s after the first submit began')
  })

  test('over HTTP alone, with answers that name neither state nor job: by the list, and it says so', () => {
    const verdict = judge((e) => {
      e.jobs.source = 'http'
      e.read_by_git = false
      for (const submit of e.submits) Object.assign(submit, { state: '', job: '' })
      for (const changeset of e.changesets) changeset.tip = null
    })
    expect(verdict).toMatchObject({ outcome: 'pass', verifiedBy: ['http'] })
  })

  test('on a target that writes no moments down, by the looks at its database', () => {
    expect(judge((e) => (e.clock = null)).outcome).toBe('pass')
  })

  test('with a clock that is half a second off, where that leaves no doubt', () => {
    const verdict = judge((e) => {
      e.clock = { same: false, ahead_ms: 7_000, uncertainty_ms: 500 }
      for (const one of e.jobs.jobs) one.created_at_ms! += 7_000
    })
    expect(verdict.outcome).toBe('pass')
  })
})

describe('the target’s failures', () => {
  test.each<[string, (e: SubmitEvidence) => void, string]>([
    ['a refusal', (e) => refuse(e, 500, 'draft'), '1 of 50 submits failed: HTTP 500 × 1'],
    ['no answer', (e) => refuse(e, 0, 'draft'), '1 of 50 submits failed: no answer × 1'],
    [
      'a refusal that leaves the changeset submitted without a job',
      (e) => refuse(e, 500, 'submitted'),
      '1 changesets were taken as submitted without a job',
    ],
    ['a lost job', (e) => e.jobs.jobs.splice(2, 1), '1 jobs are lost that an answer named, first changeset 3'],
    ['a job that was there and is gone', (e) => (job(e).gone = true), '1 jobs are lost that an answer named'],
    [
      'no job, and none named',
      (e) => {
        e.submits[2]!.job = ''
        e.jobs.jobs.splice(2, 1)
      },
      '1 changesets were taken as submitted without a job, 2 s after the last change, first changeset 3',
    ],
    [
      'a second job',
      (e) => e.jobs.jobs.push({ ...job(e), id: 'another' }),
      '1 changesets have more than one job for one submit, first changeset 3',
    ],
    ['an answer that names another job', (e) => (e.submits[2]!.job = 'job-9'), '1 answers name another job'],
    ['a late job', (e) => later(e, 4_000), '1 of 50 jobs took longer than 1000 ms, the slowest 4097 ms'],
    [
      'a late job that is written down as an early one',
      (e) => {
        later(e, 4_000)
        job(e).created_at_ms! -= 4_000
      },
      'jobs took longer than 1000 ms, the slowest 4047 ms',
    ],
    [
      'a job that came after its answer had named it, though the machine was busy',
      (e) => {
        later(e, 900)
        e.load.other_cpu_share_max = 0.9
      },
      '1 jobs came into the queue only after their answer had named them',
    ],
    [
      'a job that never ends',
      (e) => (job(e).state = 'running'),
      '1 jobs have not ended, first job-3, which is running',
    ],
    [
      'an answer with another state',
      (e) => (e.submits[2]!.state = 'draft'),
      '1 accepted changesets are not submitted, first changeset 3',
    ],
    [
      'a changeset that is a draft afterwards',
      (e) => (e.changesets[2]!.state = 'draft'),
      '1 accepted changesets are not submitted, first changeset 3',
    ],
    ['a second revision', (e) => (e.changesets[2]!.revision = 2), 'its revision is 2'],
    ['another commit', (e) => (e.changesets[2]!.submitted_head = 'f'.repeat(40)), 'it is frozen at ffffffffffff'],
    ['another branch tip', (e) => (e.changesets[2]!.tip = null), 'git has its branch at nothing'],
  ])('%s is a failure, for that reason', (_, change, reason) => {
    const verdict = judge(change)
    expect(verdict.outcome).toBe('fail')
    expect(verdict.because).toContain(reason)
    expect(verdict.remedy).toBeTruthy()
  })
})

describe('what is not the target’s', () => {
  test.each<[string, (e: SubmitEvidence) => void, string]>([
    ['k6 crashed', (e) => (e.load.generator.exit_code = 107), 'k6 ended with exit code 107'],
    ['a submit is missing', (e) => e.submits.pop(), '49 of 50 planned submits ended'],
    ['fewer submits than specified', smaller, '20 submits, 50 are specified'],
    [
      'they did not begin together',
      (e) => {
        Object.assign(e.submits[2]!, { started_ms: 1_500, ended_ms: 1_710 })
        later(e, 1_500)
      },
      'the last submit began 1500 ms after the first',
    ],
    ['a rate limit', (e) => (e.load.throttled = 3), '3 answers were 429'],
    [
      'other programs had the processors',
      (e) => {
        for (const [index, one] of e.jobs.jobs.entries()) one.created_at_ms = one.seen_at_ms = BEGAN + 1_200 + index
        for (const submit of e.submits) submit.ended_ms = 2_000
        e.load.other_cpu_share_max = 0.6
      },
      'other programs took up to 60 %',
    ],
    [
      'the clocks leave a doubt',
      (e) => {
        e.jobs.source = 'http'
        e.clock = { same: false, ahead_ms: 0, uncertainty_ms: 500 }
        later(e, 700)
      },
      "1 of 50 jobs may have come within 1000 ms or after it: the target's clock is 0 ± 500 ms ahead of ours",
    ],
    [
      'neither a clock nor the database',
      (e) => {
        e.jobs.source = 'http'
        e.clock = null
      },
      '50 of 50 jobs may have come within 1000 ms or after it: the target does not tell its clock',
    ],
    [
      'the jobs cannot be read',
      (e) => (e.jobs.problem = 'HTTP 503'),
      'the jobs could not be read in the end: HTTP 503',
    ],
    [
      'its suite says no',
      (e) => Object.assign(job(e), { state: 'failed', error: 'exit code 3' }),
      'the suite said no to 1 of 50, first job-3: exit code 3',
    ],
    [
      'a changeset cannot be read',
      (e) => Object.assign(e.changesets[2]!, { state: null, problem: 'HTTP 500' }),
      '1 changesets could not be read afterwards, first changeset 3: HTTP 500',
    ],
  ])('%s: not verified', (_, change, reason) => {
    const verdict = judge(change)
    expect(verdict.outcome).toBe('not-verified')
    expect(verdict.because).toContain(reason)
  })
})

/** The third submit, with the state that its changeset is left in. */
function refuse(e: SubmitEvidence, status: number, state: string): void {
  Object.assign(e.submits[2]!, { status, state: '', job: '' })
  Object.assign(e.changesets[2]!, { state, revision: 0, submitted_head: null })
  e.jobs.jobs.splice(2, 1)
}

function smaller(e: SubmitEvidence): void {
  e.planned = 20
  e.load = soundLoad(20)
  for (const list of [e.submits, e.jobs.jobs, e.changesets]) list.splice(20)
}
