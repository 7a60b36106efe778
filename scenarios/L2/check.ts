// L2: fifty people hand in a changeset each at one instant. Pure: evidence in, verdicts out.

import type { Check, Finding, Limit, Limits } from '../../harness/check.ts'
import { ascending, percentile } from '../../harness/statistics.ts'
import { keeps, verdictOf } from '../../harness/verdict.ts'
import {
  agreementFinding,
  answeredFinding,
  eachWithinFinding,
  generatorFinding,
  noneFinding,
  type Requests,
  throttledFinding,
} from '../lib/claims.ts'
import { isOver } from '../lib/job-book.ts'
import { figuresTable, generatorRows, latencyCharts, latencyRows } from '../lib/pictures.ts'
import type { SubmitEvidence } from './evidence.ts'
import { submitGatherer } from './gather.ts'
import {
  type Enqueued,
  enqueued,
  isAccepted,
  promised,
  reconcileJobs,
  unread,
  wrongRevisions,
  wrongStates,
} from './ledger.ts'
import { L2_LIMITS } from './limits.ts'

export const submissionStorm: Check<SubmitEvidence> = {
  id: 'L2',
  title: 'Fifty people handing in at once are all accepted, and each change gets its one job within a second',
  failureTitle: 'Changes that are handed in at the same time are refused, or their jobs come late, twice or never',
  requirement: {
    level: 'MUST',
    source: 'E12 §6.1 L2',
    text: '50 concurrent submits, each → msuite_submit: all accepted, jobs enqueued within 1 s',
  },
  gatherer: submitGatherer,
  profiles: ['smoke', 'standard', 'golive'],
  limits: L2_LIMITS,
  evaluate,
}

function evaluate(evidence: SubmitEvidence, limits: Limits) {
  const { load, submits, jobs } = evidence
  const requests: Requests = { what: 'submits', ended: submits }
  const limit = limits.enqueued_ms_max!
  const { known, unknown } = enqueued(evidence)
  const slowest = ascending(known.map(({ after_ms }) => after_ms)).at(-1)
  const findings = [
    generatorFinding(load, requests, evidence.planned),
    throttledFinding(load.throttled),
    sizeFinding(evidence, limits.submits_min!),
    togetherFinding(evidence, limits.start_skew_ms_max!),
    answeredFinding(requests),
    enqueuedFinding(evidence, known, unknown, limit),
    ...jobFindings(evidence),
    ...changesetFindings(evidence),
  ]
  const drained = drain(evidence)
  return verdictOf({
    findings: [...findings, agreementFinding(load.generator, findings)],
    whenPassed:
      `all ${submits.length} submits were accepted, begun within ${skew(evidence)} ms of each other; each has exactly one job, ` +
      `the last one in the queue ${slowest?.toFixed(0)} ms after its submit began (limit ${limit.value} ms); ${drained}`,
    ...(slowest === undefined
      ? {}
      : {
          headline: {
            measured: { value: slowest, unit: 'ms', label: `slowest of ${known.length} to be enqueued` },
            limit,
            n: known.length,
          },
        }),
    verifiedBy: [
      'http',
      ...(jobs.source === 'mongo' ? (['mongo'] as const) : []),
      ...(evidence.read_by_git ? (['git-storage'] as const) : []),
    ],
    charts: latencyCharts(
      'submits',
      submits.map((submit) => ({ ...submit, label: `changeset ${submit.number}` })),
      { value: limit.value, label: `a job may take ${limit.value} ms to be enqueued` },
    ),
    tables: [figuresTable([...latencyRows('Submits', submits), ...jobRows(evidence, known), ...generatorRows(load)])],
    remedy:
      'read evidence.json by the numbers above: each submit with its answer, its jobs and its changeset; a submit must change the changeset and enqueue its job together or not at all',
  })
}

function sizeFinding({ submits }: SubmitEvidence, limit: Limit): Finding {
  const claim = 'as many hand in as specified'
  const value = submits.length
  const kept = keeps(value, limit)
  return {
    claim,
    outcome: kept ? 'pass' : 'not-verified',
    because: kept ? `${value} submits` : `${value} submits, ${limit.value} are specified`,
    measured: { value, unit: limit.unit, label: claim },
    limit,
  }
}

function skew({ submits }: SubmitEvidence): number {
  const starts = submits.map(({ started_ms }) => started_ms)
  return starts.length === 0 ? 0 : Math.max(...starts) - Math.min(...starts)
}

/** One after the other, they would be no storm. */
function togetherFinding(evidence: SubmitEvidence, limit: Limit): Finding {
  const claim = 'all submits begin together'
  const value = skew(evidence)
  const kept = keeps(value, limit)
  return {
    claim,
    outcome: kept ? 'pass' : 'not-verified',
    because: kept
      ? `begun within ${value} ms`
      : `the load was not made as planned: the last submit began ${value} ms after the first`,
    measured: { value, unit: 'ms', label: 'first to last begin' },
    limit,
    n: evidence.submits.length,
  }
}

