/**
 * The scrape: this process's metrics, those that the workers left with their heartbeats, and gauges that are looked up now.
 *
 * What cannot be looked up in time keeps its last value: a scrape must answer above all while something is broken.
 */
import { AggregatorRegistry, type PrometheusContentType, Registry } from 'prom-client'
import { within } from '../bounded.ts'
import type { HeartbeatDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'

export interface Exposition {
  readonly contentType: string
  text(): Promise<string>
}

export type MetricsJson = Awaited<ReturnType<Registry['getMetricsAsJSON']>>

/** Longer than a health probe may take, so that what a probe finds out late is still part of the scrape. */
const LOOKUP_LIMIT_MS = 2_000
const HOUR_MS = 3_600_000

/** What a worker has left with its heartbeat: none where the row cannot be read, so that it spoils no other's. */
export function metricsOf({ metrics }: Pick<HeartbeatDocument, 'metrics'>): MetricsJson[] {
  try {
    const parsed: unknown = JSON.parse(metrics ?? 'null')
    return Array.isArray(parsed) ? [parsed as MetricsJson] : []
  } catch {
    return []
  }
}

export function createExposition(services: Services): Exposition {
  const { metrics, store } = services
  let ofWorkers: MetricsJson[] = []

  async function lookUpQueueDepth(): Promise<void> {
    const groups = await store.lists.jobs
      .aggregate<{ _id: string; count: number }>([
        { $match: { state: 'queued' } },
        { $group: { _id: '$job_type', count: { $sum: 1 } } },
      ])
      .toArray()
    metrics.queueDepth(new Map(groups.map(({ _id, count }) => [_id, count])))
  }

  async function lookUpLeaks(): Promise<void> {
    const endedBefore = new Date(Date.now() - HOUR_MS)
    const leaked = { state: 'expired' as const, grace_expires_at: { $lt: endedBefore } }
    metrics.leakedTempEnvironments(await store.lists.temp_environments.countDocuments(leaked))
  }

  async function lookUpWorkers(): Promise<void> {
    const beats = await store.lists.job_runner_heartbeats.find({ metrics: { $ne: null } }).toArray()
    ofWorkers = beats.flatMap(metricsOf)
  }

  async function lookUpHealth(): Promise<void> {
    await services.health.check()
    metrics.heartbeat((services.health.lastBeat()?.getTime() ?? 0) / 1000)
  }

  return {
    contentType: Registry.PROMETHEUS_CONTENT_TYPE,
    async text() {
      const lookups = [lookUpQueueDepth(), lookUpLeaks(), lookUpWorkers(), lookUpHealth()]
      await Promise.allSettled(lookups.map((lookup) => within(LOOKUP_LIMIT_MS, lookup)))
      if (ofWorkers.length === 0) return metrics.registry.metrics()
      const own = await metrics.registry.getMetricsAsJSON()
      return AggregatorRegistry.aggregate<PrometheusContentType>([own, ...ofWorkers]).metrics()
    },
  }
}
