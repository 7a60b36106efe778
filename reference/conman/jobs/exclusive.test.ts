/** Jobs of which there is one at a time, asked for by several servers at once. */
import { randomBytes } from 'node:crypto'
import { ObjectId } from 'mongodb'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createMetrics } from '../metrics/metrics.ts'
import { ensureIndexes } from '../mongo/indexes.ts'
import { openStore, type Store } from '../mongo/store.ts'
import type { Services } from '../services.ts'
import { HAS_PARTS } from '../test/world.ts'
import { createJobQueue } from './queue.ts'
import { createJobService, type JobService, type NewJob } from './service.ts'

describe.skipIf(!HAS_PARTS)('an exclusive job', () => {
  const stores: Store[] = []
  const services: JobService[] = []
  const appId = new ObjectId()

  beforeAll(async () => {
    const uri = process.env.READINESS_TEST_MONGO_URI ?? ''
    const database = `conman_exclusive_${randomBytes(4).toString('hex')}`
    for (const _server of [1, 2]) {
      const store = await openStore({ uri, database, appName: 'conman-test', logger: pino({ level: 'silent' }) })
      stores.push(store)
      services.push(createJobService({ store, metrics: createMetrics() } as Services))
    }
    await ensureIndexes((stores[0] as Store).db)
  })
  afterAll(async () => {
    await stores[0]?.db.dropDatabase()
    await Promise.all(stores.map((store) => store.close()))
  })

  const data = () => (stores[0] as Store).data
  const queue = () => createJobQueue(stores[0] as Store, { id: 'w', lockMs: 60_000 })
  const wanted = (key: string, until: 'queued' | 'unfinished' = 'unfinished') => ({
    appId,
    type: 'temp_env_expire' as const,
    entityId: key,
    payload: {},
    createdBy: null,
    exclusive: { key, while: until },
  })
  const all = <T>(count: number, ask: (service: JobService) => Promise<T>) =>
    Promise.all(Array.from({ length: count }, (_, index) => ask(services[index % 2] as JobService)))

  test('that is asked for 30 times at once is there once, and everybody is given that one', async () => {
    const jobs = await all(30, (service) => service.enqueueOnce(wanted('race')))
    expect(new Set(jobs.map(({ _id }) => _id.toHexString())).size).toBe(1)
    expect(await data().jobs.countDocuments({ entity_id: 'race' })).toBe(1)
  })

  test('of many, only those that are missing are new', async () => {
    const keys = Array.from({ length: 20 }, (_, index) => `many-${index}`)
    await services[0]?.enqueueOnce(wanted('many-3'))
    const counts = await all(6, (service) => service.enqueueMissing(keys.map((key) => wanted(key) as NewJob)))
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(19)
    expect(await data().jobs.countDocuments({ entity_id: { $in: keys } })).toBe(20)
    expect(await services[0]?.enqueueMissing([])).toBe(0)
  })

  test('makes room when it is taken, or when it has ended, as was asked for', async () => {
    await data().jobs.deleteMany({})
    const [service] = services as [JobService]
    const first = await service.enqueueOnce(wanted('while-queued', 'queued'))
    expect((await queue().claim())?._id).toEqual(first._id)
    const second = await service.enqueueOnce(wanted('while-queued', 'queued'))
    expect(second._id).not.toEqual(first._id)
    await data().jobs.deleteMany({})

    const third = await service.enqueueOnce(wanted('unfinished'))
    const claimed = await queue().claim()
    expect((await service.enqueueOnce(wanted('unfinished')))._id).toEqual(third._id)
    expect(claimed && (await queue().finish(claimed, 'failed', { result: null, error_message: 'no' }))).toBe(true)
    expect((await service.enqueueOnce(wanted('unfinished')))._id).not.toEqual(third._id)
  })
})
