/**
 * The worker: claims jobs and runs them, delivers the outbox, sweeps, and shows with a heartbeat that it is alive.
 *
 * Each goes on independently: none waits for another, and a failure in one stops neither the others nor itself.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { MongoError } from 'mongodb'
import { within } from '../bounded.ts'
import { describeError } from '../logging.ts'
import type { JobDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import {
  type ClaimedJob,
  FinalJobError,
  type JobContext,
  type JobFailure,
  type JobHandler,
  originOfJob,
} from './handler.ts'
import type { Heartbeat } from './heartbeat.ts'
import { keepLock, type Lock } from './lock.ts'
import { createJobLogs, type JobLog } from './log.ts'
import { type Loop, runLoop } from './loops.ts'
import { problemOf } from './problem.ts'
import { createJobQueue } from './queue.ts'
import { Stopped, UNWIND_MS, untilStopped } from './stopping.ts'
import { timeLimitMs } from './time-limit.ts'

export interface JobRunner {
  start(): void
  /** Takes no more jobs, waits for those that run, and hands back those that take too long. */
  drain(): Promise<void>
}

const SETTLE_MS = 30_000
const STORE_AGAIN_MS = 500
/** The wait between attempts doubles, but not for ever. */
const MAX_RETRY_WAIT_MS = 300_000
/** Whoever sees the end of a job should find its log complete; a log that cannot be written must not hold it up. */
const FLUSH_LIMIT_MS = 2_000
const TURN_LIMIT_MS = 30_000

