/** The totals never fall: what workers that are gone have counted is kept, once. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createMetrics } from '../metrics/metrics.ts'
import type { Services } from '../services.ts'
import { openServices } from '../test/services.ts'
import { createWorld, HAS_PARTS, type World } from '../test/world.ts'
import { RETIRED, retiredWorkers } from './retired-workers.ts'

const DAY_MS = 86_400_000

describe.skipIf(!HAS_PARTS)('workers that are gone', () => {
  let world: World
  let services: Services & AsyncDisposable

  beforeAll(async () => {
    world = await createWorld({ args: ['--role', 'api'] })
    services = await openServices(world.env)
  })
  afterAll(async () => {
    await services?.[Symbol.asyncDispose]()
    await world?.[Symbol.asyncDispose]()
  })

  const beats = () =>
    world.db.collection<{ _id: string; beat_at: Date; metrics: string | null }>('job_runner_heartbeats')

  /** A worker that was last seen some days ago, and had seen so many deployments fail. */
  async function worker(_id: string, days: number, failed: number) {
    const metrics = createMetrics()
    for (let count = 0; count < failed; count += 1) metrics.deployment('failed')
    metrics.jobCompleted('deploy_release', 'failed', 1_500)
    const json = JSON.stringify(await metrics.registry.getMetricsAsJSON())
    await beats().insertOne({ _id, beat_at: new Date(Date.now() - days * DAY_MS), metrics: json })
  }
  async function totals() {
    const text = String((await world.anonymous.get('/api/metrics')).body)
    const failed = Number(/^conman_deployments_total\{outcome="failed"\} (\d+)$/m.exec(text)?.[1])
    const jobs = Number(/^conman_job_duration_seconds_count\{type="deploy_release"\} (\d+)$/m.exec(text)?.[1])
    return { failed, jobs }
  }

  test('are folded into one, and the totals stay, however often and wherever that is done', async () => {
    await worker('first', 2, 3)
    await worker('second', 40, 4)
    await worker('alive', 0, 5)
    await beats().insertOne({ _id: 'broken', beat_at: new Date(0), metrics: 'no json' })
    expect(await totals()).toEqual({ failed: 12, jobs: 3 })

    const { sweep } = retiredWorkers(services)
    await Promise.all([sweep(), sweep(), sweep()])
    expect((await beats().find().toArray()).map(({ _id }) => _id).sort()).toEqual(['alive', RETIRED])
    expect(await totals()).toEqual({ failed: 12, jobs: 3 })

    await worker('third', 3, 2)
    expect(await sweep()).toBe(false)
    expect(await sweep()).toBe(false)
    expect(await totals()).toEqual({ failed: 14, jobs: 4 })
    // It stands for nobody who is alive.
    expect((await beats().findOne({ _id: RETIRED }))?.beat_at).toEqual(new Date(0))
  })
})
