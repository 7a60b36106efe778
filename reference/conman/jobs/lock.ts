/** A worker's hold on a job: renewed while the job runs. A worker that could not for as long as it lasts has lost the job. */
import { describeError, type Logger } from '../logging.ts'
import type { ClaimedJob } from './handler.ts'
import type { JobQueue } from './queue.ts'

export interface Lock {
  readonly lost: boolean
  release(): void
}

interface LockOptions {
  queue: Pick<JobQueue, 'renew'>
  lockMs: number
  logger: Logger
  /** Called when the job is lost. */
  lose(): void
}

export function keepLock(job: ClaimedJob, options: LockOptions): Lock {
  const { queue, lockMs, logger } = options
  let lost = false
  let released = false
  const lose = () => {
    lost = true
    options.lose()
  }
  let expiry = setTimeout(lose, Math.max((job.locked_until?.getTime() ?? 0) - Date.now(), 0))
  const renewal = setInterval(async () => {
    const askedMs = performance.now()
    try {
      const held = await queue.renew(job)
      if (released) return
      if (!held) return lose()
      clearTimeout(expiry)
      expiry = setTimeout(lose, Math.max(lockMs - (performance.now() - askedMs), 0))
    } catch (error) {
      logger.warn({ job_id: job._id, ...describeError(error) }, 'job lock not renewed')
    }
  }, lockMs / 3)
  return {
    get lost() {
      return lost
    },
    release() {
      released = true
      clearInterval(renewal)
      clearTimeout(expiry)
    },
  }
}
