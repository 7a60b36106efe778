/**
 * The worker's heartbeat: one document an instance, renewed every second, that also carries the worker's metrics to whichever
 * API process is scraped.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { within } from '../bounded.ts'
import { describeError } from '../logging.ts'
import type { Services } from '../services.ts'

export interface Heartbeat {
  readonly workerId: string
  start(jobsRunning: () => number): void
  /** Beats once more: what the worker counted since the last beat is part of the totals. */
  stop(): Promise<void>
}

const BEAT_MS = 1_000
/** The last beat of a worker that ends must not hold it up when the database is away. */
const LAST_BEAT_LIMIT_MS = 2_000

/** `sharesApi` says that the API is the same process, whose scrape sees these metrics without help. */
export function createHeartbeat(services: Services, workerId: string, sharesApi: boolean): Heartbeat {
  const heartbeats = services.store.data.job_runner_heartbeats
  const startedAt = new Date()
  const stopped = new AbortController()
  let jobsRunning = () => 0
  let beating = Promise.resolve()

  async function beat(): Promise<void> {
    const metrics = sharesApi ? null : JSON.stringify(await services.metrics.registry.getMetricsAsJSON())
    const set = { started_at: startedAt, beat_at: new Date(), jobs_running: jobsRunning(), metrics }
    await heartbeats.updateOne({ _id: workerId }, { $set: set }, { upsert: true })
  }

  async function beatOrWarn(): Promise<void> {
    await beat().catch((error: unknown) => services.logger.warn(describeError(error), 'heartbeat not written'))
  }

  async function keepBeating(): Promise<void> {
    while (!stopped.signal.aborted) {
      await beatOrWarn()
      await sleep(BEAT_MS, undefined, { signal: stopped.signal }).catch(() => undefined)
    }
  }

  return {
    workerId,
    start(count) {
      jobsRunning = count
      beating = keepBeating()
    },
    async stop() {
      stopped.abort()
      await within(LAST_BEAT_LIMIT_MS, beating.then(beatOrWarn)).catch(() => undefined)
    },
  }
}
