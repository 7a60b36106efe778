/** What one type of job does, and what it is given to do it with. */
import type { Origin } from '../http/context.ts'
import type { JobDocument, JobLogDocument, JobType } from '../mongo/documents.ts'

export interface ClaimedJob extends JobDocument {
  /** Goes into every write that the job's work leads to: a worker that lost the job has an older one. */
  fence: number
  attempts: number
}

export interface JobContext {
  readonly job: ClaimedJob
  /** Aborted when the job's time is over, another worker has it, or this one is asked to stop: write nothing more. */
  readonly signal: AbortSignal
  /** For audit rows and calls to the git backend. */
  readonly origin: Origin
  /** A line in the job's own log, which any member of the app can read: nothing secret. */
  log(level: JobLogDocument['level'], message: string, data?: Record<string, unknown>): void
}

export type JobResult = Record<string, unknown>

export interface JobFailure {
  outcome: 'failed' | 'canceled'
  problem: string
}

/**
 * Both parts may run more than once for the same job, on different workers: a worker can die between the effect and its
 * record. So each step first looks whether it is done.
 */
export interface JobHandler {
  run(context: JobContext): Promise<JobResult>
  /** Settles what the job was for when no attempt is left; the job gets its final state afterwards. */
  settle?(context: JobContext, failure: JobFailure): Promise<void>
}

export type JobHandlers = { [Type in JobType]?: JobHandler }

/** A failure that another attempt would only repeat. Its result, if it has one, is stored with the job. */
export class FinalJobError extends Error {
  override readonly name = 'FinalJobError'
  readonly result: JobResult | null

  constructor(problem: string, result: JobResult | null = null) {
    super(problem)
    this.result = result
  }
}

/** The origin of what a job does: its id stands where a request's would. */
export function originOfJob(job: Pick<JobDocument, '_id'>, gitUntilMs: number): Origin {
  return { requestId: `job-${job._id}`, ip: null, userAgent: null, gitUntilMs }
}
