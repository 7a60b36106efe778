/**
 * Claiming jobs and settling them.
 *
 * A claim is one atomic write: it takes the oldest job that waits, or whose worker let its lock run out, and raises the job's
 * fencing number. Every later write carries that number, so a worker that lost a job can no longer change it.
 */
import { type Document, type Filter, ObjectId, type UpdateFilter } from 'mongodb'
import type { JobDocument, JobLogDocument, JobState } from '../mongo/documents.ts'
import type { Store } from '../mongo/store.ts'
import type { ClaimedJob } from './handler.ts'

export interface JobQueue {
  claim(): Promise<ClaimedJob | undefined>
  /** Takes a job whose worker vanished on its last attempt; it is to be settled, not run again. */
  claimExhausted(): Promise<ClaimedJob | undefined>
  /** Keeps the lock while a job runs; false when another worker has the job. */
  renew(job: ClaimedJob): Promise<boolean>
  finish(job: ClaimedJob, state: JobState, outcome: Pick<JobDocument, 'result' | 'error_message'>): Promise<boolean>
  /** Puts a failed job back into the queue for another attempt, not to be claimed before the wait is over. */
  requeue(job: ClaimedJob, problem: string, waitMs: number): Promise<boolean>
  /** Puts a job back that this worker cannot finish; the attempt does not count. */
  handBack(job: ClaimedJob): Promise<boolean>
  log(job: JobDocument, level: JobLogDocument['level'], message: string, data?: Record<string, unknown>): Promise<void>
}

/** Attempts that a job has had, and may have; older rows say it with `max_retries` alone. */
const HAD = { $ifNull: ['$attempts', 0] }
const MAY_HAVE = { $ifNull: ['$max_attempts', { $add: [{ $ifNull: ['$max_retries', 0] }, 1] }] }
const UNLOCKED = { locked_until: null, locked_by: null } as const

export function createJobQueue(store: Store, worker: { id: string; lockMs: number }): JobQueue {
  const { jobs, job_logs, job_pauses } = store.data

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

  async function take(claimable: Filter<JobDocument>, change: Document): Promise<ClaimedJob | undefined> {
    // Looking first spares an idle worker an update that changes nothing and still waits for the majority.
    if ((await jobs.findOne(claimable, { projection: { _id: 1 } })) === null) return undefined
    const now = new Date()
    const lock = { locked_until: lockEnd(), locked_by: worker.id, heartbeat_at: now, updated_at: now }
    const fence = { $add: [{ $ifNull: ['$fence', 0] }, 1] }
    const job = await jobs.findOneAndUpdate(claimable, [{ $set: { ...lock, fence, ...change } }], {
      sort: { created_at: 1 },
      returnDocument: 'after',
    })
    return job === null ? undefined : { ...job, fence: job.fence ?? 1, attempts: job.attempts ?? 1 }
  }

  return {
    async claim() {
      const paused = (await job_pauses.find({}, { projection: { _id: 1 } }).toArray()).map(({ _id }) => _id)
      const now = new Date()
      const claimable: Filter<JobDocument> = {
        $or: [
          { state: 'queued', not_before: { $not: { $gt: now } } },
          { ...abandoned(), $expr: { $lt: [HAD, MAY_HAVE] } },
        ],
        ...(paused.length > 0 && { job_type: { $nin: paused } }),
      }
      return take(claimable, {
        state: 'running',
        started_at: now,
        not_before: null,
        attempts: { $add: [HAD, 1] },
        exclusive_key: { $cond: [{ $eq: ['$exclusive_while', 'queued'] }, '$$REMOVE', '$exclusive_key'] },
      })
    },

    claimExhausted: () => take({ ...abandoned(), $expr: { $gte: [HAD, MAY_HAVE] } }, {}),

    renew: (job) => settle(job, { $set: { locked_until: lockEnd(), heartbeat_at: new Date() } }),

    finish(job, state, outcome) {
      const now = new Date()
      const set = { ...outcome, ...UNLOCKED, state, finished_at: now, updated_at: now }
      return settle(job, { $set: set, $unset: { exclusive_key: true } })
    },

    requeue(job, problem, waitMs) {
      const now = new Date()
      const set = {
        ...UNLOCKED,
        state: 'queued' as const,
        error_message: problem,
        started_at: null,
        updated_at: now,
        not_before: new Date(now.getTime() + waitMs),
      }
      return settle(job, { $set: set, $inc: { retry_count: 1 } })
    },

    handBack(job) {
      const set = { ...UNLOCKED, state: 'queued' as const, started_at: null, updated_at: new Date() }
      return settle(job, { $set: set, $inc: { attempts: -1 } })
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
