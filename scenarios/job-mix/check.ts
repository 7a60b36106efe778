// What is judged from the steady job load: GL-P3, SLO3, SLO4 and SLO5 from its jobs and deployments, its queries from the
// database's own log, and job-mix itself: one job for each, and what was told of it. Pure: evidence in, verdicts out.

import type { Finding, Limit, Verdict } from '../../harness/check.ts'
import { ascending, fewestSamplesFor, percentile } from '../../harness/statistics.ts'
import { verdictOf } from '../../harness/verdict.ts'
import { asPlanned, noneFinding, type Requests, throttledFinding } from '../lib/claims.ts'
import { latencyFinding, shareFinding } from '../lib/gates.ts'
import type { Instrument } from '../lib/load.ts'
import { checksOf, slowQueryVerdict, trailVerifiedBy } from '../lib/mix.ts'
import { figuresTable, latencyRows } from '../lib/pictures.ts'
import { primaryChanged } from '../lib/slow-queries.ts'
import { SLOW_QUERY_LIMITS } from '../lib/slow-query-claims.ts'
import { toldFindings } from '../lib/told.ts'
import type { JobMixEvidence } from './evidence.ts'
import { jobMix } from './gather.ts'
import { durationsOf, jobProblems } from './ledger.ts'
import { GL_P3_LIMITS, SLO3_LIMITS, SLO4_LIMITS, SLO5_LIMITS } from './limits.ts'

type Kind = JobMixEvidence['attempts'][number]['kind']

const check = checksOf(jobMix, loadFindings)

export const toldOfJobs = check({
  id: 'job-mix',
  title: 'Each change that is handed in and each deployment becomes one job, and is told to whom it concerns, once',
  failureTitle: 'Jobs are lost or doubled, or the wrong people are mailed about them',
  source: 'E11 under load (http-api HD113, HD114; decisions C20); loss only as DC5 allows',
  text: 'each acknowledged submit and deployment has exactly one job; each has its audit row by E11’s name; each notification goes once to the right people by role, the actor excluded',
  limits: [],
  judge(evidence) {
    const { n, lost, doubled, undated } = jobProblems(evidence, ['standard', 'deploy'])
    return verdictOf({
      findings: [
        ...loadFindings(evidence),
        takenFinding(evidence),
        noneFinding('each becomes a job', lost, 'have no job', n),
        noneFinding('none becomes two jobs', doubled, 'have more than one job', n),
        datedFinding(undated, n),
        ...toldFindings(evidence.aftermath, primaryChanged(evidence.queries)),
      ],
      whenPassed: `${n} jobs, one for each, and ${evidence.aftermath.deeds.length} changes told to everybody whom they concern and to nobody else`,
      verifiedBy: trailVerifiedBy(evidence.aftermath),
      remedy: 'the jobs, the rows and the mails are in evidence.json: compare them by the id that is named',
    })
  },
})

export const quickJobQueries = check({
  id: 'job-mix.queries',
  title: 'With jobs at work no query of the database takes longer than 100 ms',
  failureTitle: 'Some queries are slow while jobs are at work',
  source: 'E12 §10 GL-P5',
  text: 'no MongoDB query > 100 ms under normal load (slow-query log): the part of it that jobs make',
  limits: SLOW_QUERY_LIMITS,
  judge(evidence, limits) {
    return slowQueryVerdict(evidence.queries, limits.query_ms_max!, instrumentOf(evidence), loadFindings(evidence))
  },
})

export const jobLatency = check({
  id: 'GL-P3',
  title: 'Jobs are done within 30 seconds, deployments within two minutes',
  failureTitle: 'Jobs keep people waiting',
  source: 'E12 §10 GL-P3',
  text: 'job p99 < 30 s standard, < 120 s deploy',
  limits: GL_P3_LIMITS,
  judge: (evidence, limits) =>
    latencyVerdict(
      evidence,
      [
        { kind: 'standard', claim: 'standard jobs keep their limit', limit: limits.standard_ms_p99! },
        { kind: 'deploy', claim: 'deploy jobs keep their limit', limit: limits.deploy_ms_p99! },
      ],
      '',
    ),
})

