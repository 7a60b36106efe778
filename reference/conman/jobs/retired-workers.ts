/**
 * What workers that are gone have counted.
 *
 * Their counters are part of the totals for good: a total that fell would look like a restart to whoever reads it, and all of
 * it like news. So the heartbeats of workers that have long been silent are folded into one that stands for all of them.
 */
import { AggregatorRegistry, type PrometheusContentType } from 'prom-client'
import { metricsOf } from '../metrics/exposition.ts'
import type { HeartbeatDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import type { Sweep } from './sweeps.ts'

export const RETIRED = 'retired workers'
/** No worker is silent for so long and comes back. */
const GONE_AFTER_MS = 86_400_000
const BATCH = 50
const EVERY_MS = 600_000

export function retiredWorkers(services: Services): Sweep {
  const { data, causality } = services.store
  const heartbeats = data.job_runner_heartbeats

  return {
    name: 'retired workers',
    everyMs: EVERY_MS,
    async sweep() {
      const gone = { _id: { $ne: RETIRED }, beat_at: { $lt: new Date(Date.now() - GONE_AFTER_MS) } }
      const found = await heartbeats
        .find(gone, { projection: { _id: 1 } })
        .limit(BATCH)
        .toArray()
      if (found.length === 0) return false
      const ids = found.map(({ _id }) => _id)
      await causality.transaction([], async (session) => {
        const filter = { _id: { $in: [...ids, RETIRED] } }
        const rows = await heartbeats.find(filter, { session }).toArray()
        const metrics = await together(rows)
        // Older than any living one's: whoever asks for the newest heartbeat must not find it.
        const set = { started_at: new Date(0), beat_at: new Date(0), jobs_running: 0, metrics }
        await heartbeats.updateOne({ _id: RETIRED }, { $set: set }, { session, upsert: true })
        await heartbeats.deleteMany({ _id: { $in: ids } }, { session })
      })
      return found.length === BATCH
    },
  }
}

async function together(rows: readonly HeartbeatDocument[]): Promise<string | null> {
  const counted = rows.flatMap(metricsOf)
  if (counted.length === 0) return null
  return JSON.stringify(await AggregatorRegistry.aggregate<PrometheusContentType>(counted).getMetricsAsJSON())
}
