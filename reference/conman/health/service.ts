/**
 * Health: whether each part that a request may need is usable, found out anew within a bound well below five seconds.
 *
 * The answer of the last second is reused, so that probing often costs nothing and a scrape sees what a probe sees.
 */
import { within } from '../bounded.ts'
import type { Services } from '../services.ts'
import { VERSION } from '../version.ts'

export type ComponentStatus = 'healthy' | 'degraded' | 'unhealthy'

export interface Component {
  name: 'mongodb' | 'gitaly' | 'job_runner'
  status: ComponentStatus
  detail: string
}

export interface Health {
  status: 'ok' | 'degraded'
  version: string
  components: Component[]
}

export interface HealthService {
  check(): Promise<Health>
  /** When a job runner was last alive, as far as is known. */
  lastBeat(): Date | undefined
}

const PROBE_LIMIT_MS = 1_500
const REUSE_MS = 500
/** A ping this slow still gets through, and is worth a look. */
const SLOW_PING_MS = 1_000

export function createHealthService(services: Services): HealthService {
  let latest: { atMs: number; health: Promise<Health> } | undefined
  let newestBeat: Date | undefined

  async function mongodb(): Promise<Component> {
    const name = 'mongodb'
    if (!services.store.primaryKnown()) return { name, status: 'unhealthy', detail: 'no writable primary is known' }
    try {
      const pingMs = Math.round(await services.store.ping(PROBE_LIMIT_MS))
      return { name, status: pingMs > SLOW_PING_MS ? 'degraded' : 'healthy', detail: `ping: ${pingMs}ms` }
    } catch {
      return { name, status: 'unhealthy', detail: 'ping failed' }
    }
  }

  async function gitaly(): Promise<Component> {
    const name = 'gitaly'
    try {
      return { name, status: 'healthy', detail: await services.git.probe(PROBE_LIMIT_MS) }
    } catch {
      return { name, status: 'unhealthy', detail: 'channel not available' }
    }
  }

  async function jobRunner(): Promise<Component> {
    const name = 'job_runner'
    const { staleMs } = services.config.jobs
    try {
      const heartbeats = services.store.lists.job_runner_heartbeats
      const newest = heartbeats.findOne({}, { sort: { beat_at: -1 }, projection: { beat_at: 1 } })
      newestBeat = (await within(PROBE_LIMIT_MS, newest))?.beat_at
    } catch {
      // The database is what is broken, and says so itself; of the runner counts what was last seen.
      if (newestBeat === undefined) return { name, status: 'unhealthy', detail: 'the heartbeat cannot be read' }
    }
    if (newestBeat === undefined) return { name, status: 'unhealthy', detail: 'no heartbeat yet' }
    const silentMs = Date.now() - newestBeat.getTime()
    if (silentMs < staleMs) return { name, status: 'healthy', detail: 'heartbeat current' }
    const detail = `last heartbeat ${Math.floor(silentMs / 1000)} s ago`
    return { name, status: silentMs < 2 * staleMs ? 'degraded' : 'unhealthy', detail }
  }

  async function examine(): Promise<Health> {
    const components = await Promise.all([mongodb(), gitaly(), jobRunner()])
    for (const { name, status } of components) services.metrics.componentUp(name, status !== 'unhealthy')
    const allHealthy = components.every(({ status }) => status === 'healthy')
    return { status: allHealthy ? 'ok' : 'degraded', version: VERSION, components }
  }

  return {
    check() {
      const nowMs = performance.now()
      if (latest === undefined || nowMs - latest.atMs > REUSE_MS) latest = { atMs: nowMs, health: examine() }
      return latest.health
    },
    lastBeat: () => newestBeat,
  }
}