function enqueuedFinding(
  evidence: SubmitEvidence,
  known: readonly Enqueued[],
  unknown: readonly number[],
  limit: Limit,
): Finding {
  const claim = 'each job is in the queue within the limit after its submit began'
  const asRequest = (started_ms: number, duration_ms: number) => ({ started_ms, duration_ms, status: 200, error: '' })
  const late = known.filter((one) => !keeps(one.after_ms - one.uncertainty_ms, limit))
  const unsure = known.filter((one) => !keeps(one.after_ms + one.uncertainty_ms, limit) && !late.includes(one))
  const of = (what: string, ended: readonly Enqueued[], ms: (one: Enqueued) => number): Finding =>
    eachWithinFinding(
      claim,
      { what, ended: ended.map((one) => asRequest(0, Math.max(0, ms(one)))) },
      limit,
      evidence.load,
    )
  // Where the clocks leave a doubt, what is certainly late is late all the same.
  if (late.length > 0) return of('jobs', known, (one) => one.after_ms - one.uncertainty_ms)
  if (unsure.length > 0 || unknown.length > 0) {
    return {
      claim,
      outcome: 'not-verified',
      because: `${unsure.length + unknown.length} of ${known.length + unknown.length} jobs may have come within ${limit.value} ms or after it: ${clockWords(evidence)}`,
      limit,
      n: known.length,
    }
  }
  return of('jobs', known, (one) => one.after_ms)
}

function clockWords({ clock, jobs }: SubmitEvidence): string {
  const looked = `seen ${jobs.source === 'mongo' ? 'in the database' : 'in the list of jobs'} at ${jobs.looks} looks`
  if (clock === null) return `the target does not tell its clock; ${looked}`
  return clock.same
    ? `target and harness share one clock; ${looked}`
    : `the target's clock is ${clock.ahead_ms} ± ${clock.uncertainty_ms} ms ahead of ours; ${looked}`
}

function jobFindings(evidence: SubmitEvidence): Finding[] {
  const { jobs, submits } = evidence
  const n = submits.length
  const unreadable = (claim: string): Finding => ({
    claim,
    outcome: 'not-verified',
    because: `the jobs could not be read in the end: ${jobs.problem}`,
    n,
  })
  const exactly = 'each submit has exactly one job'
  const over = 'every job ends, and its suite says yes'
  if (jobs.problem !== null) return [unreadable(exactly), unreadable(over)]
  const { lost, missing, doubled, misnamed } = reconcileJobs(evidence)
  const findings = [
    noneFinding(exactly, doubled, 'changesets have more than one job for one submit', n),
    noneFinding('no job is lost', lost, 'jobs are lost that an answer named', n),
    noneFinding(
      'no changeset says submitted without its job',
      missing,
      `changesets were taken as submitted without a job, ${(jobs.quiet_ms / 1_000).toFixed(0)} s after the last change`,
      n,
    ),
    noneFinding(
      'a job is in the queue before its answer names it',
      promised(evidence),
      'jobs came into the queue only after their answer had named them',
      n,
    ),
    noneFinding('the job that an answer names is the one that runs', misnamed, 'answers name another job', n),
  ]
  const there = jobs.jobs.filter(({ gone }) => !gone)
  const unended = there.filter((job) => !isOver(job)).map(({ id, state }) => `${id}, which is ${state}`)
  const unkind = there.filter((job) => isOver(job) && job.state !== 'succeeded')
  findings.push(
    unended.length === 0 && unkind.length > 0
      ? {
          claim: over,
          outcome: 'not-verified',
          // A suite of the target's own may dislike what was handed in: that is no matter of load.
          because: `the suite said no to ${unkind.length} of ${n}, first ${unkind[0]!.id}: ${unkind[0]!.error ?? unkind[0]!.state}`,
          n: there.length,
        }
      : noneFinding(over, unended, 'jobs have not ended', there.length),
  )
  return findings
}

function changesetFindings(evidence: SubmitEvidence): Finding[] {
  const accepted = evidence.submits.filter(isAccepted).length
  const unknown = unread(evidence)
  const readable = 'every changeset can be read afterwards'
  return [
    unknown.length > 0
      ? {
          claim: readable,
          outcome: 'not-verified',
          because: `${unknown.length} changesets could not be read afterwards, first ${unknown[0]}`,
          n: accepted,
        }
      : noneFinding(readable, [], '', accepted),
    noneFinding(
      'every accepted changeset is submitted, and stays so',
      wrongStates(evidence),
      'accepted changesets are not submitted',
      accepted,
    ),
    noneFinding(
      'each is handed in once, frozen at the commit that its author wrote',
      wrongRevisions(evidence),
      'changesets are not what their authors handed in',
      accepted,
    ),
  ]
}

/** SLO6's figure, shown beside the verdict and not judged here. */
function drain({ jobs, began_at_ms }: SubmitEvidence): string {
  const ends = jobs.jobs.map(({ over_at_ms }) => over_at_ms)
  if (ends.length === 0 || ends.includes(null)) return 'the queue did not drain'
  return `all jobs were over ${((Math.max(...(ends as number[])) - began_at_ms) / 1_000).toFixed(1)} s after the first submit began`
}

function jobRows(evidence: SubmitEvidence, known: readonly Enqueued[]): string[][] {
  const after = ascending(known.map(({ after_ms }) => after_ms))
  return [
    ['Submits: first to last begin', `${skew(evidence)} ms`],
    [
      'Jobs: enqueued after their submit began',
      after.length === 0
        ? 'none seen'
        : `median ${percentile(after, 0.5).toFixed(0)} ms, slowest ${after.at(-1)!.toFixed(0)} ms (n = ${after.length})`,
    ],
    ['Jobs: how that is known', clockWords(evidence)],
    ['Queue drained (for SLO6, not judged here)', drain(evidence)],
  ]
}
