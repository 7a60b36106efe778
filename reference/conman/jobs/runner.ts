/**
 * The worker: claims jobs and runs them, delivers the outbox, and shows with a heartbeat that it is alive.
 *
 * The three go on independently: none waits for another, and a failure in one stops neither the others nor itself.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { TimedOut, within } from '../bounded.ts'
import { describeError } from '../logging.ts'
import type { JobDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import type { Heartbeat } from './heartbeat.ts'
import { type ClaimedJob, createJobQueue } from './queue.ts'

/** Does what one type of job is for; its result is stored with the job. */
export type JobHandler = (job: ClaimedJob, signal: AbortSignal) => Promise<Record<string, unknown>>

/** A failure that another attempt would only repeat. */
export class FinalJobError extends Error {
  override readonly name = 'FinalJobError'
}

export interface JobRunner {
  start(): void
  /** Takes no more jobs and waits for those that run. */
  drain(): Promise<void>
}

export function createJobRunner(
  services: Services,
  handlers: ReadonlyMap<string, JobHandler>,
  heartbeat: Heartbeat,
): JobRunner {
  const { config, logger, metrics, outbox } = services
  const { lockMs, concurrency, pollMs } = config.jobs
  const queue = createJobQueue(services.store, { id: heartbeat.workerId, lockMs })
  const stop = new AbortController()
  const loops: Promise<void>[] = []
  const running = new Set<Promise<void>>()

  /** Repeats `turn` until the worker stops; a turn that found work is followed by the next without a pause. */
  async function loop(name: string, turn: () => Promise<boolean>): Promise<void> {
    while (!stop.signal.aborted) {
      let busy = false
      try {
        busy = await turn()
      } catch (error) {
        logger.error({ loop: name, ...describeError(error) }, 'job runner turn failed')
      }
      if (!busy) await sleep(pollMs, undefined, { signal: stop.signal }).catch(() => undefined)
    }
  }

  async function claimAndRun(): Promise<boolean> {
    if (running.size >= concurrency) {
      await Promise.race(running)
      return true
    }
    const job = await queue.claim()
    if (job === undefined) return false
    const work = run(job).finally(() => running.delete(work))
    running.add(work)
    return true
  }

  async function failAbandoned(): Promise<boolean> {
    const job = await queue.failAbandoned()
    if (job === undefined) return false
    completed(job, 'failed')
    return true
  }

  async function run(job: ClaimedJob): Promise<void> {
    const lost = new AbortController()
    const renewal = setInterval(() => void renew(job, lost), lockMs / 3)
    logger.info({ job_id: job._id, job_type: job.job_type, attempt: job.attempts }, 'job started')
    trace(job, 'info', 'job started', { attempt: job.attempts })
    try {
      const handler = handlers.get(job.job_type)
      if (handler === undefined) throw new FinalJobError(`no worker for jobs of type ${job.job_type}`)
      const result = await within(Math.max(job.timeout_ms, 1000), handler(job, lost.signal))
      if (await queue.finish(job, 'succeeded', { result, error_message: null })) completed(job, 'succeeded')
    } catch (error) {
      lost.abort()
      // A failure that cannot be stored leaves the job to whoever takes it over when its lock has run out.
      await settleFailure(job, error).catch((unsettled: unknown) => {
        logger.error({ job_id: job._id, ...describeError(unsettled) }, 'job outcome not stored')
      })
    } finally {
      clearInterval(renewal)
    }
  }

  async function settleFailure(job: ClaimedJob, error: unknown): Promise<void> {
    const problem = error instanceof Error ? error.message : 'unknown error'
    if (error instanceof TimedOut) {
      const outcome = { result: null, error_message: 'timeout exceeded' }
      if (await queue.finish(job, 'canceled', outcome)) completed(job, 'canceled')
      return
    }
    if (!(error instanceof FinalJobError) && job.retry_count < job.max_retries) {
      if (await queue.requeue(job, problem)) trace(job, 'warn', 'job failed, to be tried again', { problem })
      return
    }
    if (await queue.finish(job, 'failed', { result: null, error_message: problem })) completed(job, 'failed')
  }

  function completed(job: JobDocument, outcome: 'succeeded' | 'failed' | 'canceled'): void {
    metrics.jobCompleted(job.job_type, outcome, Date.now() - job.created_at.getTime())
    logger.info({ job_id: job._id, job_type: job.job_type, outcome }, 'job finished')
    trace(job, outcome === 'succeeded' ? 'info' : 'error', `job ${outcome}`)
  }

  async function renew(job: ClaimedJob, lost: AbortController): Promise<void> {
    try {
      if (!(await queue.renew(job))) lost.abort()
    } catch (error) {
      logger.warn({ job_id: job._id, ...describeError(error) }, 'job lock not renewed')
    }
  }

  /** A line in the job's own log; one that cannot be written is only traced. */
  function trace(
    job: JobDocument,
    level: 'info' | 'warn' | 'error',
    message: string,
    data?: Record<string, unknown>,
  ): void {
    queue
      .log(job, level, message, data)
      .catch((error: unknown) => logger.warn({ job_id: job._id, ...describeError(error) }, 'job log line lost'))
  }

  return {
    start() {
      heartbeat.start(() => running.size)
      loops.push(loop('claim', claimAndRun))
      loops.push(loop('abandoned', failAbandoned))
      loops.push(loop('outbox', async () => (await outbox.drain()) > 0))
      logger.info({ worker: heartbeat.workerId, concurrency }, 'job runner started')
    },
    async drain() {
      stop.abort()
      await Promise.all(loops)
      await Promise.all(running)
      await heartbeat.stop()
    },
  }
}
