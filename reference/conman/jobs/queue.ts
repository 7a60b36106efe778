/**
 * Claiming jobs and settling them.
 *
 * A claim is one atomic write: it takes the oldest job that waits, or whose worker let its lock run out, and raises the job's
 * fencing number. Every later write carries that number, so a worker that lost a job can no longer change it.
 *
 * Every worker looks at all rows, so a claim must not fail on one that is not as it should be: numbers are read with care.
 */
import type { Document, Filter, UpdateFilter } from 'mongodb'
import type { JobDocument, JobState } from '../mongo/documents.ts'
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
}

const numberIn = (field: string, fallback: unknown) => ({ $cond: [{ $isNumber: field }, field, fallback] })

/** Attempts that a job has had, and may have; older rows say it with `max_retries` alone. */
const HAD = numberIn('$attempts', 0)
const MAY_HAVE = numberIn('$max_attempts', { $add: [numberIn('$max_retries', 0), 1] })
const UNLOCKED = { locked_until: null, locked_by: null } as const

export function createJobQueue(store: Store, worker: { id: string; lockMs: number }): JobQueue {
  const { jobs, job_pauses } = store.data

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
    const counts = { fence: { $add: [numberIn('$fence', 0), 1] }, retry_count: numberIn('$retry_count', 0) }
    const job = await jobs.findOneAndUpdate(claimable, [{ $set: { ...lock, ...counts, ...change } }], {
      sort: { created_at: 1 },
      returnDocument: 'after',
    })
    return (job as ClaimedJob | null) ?? undefined
  }

  /** Operators may hold types of jobs back: what is queued stays so, and nobody takes over what was running. */
  async function notPaused(): Promise<Filter<JobDocument>> {
    const paused = await job_pauses.find({}, { projection: { _id: 1 } }).toArray()
    return paused.length === 0 ? {} : { job_type: { $nin: paused.map(({ _id }) => _id) } }
  }

  return {
    async claim() {
      const allowed = await notPaused()
      const now = new Date()
      const claimable: Filter<JobDocument> = {
        $or: [
          { state: 'queued', not_before: { $not: { $gt: now } } },
          { ...abandoned(), $expr: { $lt: [HAD, MAY_HAVE] } },
        ],
        ...allowed,
      }
      return take(claimable, {
        state: 'running',
        started_at: now,
        not_before: null,
        attempts: { $add: [HAD, 1] },
        exclusive_key: { $cond: [{ $eq: ['$exclusive_while', 'queued'] }, '$$REMOVE', '$exclusive_key'] },
      })
    },

    async claimExhausted() {
      const allowed = await notPaused()
      return take({ ...abandoned(), $expr: { $gte: [HAD, MAY_HAVE] }, ...allowed }, { attempts: HAD })
    },

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
  }
}
