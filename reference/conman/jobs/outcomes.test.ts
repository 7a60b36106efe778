/** What becomes of jobs that succeed and fail, and how their app's members and the metrics see it. */
import type { ObjectId } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { JobDocument } from '../mongo/documents.ts'
import { createJobBench, type JobBench } from '../test/job-bench.ts'
import type { WorkerProcess } from '../test/server-process.ts'
import { createWorld, HAS_PARTS, until, type World } from '../test/world.ts'
import { JOB_RULES } from './service.ts'

interface Line {
  id: string
  level: string
  message: string
  data: { wait_ms?: number } | null
  timestamp: string
}

const FIRST_WAIT_MS = 200

describe.skipIf(!HAS_PARTS)('the outcome of a job', () => {
  let world: World
  let bench: JobBench
  let worker: WorkerProcess

  beforeAll(async () => {
    world = await createWorld({ args: ['--role', 'api'] })
    bench = await createJobBench(world)
    worker = await bench.worker({ CONMAN_JOB_RETRY_WAIT: `${FIRST_WAIT_MS}ms` })
  })
  afterAll(async () => {
    await bench?.[Symbol.asyncDispose]()
    await world?.[Symbol.asyncDispose]()
  })

  const shown = async (id: ObjectId) =>
    (await world.admin.get(`${world.app}/jobs/${id}`)).body.data as { job: Record<string, unknown>; logs: Line[] }

  async function sample(name: string, labels: string): Promise<number> {
    const text = String((await world.anonymous.get('/api/metrics')).body)
    const line = text.split('\n').find((one) => one.startsWith(`${name}${labels} `))
    return line === undefined ? Number.NaN : Number(line.slice(line.lastIndexOf(' ') + 1))
  }

  test.each(['msuite_submit', 'msuite_merge', 'msuite_deploy'] as const)(
    'a command that keeps failing is tried again as often as its type allows, with growing waits (%s)',
    async (job_type) => {
      const { maxRetries } = JOB_RULES[job_type]
      const id = await bench.add('say start; echo no >&2; exit 7', { job_type, max_retries: maxRetries })
      const job = await bench.reached(id, 'failed')
      expect(job).toMatchObject({ attempts: maxRetries + 1, retry_count: maxRetries, result: null, locked_until: null })
      expect(job.error_message).toMatch(/^command `.*` failed in phase `\w+` with exit code 7: no$/s)
      expect(job.error_message).toContain(`failed in phase \`${job_type}\``)
      expect(bench.ledger(id).map(({ attempt }) => attempt)).toEqual(
        Array.from({ length: maxRetries + 1 }, (_, index) => index + 1),
      )
      const seen = async () => (await shown(id)).logs.map(({ level, message }) => [level, message])
      const attempt = [
        ['info', 'job started'],
        ['info', `running the command of phase ${job_type}`],
      ]
      await expect
        .poll(seen)
        .toEqual([
          ...Array.from({ length: maxRetries }, () => [...attempt, ['warn', 'job failed, to be tried again']]).flat(),
          ...attempt,
          ['error', 'job failed'],
        ])
      const { logs } = await shown(id)
      const waits = logs.flatMap(({ data }) => data?.wait_ms ?? [])
      expect(waits).toEqual(Array.from({ length: maxRetries }, (_, index) => FIRST_WAIT_MS * 2 ** index))
      const order = logs.map(({ timestamp, id }) => `${timestamp} ${id}`)
      expect(order).toEqual([...order].sort())
      // Each wait was kept.
      const at = (message: string) =>
        logs.filter((line) => line.message === message).map(({ timestamp }) => Date.parse(timestamp))
      const [starts, failures] = [at('job started'), at('job failed, to be tried again')]
      for (const [index, failedMs] of (failures ?? []).entries()) {
        const waitedMs = (starts?.[index + 1] ?? 0) - failedMs
        // The line is written a moment after the wait has begun.
        expect(waitedMs).toBeGreaterThanOrEqual((waits[index] ?? 0) / 2)
      }
    },
  )

  test('a command that succeeds in the end leaves its result and no error', async () => {
    const script = 'say start; if [ $CONMAN_JOB_ATTEMPT = 1 ]; then exit 1; fi; printf "äö"; printf warning >&2'
    const id = await bench.add(script, { max_retries: 3 })
    await bench.reached(id, 'succeeded')
    await expect.poll(async () => (await shown(id)).logs.at(-1)).toMatchObject({ message: 'job succeeded', data: null })
    expect((await shown(id)).job).toMatchObject({
      state: 'succeeded',
      retry_count: 1,
      error_message: null,
      result: { status: 'ok', phase: 'msuite_submit', exit_code: 0, stdout: 'äö', stderr: 'warning' },
    })
  })

  test('attempts that ended with their worker count: after the last one nothing is tried again', async () => {
    const id = await bench.add('say start; exit 1', { attempts: 2, max_attempts: 3, max_retries: 2 })
    expect(await bench.reached(id, 'failed', 'succeeded')).toMatchObject({
      state: 'failed',
      attempts: 3,
      retry_count: 0,
    })
    expect(bench.ledger(id)).toHaveLength(1)
  })

  test('while it waits for another attempt it says why, and has not started', async () => {
    const id = await bench.add('exit 1', { max_retries: 1 })
    await until(async () => (await bench.job(id)).retry_count === 1, 'it has failed once')
    const waiting = await bench.job(id)
    expect(waiting).toMatchObject({
      state: 'queued',
      started_at: null,
      finished_at: null,
      attempts: 1,
      locked_by: null,
    })
    expect(waiting.error_message).toContain('exit code 1')
    expect(waiting.not_before?.getTime()).toBe(waiting.updated_at.getTime() + FIRST_WAIT_MS)
    expect(await bench.reached(id, 'failed')).toMatchObject({ retry_count: 1, attempts: 2 })
  })

  test('is counted and timed by type, from its creation to its end, and is not lost with its worker', async () => {
    const type = 'msuite_deploy'
    const outcomes = ['succeeded', 'failed', 'canceled'] as const
    const counts = () =>
      Promise.all([
        ...outcomes.map((outcome) => sample('conman_jobs_completed_total', `{type="${type}",outcome="${outcome}"}`)),
        sample('conman_job_duration_seconds_count', `{type="${type}"}`),
        sample('conman_job_duration_seconds_sum', `{type="${type}"}`),
      ])
    const settled = async () => {
      const jobs = bench.db.collection<JobDocument>('jobs')
      const [row] = await jobs
        .aggregate([
          { $match: { job_type: type, finished_at: { $ne: null } } },
          { $group: { _id: null, ms: { $sum: { $subtract: ['$finished_at', '$created_at'] } } } },
        ])
        .toArray()
      return (row?.ms ?? 0) / 1000
    }
    // A worker's counters come with its heartbeat; those of earlier jobs must have come.
    const ended = () => bench.db.collection('jobs').countDocuments({ job_type: type, finished_at: { $ne: null } })
    await until(async () => (await counts())[3] === (await ended()), 'earlier jobs are counted')
    const [, , , , secondsBefore = 0] = await counts()
    const before = (await counts()).slice(0, 4)
    const settledBefore = await settled()
    const fields = { job_type: type }
    const ends = [
      bench.add('true', fields),
      bench.add('true', fields),
      bench.add('exit 1', fields),
      bench.add('sleep 60', { ...fields, timeout_ms: 1_000 }),
    ]
    for (const id of await Promise.all(ends)) await bench.reached(id, ...outcomes)
    const expected = [2, 1, 1, 4].map((more, index) => (before[index] ?? 0) + more)
    await expect.poll(async () => (await counts()).slice(0, 4), { timeout: 5_000 }).toEqual(expected)
    const seconds = ((await counts())[4] ?? 0) - secondsBefore
    const spent = (await settled()) - settledBefore
    // The jobs of the bench are a minute old when they come.
    expect(seconds).toBeGreaterThan(4 * 55)
    expect(Math.abs(seconds - spent)).toBeLessThan(1)

    // What a worker did right before it ended is part of the totals.
    expect(await worker.stop()).toBe(0)
    worker = await bench.worker({ CONMAN_JOB_DRAIN: '20s' })
    const last = await bench.add('sleep 0.3', { job_type: type })
    await bench.reached(last, 'running')
    expect(await worker.stop()).toBe(0)
    expect(await bench.job(last)).toMatchObject({ state: 'succeeded' })
    const all = [3, 1, 1, 5].map((more, index) => (before[index] ?? 0) + more)
    await expect.poll(async () => (await counts()).slice(0, 4), { timeout: 5_000 }).toEqual(all)
    worker = await bench.worker()
  })

  test('jobs that come in by requests are counted, and the queue and the heartbeat are shown', async () => {
    const enqueued = () => sample('conman_jobs_enqueued_total', '{type="msuite_submit"}')
    const before = await enqueued()
    const url = await world.changeset(await world.person('user'), 'submitted')
    expect(await enqueued()).toBe(before + 1)
    expect(url).toContain('/changesets/')
    const beats = world.db.collection<{ _id: string; beat_at: Date }>('job_runner_heartbeats')
    const newest = async () => (await beats.find().sort({ beat_at: -1 }).limit(1).toArray())[0]?.beat_at.getTime() ?? 0
    const gauge = () => sample('conman_job_runner_heartbeat_timestamp_seconds', '')
    const first = await newest()
    await expect.poll(gauge, { timeout: 5_000 }).toBeGreaterThan(first / 1000)
    expect(await gauge()).toBeLessThanOrEqual((await newest()) / 1000)
  })
})