export function createJobRunner(services: Services, heartbeat: Heartbeat): JobRunner {
  const { config, logger, metrics } = services
  const { lockMs, concurrency, pollMs, retryWaitMs, drainMs, sweepMs } = config.jobs
  const queue = createJobQueue(services.store, { id: heartbeat.workerId, lockMs })
  const logs = createJobLogs(services.store, logger)
  const stop = new AbortController()
  const stopping = new Promise<void>((resolve) => stop.signal.addEventListener('abort', () => resolve()))
  const loops: Promise<void>[] = []
  const running = new Map<Promise<void>, AbortController>()

  async function claimAndRun(): Promise<boolean> {
    if (running.size >= concurrency) {
      await Promise.race([...running.keys(), stopping])
      return true
    }
    const job = await queue.claim()
    if (job === undefined) return false
    if (stop.signal.aborted) {
      // It was claimed while the worker was asked to stop.
      await queue.handBack(job)
      return false
    }
    const abort = new AbortController()
    const work = run(job, abort).finally(() => running.delete(work))
    running.set(work, abort)
    return true
  }

  /** A job whose worker vanished on the last attempt is settled here, and again by another worker if this one vanishes. */
  async function settleExhausted(): Promise<boolean> {
    const job = await queue.claimExhausted()
    if (job === undefined) return false
    const log = await logs.open(job)
    await conclude(job, log, { outcome: 'failed', problem: 'the worker vanished on the last attempt' }, null)
    return true
  }

  /** Never rejects: whatever a job does, the worker goes on. */
  async function run(job: ClaimedJob, abort: AbortController): Promise<void> {
    const limitMs = timeLimitMs(job)
    const lock = keepLock(job, { queue, lockMs, logger, lose: () => abort.abort(new Stopped('lost')) })
    const timeout = setTimeout(() => abort.abort(new Stopped('timeout')), limitMs)
    try {
      const log = await logs.open(job)
      logger.info({ job_id: job._id, job_type: job.job_type, attempt: job.attempts }, 'job started')
      log.event('info', 'job started', { attempt: job.attempts })
      const store = await attempt(job, log, contextOf(job, log, abort.signal, limitMs), abort.signal)
      await untilStored(lock, store)
    } catch (error) {
      // An outcome that cannot be stored leaves the job to whoever takes it over when its lock has run out.
      logger.error({ job_id: job._id, ...describeError(error) }, 'job outcome not stored')
    } finally {
      clearTimeout(timeout)
      lock.release()
    }
  }

  /** Does the work once; answers how its outcome is stored. */
  async function attempt(
    job: ClaimedJob,
    log: JobLog,
    context: JobContext,
    signal: AbortSignal,
  ): Promise<() => Promise<void>> {
    try {
      signal.throwIfAborted()
      const handler = handlerOf(job)
      if (handler === undefined) throw new FinalJobError(`no worker for jobs of type ${job.job_type}`)
      const result = await untilStopped(handler.run(context), signal)
      return () => finish(job, log, 'succeeded', { result, error_message: null })
    } catch (error) {
      return () => settleFailure(job, log, signal.aborted ? signal.reason : error)
    }
  }

  /** The work is done and cannot be undone: a database that is away for a moment must not have it done again. */
  async function untilStored(lock: Lock, store: () => Promise<void>): Promise<void> {
    const untilMs = performance.now() + lockMs
    for (;;) {
      try {
        await store()
        return
      } catch (error) {
        if (!(error instanceof MongoError) || lock.lost || performance.now() > untilMs) throw error
        await sleep(STORE_AGAIN_MS, undefined, { ref: false })
      }
    }
  }

  function handlerOf({ job_type }: JobDocument): JobHandler | undefined {
    const { jobHandlers } = services
    return Object.hasOwn(jobHandlers, job_type) ? jobHandlers[job_type as keyof typeof jobHandlers] : undefined
  }

  async function settleFailure(job: ClaimedJob, log: JobLog, error: unknown): Promise<void> {
    if (error instanceof Stopped && error.because === 'lost') {
      logger.warn({ job_id: job._id }, 'job lost to another worker')
      return
    }
    if (error instanceof Stopped && error.because === 'drain') {
      if (await queue.handBack(job)) logger.info({ job_id: job._id }, 'job handed back')
      return
    }
    if (error instanceof Stopped) {
      await conclude(job, log, { outcome: 'canceled', problem: 'timeout exceeded' }, null)
      return
    }
    const problem = problemOf(error)
    const isFinal = error instanceof FinalJobError
    logger.warn({ job_id: job._id, job_type: job.job_type, ...describeError(error) }, 'job attempt failed')
    if (!isFinal && mayBeTriedAgain(job)) {
      const waitMs = Math.min(retryWaitMs * 2 ** job.retry_count, MAX_RETRY_WAIT_MS)
      if (await queue.requeue(job, problem, waitMs)) {
        log.event('warn', 'job failed, to be tried again', { problem, wait_ms: waitMs })
      }
      return
    }
    await conclude(job, log, { outcome: 'failed', problem }, isFinal ? error.result : null)
  }

  /** First what the job was for, then the job: whoever sees the job's end sees the rest as well. */
  async function conclude(
    job: ClaimedJob,
    log: JobLog,
    failure: JobFailure,
    result: JobDocument['result'],
  ): Promise<void> {
    // A worker that was frozen may think that the job is still its own.
    if (!(await queue.renew(job))) {
      logger.warn({ job_id: job._id }, 'job lost to another worker')
      return
    }
    const context = contextOf(job, log, AbortSignal.timeout(SETTLE_MS), SETTLE_MS)
    await handlerOf(job)?.settle?.(context, failure)
    await finish(job, log, failure.outcome, { result, error_message: failure.problem })
  }

  async function finish(
    job: ClaimedJob,
    log: JobLog,
    outcome: 'succeeded' | 'failed' | 'canceled',
    { result, error_message }: Pick<JobDocument, 'result' | 'error_message'>,
  ): Promise<void> {
    await within(FLUSH_LIMIT_MS, log.flush()).catch(() => undefined)
    if (!(await queue.finish(job, outcome, { result, error_message }))) return
    const createdMs = job.created_at instanceof Date ? job.created_at.getTime() : Date.now()
    metrics.jobCompleted(job.job_type, outcome, Date.now() - createdMs)
    logger.info({ job_id: job._id, job_type: job.job_type, outcome }, 'job finished')
    const problem = error_message === null ? undefined : { problem: error_message }
    log.event(outcome === 'succeeded' ? 'info' : 'error', `job ${outcome}`, problem)
  }

  function contextOf(job: ClaimedJob, log: JobLog, signal: AbortSignal, limitMs: number): JobContext {
    return {
      job,
      signal,
      origin: originOfJob(job, performance.now() + limitMs),
      log(level, message, data) {
        // Another worker may be writing by now.
        if (!signal.aborted) log.line(level, message, data)
      },
    }
  }

  function allLoops(): Loop[] {
    const sweeps = services.sweeps.map(({ name, everyMs = sweepMs, sweep }) => ({
      name: `sweep ${name}`,
      everyMs,
      limitMs: TURN_LIMIT_MS,
      turn: async () => (await sweep()) && !stop.signal.aborted,
    }))
    return [
      { name: 'claim', everyMs: pollMs, turn: claimAndRun },
      { name: 'exhausted', everyMs: pollMs, turn: settleExhausted },
      {
        name: 'outbox',
        everyMs: pollMs,
        limitMs: TURN_LIMIT_MS,
        turn: async () => (await services.outbox.drain()) > 0,
      },
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
      const ended = (limitMs: number, ...work: Iterable<Promise<void>>[]) =>
        within(limitMs, Promise.all(work.flatMap((some) => [...some]))).catch(() => undefined)
      await Promise.all([ended(drainMs, running.keys()), ended(UNWIND_MS, loops)])
      for (const abort of running.values()) abort.abort(new Stopped('drain'))
      await ended(2 * UNWIND_MS, running.keys())
      await within(FLUSH_LIMIT_MS, logs.flush()).catch(() => undefined)
      await heartbeat.stop()
    },
  }
}

/** Errors are tried again as often as the type allows; attempts that ended with their worker count as well. */
export function mayBeTriedAgain({ retry_count, max_retries, attempts, max_attempts }: ClaimedJob): boolean {
  return retry_count < max_retries && attempts < (max_attempts ?? max_retries + 1)
}
