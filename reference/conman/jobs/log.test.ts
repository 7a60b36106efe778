/** The logs of jobs: what is kept, and how much of it. */
import { randomBytes } from 'node:crypto'
import { ObjectId } from 'mongodb'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { JobLogDocument } from '../mongo/documents.ts'
import { openStore, type Store } from '../mongo/store.ts'
import { HAS_PARTS } from '../test/world.ts'
import type { ClaimedJob } from './handler.ts'
import { createJobLogs, type JobLogs, MAX_LOG_LINES } from './log.ts'

describe.skipIf(!HAS_PARTS)('the log of a job', () => {
  let store: Store
  let logs: JobLogs

  beforeAll(async () => {
    const uri = process.env.READINESS_TEST_MONGO_URI ?? ''
    const database = `conman_logs_${randomBytes(4).toString('hex')}`
    const logger = pino({ level: 'silent' })
    store = await openStore({ uri, database, appName: 'conman-test', logger })
    logs = createJobLogs(store, logger)
  })
  afterAll(async () => {
    await store?.db.dropDatabase()
    await store?.close()
  })

  const jobOf = (fence = 1, _id = new ObjectId()) => ({ _id, app_id: new ObjectId(), fence, attempts: 1 }) as ClaimedJob
  const linesOf = (job: ClaimedJob): Promise<JobLogDocument[]> =>
    store.data.job_logs.find({ job_id: job._id }).sort({ timestamp: 1, _id: 1 }).toArray()

  test('keeps lines in their order, with their level and data', async () => {
    const job = jobOf()
    const log = await logs.open(job)
    const id = new ObjectId()
    for (let number = 0; number < 300; number += 1) log.line('info', `line ${number}`)
    log.line('warn', 'with data', { id, nested: { n: 1, none: undefined } })
    log.event('error', 'the end')
    await log.flush()
    const lines = await linesOf(job)
    expect(lines.map(({ message }) => message)).toEqual([
      ...Array.from({ length: 300 }, (_, number) => `line ${number}`),
      'with data',
      'the end',
    ])
    expect(lines.slice(-2)).toMatchObject([
      { app_id: job.app_id, level: 'warn', data: { id: id.toHexString(), nested: { n: 1 } } },
      { level: 'error', data: null },
    ])
  })

  test('has at most 1,000 lines over all attempts, and always room for the end', async () => {
    const job = jobOf()
    for (const fence of [1, 2, 3]) {
      const log = await logs.open({ ...job, fence })
      log.event('info', 'job started')
      for (let number = 0; number < 700; number += 1) log.line('info', `line ${number} of attempt ${fence}`)
      log.event('error', 'job failed')
      await log.flush()
    }
    const lines = await linesOf(job)
    expect(lines.length).toBeLessThanOrEqual(MAX_LOG_LINES)
    expect(lines.length).toBeGreaterThan(900)
    const messages = lines.map(({ message }) => message)
    expect(messages.filter((message) => message === 'job failed')).toHaveLength(3)
    expect(messages.at(-1)).toBe('job failed')
    expect(messages.filter((message) => message.startsWith('the log is full'))).toHaveLength(1)
    const last = await logs.open({ ...job, fence: 9 })
    for (let number = 0; number < 200; number += 1) last.event('info', 'once more')
    await logs.flush()
    expect(await linesOf(job)).toHaveLength(MAX_LOG_LINES)
  })

  test('cuts a message at a character, to no more than 2,000 bytes', async () => {
    const job = jobOf()
    const log = await logs.open(job)
    const messages = ['x'.repeat(2_000), 'x'.repeat(2_001), `x${'€'.repeat(700)}`, `xx${'😀'.repeat(600)}`]
    for (const message of messages) log.line('info', message)
    await log.flush()
    const kept = (await linesOf(job)).map(({ message }) => message)
    expect(kept[0]).toBe(messages[0])
    expect(kept[1]).toBe(`${'x'.repeat(1_997)}…`)
    for (const [index, message] of kept.entries()) {
      expect(Buffer.byteLength(message)).toBeLessThanOrEqual(2_000)
      expect(Buffer.byteLength(message)).toBeGreaterThan(1_990)
      expect(messages[index]?.startsWith(message.replace('…', ''))).toBe(true)
    }
  })

  test('is not harmed by data that cannot be stored, or is too much', async () => {
    const job = jobOf()
    const log = await logs.open(job)
    const circular: Record<string, unknown> = {}
    circular.self = circular
    log.line('info', 'circular', circular)
    log.line('info', 'large', { text: 'x'.repeat(20_000) })
    log.line('info', 'number', { big: 1n })
    log.line('info', 'fine', { fine: true })
    await log.flush()
    expect((await linesOf(job)).map(({ message, data }) => [message, data])).toEqual([
      ['circular', null],
      ['large', { omitted_bytes: 20_011 }],
      ['number', null],
      ['fine', { fine: true }],
    ])
  })
})
