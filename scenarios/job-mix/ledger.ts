// Attempts against the jobs that they became: pure.

import type { JobMixEvidence } from './evidence.ts'

type Attempt = JobMixEvidence['attempts'][number]
type Job = JobMixEvidence['jobs']['rows'][number]

export interface JobProblems {
  /** Acknowledged attempts. */
  n: number
  lost: string[]
  doubled: string[]
  /** Without the times that a latency is made of, though they have ended. */
  undated: string[]
}

/** Of these kinds. */
export function jobProblems(evidence: JobMixEvidence, kinds: readonly Attempt['kind'][]): JobProblems {
  const of = joined(evidence).filter(({ attempt }) => kinds.includes(attempt.kind))
  const problems: JobProblems = { n: of.length, lost: [], doubled: [], undated: [] }
  for (const { attempt, jobs } of of) {
    const what = `${attempt.kind === 'deploy' ? 'deployment' : 'changeset'} ${attempt.entity}`
    if (jobs.length === 0) problems.lost.push(what)
    if (jobs.length > 1) problems.doubled.push(what)
    for (const job of jobs) if (hasEnded(job) && Number.isNaN(latencyOf(job))) problems.undated.push(`job ${job.id}`)
  }
  return problems
}

/**
 * From being enqueued to its end, by the target's own clock (decisions C5). One that has not ended counts with the time that was
 * watched: it took longer than that.
 */
export function durationsOf(
  evidence: JobMixEvidence,
  kind: Attempt['kind'],
): { started_ms: number; duration_ms: number; status: number; error: string }[] {
  return joined(evidence)
    .filter(({ attempt }) => attempt.kind === kind)
    .flatMap(({ attempt, jobs }) =>
      jobs
        .map((job) => ({
          started_ms: attempt.started_ms,
          duration_ms: hasEnded(job) ? latencyOf(job) : attempt.watched_ms,
          status: 200,
          error: '',
        }))
        .filter(({ duration_ms }) => !Number.isNaN(duration_ms)),
    )
}

function joined({ attempts, jobs }: JobMixEvidence): { attempt: Attempt; jobs: Job[] }[] {
  const byEntity = Map.groupBy(jobs.rows, ({ kind, entity }) => `${kind} ${entity}`)
  return attempts
    .filter(({ entity }) => entity !== null)
    .map((attempt) => ({ attempt, jobs: byEntity.get(`${attempt.kind} ${attempt.entity}`) ?? [] }))
}

function hasEnded({ state }: Job): boolean {
  return state !== 'queued' && state !== 'running'
}

/** Not a number where the job does not tell both, or ends before it begins. */
function latencyOf({ created_at, finished_at }: Job): number {
  if (created_at === null || finished_at === null) return Number.NaN
  const latency = Date.parse(finished_at) - Date.parse(created_at)
  return latency < 0 ? Number.NaN : latency
}