export const standardJobs = check({
  id: 'SLO3',
  title: '99 of 100 jobs are done within 30 seconds of being asked for',
  failureTitle: 'Jobs keep people waiting',
  source: 'E12 §6.3 SLO3; decisions C5',
  text: 'job p99 < 30 s, enqueue to completion (finished_at − created_at), rolling 30 days; here the run’s steady window',
  limits: SLO3_LIMITS,
  judge: (evidence, limits) =>
    latencyVerdict(
      evidence,
      [{ kind: 'standard', claim: 'standard jobs keep the limit', limit: limits.job_ms_p99! }],
      windowWords(evidence),
    ),
})

export const deployJobs = check({
  id: 'SLO4',
  title: '99 of 100 deployments are done within two minutes',
  failureTitle: 'Deployments take too long',
  source: 'E12 §6.3 SLO4; decisions C5',
  text: 'deploy job p99 < 120 s (finished_at − created_at), rolling 30 days; here the run’s steady window',
  limits: SLO4_LIMITS,
  judge: (evidence, limits) =>
    latencyVerdict(
      evidence,
      [{ kind: 'deploy', claim: 'deploy jobs keep the limit', limit: limits.deploy_ms_p99! }],
      windowWords(evidence),
    ),
})

export const deploymentSuccess = check({
  id: 'SLO5',
  title: 'At least 99 of 100 deployments succeed',
  failureTitle: 'Deployments fail',
  source: 'E12 §6.3 SLO5',
  text: 'deployment success: succeeded ÷ non-canceled ≥ 99 %, rolling 30 days; here the run’s steady window',
  limits: SLO5_LIMITS,
  judge(evidence, limits) {
    const limit = limits.success_percent_min!
    const { deployments } = evidence
    const counted = deployments.filter(({ state }) => state !== 'canceled' && !UNDER_WAY.has(state))
    const bad = counted.filter(({ state }) => state !== 'succeeded')
    const share = shareFinding('enough deployments succeed', {
      n: counted.length,
      bad: bad.length,
      what: 'deployments',
      badOnes: failedWords(evidence, bad),
      limit,
    })
    return verdictOf({
      findings: [...loadFindings(evidence), endedFinding(evidence), share],
      whenPassed: `${share.because}; ${windowWords(evidence)}`,
      ...(share.measured ? { headline: { measured: share.measured, limit, n: counted.length } } : {}),
      verifiedBy: ['http'],
      remedy: 'the job of a failed deployment says why: evidence.json names it, its log is in the API',
    })
  },
})

export const jobMixChecks = [toldOfJobs, quickJobQueries, jobLatency, standardJobs, deployJobs, deploymentSuccess]

const UNDER_WAY = new Set(['pending', 'running'])

/** The rate is steady to a tenth of what lies between two beginnings at golive's rate, and a second for a busy machine. */
const LATE_MS_MAX = 1_250

/** Was it a steady load, and was all of it taken? When not, nothing below it was verified. */
function loadFindings(evidence: JobMixEvidence): Finding[] {
  const { attempts, planned_of_each } = evidence
  const n = attempts.length
  const complaints: string[] = []
  for (const kind of ['standard', 'deploy'] as const) {
    const begun = attempts.filter((attempt) => attempt.kind === kind).length
    if (begun !== planned_of_each) complaints.push(`${begun} of ${planned_of_each} of the kind ‘${kind}’ were begun`)
  }
  const latest = Math.max(0, ...attempts.map(({ late_ms }) => late_ms))
  if (latest > LATE_MS_MAX) complaints.push(`one was begun ${latest.toFixed(0)} ms late`)
  const missed = attempts.filter(({ error }) => error !== '')
  if (missed.length > 0) complaints.push(`${missed.length} of ${n} were not taken, first ${missed[0]!.error}`)
  return [asPlanned(complaints, `${n} begun, each at its time`, n), throttledFinding(evidence.throttled)]
}

/** What the target refused may be the mix's own doing; what ends like this is the target's. */
function takenFinding({ attempts }: JobMixEvidence): Finding {
  const failed = attempts.filter(({ status, error }) => error !== '' && (status === 0 || status >= 500))
  return noneFinding(
    'none ends in a server error or without an answer',
    failed.map(({ error }) => error),
    'failed',
    attempts.length,
  )
}

function datedFinding(undated: readonly string[], n: number): Finding {
  const claim = 'jobs say when they were made and when they ended'
  return undated.length > 0
    ? { claim, outcome: 'not-verified', because: `${undated.length} of ${n} do not, first ${undated[0]}`, n }
    : noneFinding(claim, [], '', n)
}

