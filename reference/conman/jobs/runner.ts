/**
 * The worker: claims jobs and runs them, delivers the outbox, sweeps, and shows with a heartbeat that it is alive.
 *
 * Each goes on independently: none waits for another, and a failure in one stops neither the others nor itself.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { within } from '../bounded.ts'
import { describeError } from '../logging.ts'
import type { JobDocument, JobLogDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import { cutBytes } from '../text.ts'
import { type ClaimedJob, FinalJobError, type JobContext, type JobFailure, originOfJob } from './handler.ts'
import type { Heartbeat } from './heartbeat.ts'
import { type Loop, runLoop } from './loops.ts'
import { createJobQueue } from './queue.ts'

export interface JobRunner {
  start(): void
  /** Takes no more jobs, waits for those that run, and hands back those that take too long. */
  drain(): Promise<void>
}

/** Why a running job is stopped. */
class Stopped extends Error {
  override readonly name = 'Stopped'
  readonly because: 'lost' | 'timeout' | 'drain'

  constructor(because: 'lost' | 'timeout' | 'drain') {
    super(`job stopped: ${because}`)
    this.because = because
  }
}

/** A handler that was told to stop has this long to unwind: what it started must have ended before the job is settled. */
const UNWIND_MS = 5_000
const SETTLE_MS = 30_000
const MAX_LOG_LINES = 1_000
const MAX_MESSAGE_BYTES = 2_000
const SWEEP_LIMIT_MS = 30_000

