/** The fence: what a worker may still write about a job that it has lost. */
import { randomBytes } from 'node:crypto'
import { ObjectId } from 'mongodb'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { JobDocument } from '../mongo/documents.ts'
import { openStore, type Store } from '../mongo/store.ts'
import { HAS_PARTS } from '../test/world.ts'
import type { ClaimedJob } from './handler.ts'
import { createJobQueue, type JobQueue } from './queue.ts'

describe.skipIf(!HAS_PARTS)('a worker', () => {
  let store: Store

  beforeAll(async () => {
    const uri = process.env.READINESS_TEST_MONGO_URI ?? ''
    const database = `conman_queue_${randomBytes(4).toString('hex')}`
    store = await openStore({ uri, database, appName: 'conman-test', logger: pino({ level: 'silent' }) })
  })
  afterAll(async () => {
    await store?.db.dropDatabase()
    await store?.close()
  })

  const queueOf = (id: string) => createJobQueue(store, { id, lockMs: 60_000 })
  const jobs = () => store.data.jobs
  const stored = async (job: ClaimedJob) => (await jobs().findOne({ _id: job._id })) as JobDocument

  async function claimed(queue: JobQueue): Promise<ClaimedJob> {
    const created_at = new Date()
    const row = { _id: new ObjectId(), job_type: 'msuite_submit', state: 'queued', created_at, max_retries: 9 }
    await jobs().insertOne(row as JobDocument)
    const job = await queue.claim()
    expect(job?._id).toEqual(row._id)
    return job as ClaimedJob
  }

  const writes: [string, (queue: JobQueue, job: ClaimedJob) => Promise<boolean>][] = [
    ['renews its lock', (queue, job) => queue.renew(job)],
    [
      'finishes it',
      (queue, job) => queue.finish(job, 'succeeded', { result: { from: 'zombie' }, error_message: null }),
    ],
    ['puts it back for another attempt', (queue, job) => queue.requeue(job, 'from a zombie', 0)],
    ['hands it back', (queue, job) => queue.handBack(job)],
  ]

  test.each(writes)('that has lost a job no longer %s', async (_what, write) => {
    const [first, second] = [queueOf('first'), queueOf('second')]
    const lost = await claimed(first)
    await jobs().updateOne({ _id: lost._id }, { $set: { locked_until: new Date(0) } })
    const taken = (await second.claim()) as ClaimedJob
    expect(taken).toMatchObject({ _id: lost._id, fence: lost.fence + 1, attempts: 2, locked_by: 'second' })
    const before = await stored(taken)
    expect(await write(first, lost)).toBe(false)
    // Not even when the same worker has it anew: that is another attempt.
    expect(await write(second, { ...lost, locked_by: 'second' })).toBe(false)
    expect(await stored(taken)).toEqual(before)
    expect(await write(second, taken)).toBe(true)
    await jobs().deleteMany({})
  })

  test.each(writes)('of a job that has ended no longer %s', async (_what, write) => {
    const queue = queueOf('first')
    const job = await claimed(queue)
    expect(await queue.finish(job, 'succeeded', { result: {}, error_message: null })).toBe(true)
    const before = await stored(job)
    expect(await write(queue, job)).toBe(false)
    expect(await stored(job)).toEqual(before)
    await jobs().deleteMany({})
  })

  test('is the only one of many that gets a job which they ask for at the same moment', async () => {
    const created_at = new Date()
    await jobs().insertOne({
      _id: new ObjectId(),
      job_type: 'msuite_submit',
      state: 'queued',
      created_at,
    } as JobDocument)
    const claims = await Promise.all(Array.from({ length: 12 }, (_, index) => queueOf(`w${index}`).claim()))
    expect(claims.filter((job) => job !== undefined)).toMatchObject([{ attempts: 1, fence: 1 }])
    await jobs().deleteMany({})
  })
})
