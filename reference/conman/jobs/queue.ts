/**
 * Claiming jobs and settling them.
 *
 * A claim is one atomic write: it takes the oldest job that waits, or whose worker let its lock run out, and raises the job's
 * fencing number. Every later write carries that number, so a worker that lost a job can no longer change it.
 */
import { type Filter, ObjectId, type UpdateFilter } from 'mongodb'
import type { JobDocument, JobLogDocument, JobState } from '../mongo/documents.ts'
import type { Store } from '../mongo/store.ts'

export interface ClaimedJob extends JobDocument {
  fence: number
  attempts: number
}

export interface JobQueue {
  claim(): Promise<ClaimedJob | undefined>
  /** Takes a job whose worker vanished on its last attempt; it is failed, not run again. */
  failAbandoned(): Promise<JobDocument | undefined>
  /** Keeps the lock while a job runs; false when another worker has the job. */
  renew(job: ClaimedJob): Promise<boolean>
  finish(job: ClaimedJob, state: JobState, outcome: Pick<JobDocument, 'result' | 'error_message'>): Promise<boolean>
  /** Puts a failed job back into the queue for another attempt. */
  requeue(job: ClaimedJob, problem: string): Promise<boolean>
  log(job: JobDocument, level: JobLogDocument['level'], message: string, data?: Record<string, unknown>): Promise<void>
}

/** Attempts that a job has had, and may have; older rows say it with `max_retries` alone. */
const HAD = { $ifNull: ['$attempts', 0] }
const MAY_HAVE = { $ifNull: ['$max_attempts', { $add: [{ $ifNull: ['$max_retries', 0] }, 1] }] }

export function createJobQueue(store: Store, worker: { id: string; lockMs: number }): JobQueue {
  const { jobs, job_logs } = store.data

  const lockEnd = () => new Date(Date.now() + worker.lockMs)
  const abandoned = (): Filter<JobDocument> => ({ state: 'running', locked_until: { $lt: new Date() } })
  const held = (job: ClaimedJob): Filter<JobDocument> => ({
    _id: job._id,
    state: 'running',
    locked_by: worker.id,
    fence: job.fence,
  })

  async function settle(job: ClaimedJob, update: UpdateFilter<JobDocument>): Promise<boolean> {
    const { matchedCount } = await jobs.updateOne(held(job), update)
    return matchedCount === 1
  }

  return {
    async claim() {
      const now = new Date()
      const claimable: Filter<JobDocument> = {
        $or: [{ state: 'queued' }, { ...abandoned(), $expr: { $lt: [HAD, MAY_HAVE] } }],
      }
      // Looking first spares an idle worker an update that changes nothing and still waits for the majority.
      if ((await jobs.countDocuments(claimable, { limit: 1 })) === 0) return undefined
      const job = await jobs.findOneAndUpdate(
        claimable,
        {
          $set: { state: 'running', started_at: now, updated_at: now, locked_until: lockEnd(), locked_by: worker.id },
          $inc: { attempts: 1, fence: 1 },
        },
        { sort: { created_at: 1 }, returnDocument: 'after' },
      )
      return job === null ? undefined : { ...job, fence: job.fence ?? 1, attempts: job.attempts ?? 1 }
    },

    async failAbandoned() {
      const now = new Date()
      const exhausted: Filter<JobDocument> = { ...abandoned(), $expr: { $gte: [HAD, MAY_HAVE] } }
      if ((await jobs.countDocuments(exhausted, { limit: 1 })) === 0) return undefined
      const job = await jobs.findOneAndUpdate(
        exhausted,
        {
          $set: {
            state: 'failed',
            error_message: 'the worker vanished on the last attempt',
            finished_at: now,
            updated_at: now,
            locked_until: null,
            locked_by: null,
          },
          $inc: { fence: 1 },
        },
        { returnDocument: 'after' },
      )
      return job ?? undefined
    },

    renew: (job) => settle(job, { $set: { locked_until: lockEnd() } }),

    finish(job, state, outcome) {
      const now = new Date()
      const set = { ...outcome, state, finished_at: now, updated_at: now, locked_until: null, locked_by: null }
      return settle(job, { $set: set })
    },

    requeue(job, problem) {
      const set = {
        state: 'queued' as const,
        error_message: problem,
        started_at: null,
        updated_at: new Date(),
        locked_until: null,
        locked_by: null,
      }
      return settle(job, { $set: set, $inc: { retry_count: 1 } })
    },

    async log(job, level, message, data) {
      await job_logs.insertOne({
        _id: new ObjectId(),
        app_id: job.app_id,
        job_id: job._id,
        level,
        message,
        data: data ?? null,
        timestamp: new Date(),
      })
    },
  }
}