/** A deployment whose end was not seen is neither a success nor a failure. */
function endedFinding({ attempts, deployments }: JobMixEvidence): Finding {
  const claim = 'the end of each deployment was seen'
  const wanted = attempts.filter(({ kind, entity }) => kind === 'deploy' && entity !== null).length
  const seen = deployments.filter(({ state }) => !UNDER_WAY.has(state)).length
  return seen === wanted && wanted > 0
    ? { claim, outcome: 'pass', because: `${seen} of ${wanted}`, n: wanted }
    : { claim, outcome: 'not-verified', because: `only ${seen} of ${wanted}`, n: wanted }
}

function latencyVerdict(
  evidence: JobMixEvidence,
  wanted: readonly { kind: Kind; claim: string; limit: Limit }[],
  window: string,
): Verdict {
  const kinds = wanted.map(({ kind }) => kind)
  const { n, lost, undated } = jobProblems(evidence, kinds)
  const judged = wanted.map(({ kind, claim, limit }) => {
    const requests = requestsOf(evidence, kind)
    return { requests, limit, finding: latencyFinding(claim, requests, limit, instrumentOf(evidence)) }
  })
  const [first] = judged as [(typeof judged)[number]]
  return verdictOf({
    findings: [
      ...loadFindings(evidence),
      // One that is lost waits for ever, and one without its times cannot be counted.
      noneFinding('each becomes a job', lost, 'have no job', n),
      datedFinding(undated, n),
      ...judged.map(({ finding }) => finding),
    ],
    whenPassed: [...judged.map(({ requests, limit }) => words(requests, limit)), window]
      .filter((part) => part !== '')
      .join('; '),
    ...headline(first.requests, first.limit),
    verifiedBy: evidence.jobs.source === 'mongo' ? ['http', 'mongo'] : ['http'],
    charts: judged.flatMap(({ requests, limit }) =>
      requests.ended.length === 0
        ? []
        : [
            {
              kind: 'distribution' as const,
              title: `How many ${requests.what} took how long`,
              unit: 'ms',
              values: ascending(requests.ended.map(({ duration_ms }) => duration_ms)),
              limit: { value: limit.value, label: `limit ${limit.value / 1_000} s` },
            },
          ],
    ),
    tables: [figuresTable(judged.flatMap(({ requests }) => latencyRows(requests.what, requests.ended)))],
    remedy:
      'see how long jobs wait and how long they run (created_at, started_at, finished_at): more workers, or quicker suites',
  })
}

function requestsOf(evidence: JobMixEvidence, kind: Kind): Requests {
  return { what: `${kind} jobs`, ended: durationsOf(evidence, kind) }
}

function words({ what, ended }: Requests, limit: Limit): string {
  const durations = ascending(ended.map(({ duration_ms }) => duration_ms))
  const figure =
    durations.length >= fewestSamplesFor(0.99)
      ? `p99 ${seconds(percentile(durations, 0.99))} of ${durations.length} ${what}`
      : `all ${durations.length} ${what} within ${seconds(durations.at(-1) ?? 0)}`
  return `${figure} (limit ${limit.value / 1_000} s)`
}

function headline({ ended }: Requests, limit: Limit) {
  const durations = ascending(ended.map(({ duration_ms }) => duration_ms))
  const n = durations.length
  if (n === 0) return {}
  const [value, label] =
    n >= fewestSamplesFor(0.99) ? [percentile(durations, 0.99), 'p99'] : [durations.at(-1)!, `slowest of ${n}`]
  return { headline: { measured: { value, unit: 'ms', label }, limit, n } }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}

function instrumentOf({ pulse_lag_ms_max, other_cpu_share_max }: JobMixEvidence): Instrument {
  return { generator: { dropped_iterations: 0, pulse_lag_ms_max }, other_cpu_share_max }
}

function windowWords({ duration_s, started_at }: JobMixEvidence): string {
  return `over the run's steady window of ${duration_s.toFixed(0)} s at ${started_at}, which are not 30 days`
}

function failedWords({ jobs }: JobMixEvidence, bad: readonly { id: string; state: string }[]): string {
  const [first] = bad
  if (first === undefined) return ''
  const why = jobs.rows.find(({ entity }) => entity === first.id)?.error ?? 'its job says nothing'
  return `${bad.length} ${first.state}, first ${first.id} (${why})`
}