export function createJobRunner(services: Services, heartbeat: Heartbeat): JobRunner {
  const { config, logger, metrics } = services
  const { lockMs, concurrency, pollMs, retryWaitMs, drainMs, sweepMs } = config.jobs
  const queue = createJobQueue(services.store, { id: heartbeat.workerId, lockMs })
  const stop = new AbortController()
  const loops: Promise<void>[] = []
  const running = new Map<Promise<void>, AbortController>()
  const lines = new Set<Promise<void>>()

  async function claimAndRun(): Promise<boolean> {
    if (running.size >= concurrency) {
      await Promise.race(running.keys())
      return true
    }
    const job = await queue.claim()
    if (job === undefined) return false
    const abort = new AbortController()
    const work = run(job, abort).finally(() => running.delete(work))
    running.set(work, abort)
    return true
  }

  /** A job whose worker vanished on the last attempt is settled here, and again by another worker if this one vanishes. */
  async function settleExhausted(): Promise<boolean> {
    const job = await queue.claimExhausted()
    if (job === undefined) return false
    await conclude(job, { outcome: 'failed', problem: 'the worker vanished on the last attempt' }, null)
    return true
  }

  async function run(job: ClaimedJob, abort: AbortController): Promise<void> {
    const stopKeeping = keepLock(job, abort)
    const timeout = setTimeout(() => abort.abort(new Stopped('timeout')), Math.max(job.timeout_ms, 1_000))
    logger.info({ job_id: job._id, job_type: job.job_type, attempt: job.attempts }, 'job started')
    const context = contextOf(job, abort.signal)
    context.log('info', 'job started', { attempt: job.attempts })
    try {
      const handler = services.jobHandlers[job.job_type as keyof typeof services.jobHandlers]
      if (handler === undefined) throw new FinalJobError(`no worker for jobs of type ${job.job_type}`)
      const result = await untilStopped(handler.run(context), abort.signal)
      if (await queue.finish(job, 'succeeded', { result, error_message: null })) completed(job, 'succeeded')
    } catch (error) {
      // A failure that cannot be stored leaves the job to whoever takes it over when its lock has run out.
      await settleFailure(job, abort.signal.aborted ? abort.signal.reason : error).catch((unsettled: unknown) => {
        logger.error({ job_id: job._id, ...describeError(unsettled) }, 'job outcome not stored')
      })
    } finally {
      clearTimeout(timeout)
      stopKeeping()
    }
  }

  async function settleFailure(job: ClaimedJob, error: unknown): Promise<void> {
    if (error instanceof Stopped && error.because === 'lost') {
      logger.warn({ job_id: job._id }, 'job lost to another worker')
      return
    }
    if (error instanceof Stopped && error.because === 'drain') {
      if (await queue.handBack(job)) logger.info({ job_id: job._id }, 'job handed back')
      return
    }
    if (error instanceof Stopped) {
      await conclude(job, { outcome: 'canceled', problem: 'timeout exceeded' }, null)
      return
    }
    const problem = error instanceof Error ? error.message : 'unknown error'
    const isFinal = error instanceof FinalJobError
    if (!isFinal && job.retry_count < job.max_retries) {
      const waitMs = retryWaitMs * 2 ** job.retry_count
      if (await queue.requeue(job, problem, waitMs)) {
        contextOf(job, stop.signal).log('warn', 'job failed, to be tried again', { problem, wait_ms: waitMs })
      }
      return
    }
    await conclude(job, { outcome: 'failed', problem }, isFinal ? error.result : null)
  }

  /** First what the job was for, then the job: whoever sees the job's end sees the rest as well. */
  async function conclude(job: ClaimedJob, failure: JobFailure, result: JobDocument['result']): Promise<void> {
    const limit = AbortSignal.timeout(SETTLE_MS)
    const handler = services.jobHandlers[job.job_type as keyof typeof services.jobHandlers]
    await handler?.settle?.(contextOf(job, limit, SETTLE_MS), failure)
    const { outcome, problem } = failure
    if (await queue.finish(job, outcome, { result, error_message: problem })) completed(job, outcome, problem)
  }

  function completed(job: ClaimedJob, outcome: 'succeeded' | 'failed' | 'canceled', problem?: string): void {
    const createdMs = job.created_at instanceof Date ? job.created_at.getTime() : Date.now()
    metrics.jobCompleted(job.job_type, outcome, Date.now() - createdMs)
    logger.info({ job_id: job._id, job_type: job.job_type, outcome }, 'job finished')
    contextOf(job, stop.signal).log(
      outcome === 'succeeded' ? 'info' : 'error',
      `job ${outcome}`,
      problem === undefined ? undefined : { problem },
    )
  }

  /** Renews the lock while the job runs. A worker that could not for as long as the lock lasts has lost the job. */
  function keepLock(job: ClaimedJob, abort: AbortController): () => void {
    const lose = () => abort.abort(new Stopped('lost'))
    let expiry = setTimeout(lose, lockMs)
    const renewal = setInterval(async () => {
      const askedMs = performance.now()
      try {
        if (!(await queue.renew(job))) return lose()
        clearTimeout(expiry)
        expiry = setTimeout(lose, lockMs - (performance.now() - askedMs))
      } catch (error) {
        logger.warn({ job_id: job._id, ...describeError(error) }, 'job lock not renewed')
      }
    }, lockMs / 3)
    return () => {
      clearInterval(renewal)
      clearTimeout(expiry)
    }
  }

  function contextOf(job: ClaimedJob, signal: AbortSignal, limitMs = Math.max(job.timeout_ms, 1_000)): JobContext {
    let written = 0
    return {
      job,
      signal,
      origin: originOfJob(job, performance.now() + limitMs),
      log(level, message, data) {
        written += 1
        if (written <= MAX_LOG_LINES) trace(job, level, cutBytes(message, MAX_MESSAGE_BYTES), data)
      },
    }
  }

  /** A line in the job's own log; one that cannot be written is only told about here. */
  function trace(job: JobDocument, level: JobLogDocument['level'], message: string, data?: Record<string, unknown>) {
    const line = queue
      .log(job, level, message, data)
      .catch((error: unknown) => logger.warn({ job_id: job._id, ...describeError(error) }, 'job log line lost'))
      .finally(() => lines.delete(line))
    lines.add(line)
  }

  function allLoops(): Loop[] {
    const outbox = { name: 'outbox', everyMs: pollMs, turn: async () => (await services.outbox.drain()) > 0 }
    const sweeps = services.sweeps.map(({ name, everyMs = sweepMs, sweep }) => ({
      name: `sweep ${name}`,
      everyMs,
      limitMs: SWEEP_LIMIT_MS,
      turn: async () => (await sweep()) && !stop.signal.aborted,
    }))
    return [
      { name: 'claim', everyMs: pollMs, turn: claimAndRun },
      { name: 'exhausted', everyMs: pollMs, turn: settleExhausted },
      outbox,
      ...sweeps,
    ]
  }

  return {
    start() {
      heartbeat.start(() => running.size)
      for (const loop of allLoops()) loops.push(runLoop(loop, stop.signal, logger))
      logger.info({ worker: heartbeat.workerId, concurrency }, 'job runner started')
    },
    async drain() {
      stop.abort()
      await within(UNWIND_MS, Promise.all(loops)).catch(() => undefined)
      await within(drainMs, Promise.all(running.keys())).catch(() => undefined)
      for (const abort of running.values()) abort.abort(new Stopped('drain'))
      await within(2 * UNWIND_MS, Promise.all([...running.keys(), ...lines])).catch(() => undefined)
      await heartbeat.stop()
    },
  }
}

/** The work's result, unless the signal ends first; then the work is given a moment to unwind and its result is nothing. */
async function untilStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const stopped = Promise.withResolvers<never>()
  const onAbort = async () => {
    await Promise.race([work.catch(() => undefined), sleep(UNWIND_MS)])
    stopped.reject(signal.reason)
  }
  signal.addEventListener('abort', onAbort, { once: true })
  stopped.promise.catch(() => undefined)
  try {
    // Work that ends well although it was told to stop has been done.
    return await Promise.race([work, stopped.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
    work.catch(() => undefined)
  }
}
