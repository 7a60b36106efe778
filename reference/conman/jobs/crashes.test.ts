/** Workers that die, freeze, are asked to end or lose the database, and jobs that take too long. */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MongoClient, type ObjectId } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createJobBench, isAlive, type JobBench } from '../test/job-bench.ts'
import type { WorkerProcess } from '../test/server-process.ts'
import { HAS_PARTS, until } from '../test/world.ts'

const LOCK = { CONMAN_JOB_LOCK_SECONDS: '2' }

describe.skipIf(!HAS_PARTS)('a job', () => {
  let bench: JobBench

  beforeAll(async () => {
    bench = await createJobBench()
  })
  afterAll(() => bench?.[Symbol.asyncDispose]())

  const said = (id: ObjectId) => bench.ledger(id).map(({ said, attempt }) => `${said} ${attempt}`)
  const hasSaid = (id: ObjectId, line: string) => until(async () => said(id).includes(line), `the job says ${line}`)

  async function kill({ process }: WorkerProcess): Promise<void> {
    process.kill('SIGKILL')
    await once(process, 'exit')
  }

  /** Lets a frozen worker go on, and waits until it does. */
  async function thaw({ process }: WorkerProcess): Promise<void> {
    const beats = bench.db.collection<{ _id: string; beat_at: Date }>('job_runner_heartbeats')
    const thawed = { _id: new RegExp(`-${process.pid}-`), beat_at: { $gt: new Date() } }
    process.kill('SIGCONT')
    await until(async () => (await beats.countDocuments(thawed)) === 1, 'the worker beats again')
  }

  /** Begins a job on one worker, and starts another one beside it. */
  async function begun(script: string, fields: object = {}) {
    const first = await bench.worker(LOCK)
    const id = await bench.add(script, fields)
    await hasSaid(id, 'start 1')
    return { id, first, second: await bench.worker(LOCK) }
  }

  test('whose worker is killed is run again after its lock has run out, and not before', async () => {
    const script = 'say start; if [ $CONMAN_JOB_ATTEMPT = 1 ]; then sleep 60; fi; say end'
    const { id, first, second } = await begun(script, { max_retries: 3 })
    await kill(first)
    const { locked_until } = await bench.job(id)
    const job = await bench.reached(id, 'succeeded')
    expect(job).toMatchObject({ attempts: 2, fence: 2, retry_count: 0, locked_until: null, locked_by: null })
    expect(job.started_at?.getTime()).toBeGreaterThanOrEqual(locked_until?.getTime() ?? Number.NaN)
    // What the first attempt began ended with its worker.
    expect(said(id)).toEqual(['start 1', 'start 2', 'end 2'])
    expect(bench.ledger(id).filter(({ pid }) => isAlive(pid))).toEqual([])
    expect(await second.stop()).toBe(0)
  })

  test('is not run again when the worker that was killed was on its last attempt', async () => {
    const { id, first, second } = await begun('say start; sleep 60; say end')
    await kill(first)
    const job = await bench.reached(id, 'failed')
    expect(job).toMatchObject({ error_message: 'the worker vanished on the last attempt', attempts: 1, fence: 2 })
    expect(said(id)).toEqual(['start 1'])
    expect(await second.stop()).toBe(0)
  })

  test('that a frozen worker had is completed by the other one alone', async () => {
    const script = `
      say start
      if [ $CONMAN_JOB_ATTEMPT = 1 ]; then sleep 60; fi
      until [ -e ${bench.folder}/thawed ]; do sleep 0.05; done
      say end`
    const { id, first, second } = await begun(script, { max_retries: 3 })
    const [child = { pid: 0 }] = bench.ledger(id)
    first.process.kill('SIGSTOP')
    await hasSaid(id, 'start 2')
    const taken = await bench.job(id)
    expect(isAlive(child.pid)).toBe(true)

    await thaw(first)
    await until(async () => !isAlive(child.pid), 'its command has ended')
    // It changed nothing, and goes on with other jobs.
    const { locked_until: _a, heartbeat_at: _b, ...before } = taken
    expect(await bench.job(id)).toMatchObject(before)
    writeFileSync(join(bench.folder, 'thawed'), '')
    expect(await bench.reached(id, 'succeeded')).toMatchObject({ attempts: 2, fence: 2, retry_count: 0 })
    expect(said(id)).toEqual(['start 1', 'start 2', 'end 2'])
    const messages = async () => (await bench.log(id)).map(({ message }) => message)
    const command = 'running the command of phase msuite_submit'
    await expect.poll(messages).toEqual(['job started', command, 'job started', command, 'job succeeded'])
    expect(await second.stop()).toBe(0)
    const other = await bench.add('say alone')
    expect(await bench.reached(other, 'succeeded')).toMatchObject({ attempts: 1 })
    expect(await first.stop()).toBe(0)
  })

  test('whose command ends while its worker is frozen is not completed by that worker', async () => {
    const script = `
      say start
      until [ -e ${bench.folder}/go-on-$CONMAN_JOB_ATTEMPT ]; do sleep 0.05; done
      say end`
    const { id, first, second } = await begun(script, { max_retries: 3 })
    first.process.kill('SIGSTOP')
    writeFileSync(join(bench.folder, 'go-on-1'), '')
    await hasSaid(id, 'end 1')
    await hasSaid(id, 'start 2')
    await thaw(first)
    expect(await first.stop()).toBe(0)
    expect(await bench.job(id)).toMatchObject({ state: 'running', attempts: 2, fence: 2, result: null })
    writeFileSync(join(bench.folder, 'go-on-2'), '')
    expect(await bench.reached(id, 'succeeded')).toMatchObject({ attempts: 2, fence: 2 })
    expect(await second.stop()).toBe(0)
  })

  test('that takes too long is canceled, not tried again, and nothing of it goes on', async () => {
    const worker = await bench.worker()
    const script = `say start; (say child; sh -c 'echo "grandchild $CONMAN_JOB_ID 1 $$" >> ${bench.folder}/ledger; sleep 60') & wait`
    const id = await bench.add(script, { timeout_ms: 1_500, max_retries: 3 })
    const job = await bench.reached(id, 'canceled', 'failed', 'succeeded')
    expect(job).toMatchObject({ state: 'canceled', error_message: 'timeout exceeded', attempts: 1, retry_count: 0 })
    expect(bench.ledger(id).map(({ said }) => said)).toEqual(['start', 'child', 'grandchild'])
    expect(bench.ledger(id).filter(({ pid }) => isAlive(pid))).toEqual([])
    const tookMs = (job.finished_at?.getTime() ?? 0) - (job.started_at?.getTime() ?? 0)
    expect(tookMs).toBeGreaterThanOrEqual(1_400)
    await expect
      .poll(async () => (await bench.log(id)).at(-1))
      .toMatchObject({
        level: 'error',
        message: 'job canceled',
        data: { problem: 'timeout exceeded' },
      })
    expect(await worker.stop()).toBe(0)
    expect(await bench.job(id)).toMatchObject({ state: 'canceled' })
  })

  test('that is short is finished by a worker that is asked to end, and one that is long is handed back', async () => {
    const worker = await bench.worker({ CONMAN_JOB_DRAIN: '3s', CONMAN_JOB_CONCURRENCY: '2' })
    const short = await bench.add('say start; sleep 1; say end')
    const long = await bench.add('say start; sleep 60; say end', { max_retries: 1 })
    await hasSaid(short, 'start 1')
    await hasSaid(long, 'start 1')
    expect(await worker.stop()).toBe(0)
    expect(await bench.job(short)).toMatchObject({ state: 'succeeded' })
    expect(await bench.job(long)).toMatchObject({
      state: 'queued',
      attempts: 0,
      retry_count: 0,
      started_at: null,
      locked_until: null,
      locked_by: null,
    })
    expect(bench.ledger(long).filter(({ pid }) => isAlive(pid))).toEqual([])
    writeFileSync(join(bench.folder, (await bench.job(long)).entity_id), 'say end')
    const next = await bench.worker()
    expect(await bench.reached(long, 'succeeded')).toMatchObject({ attempts: 1, retry_count: 0 })
    expect(await next.stop()).toBe(0)
  })

  test('that ends while the database takes no writes is stored when it does again, and not run again', async () => {
    const mongo = await new MongoClient(process.env.READINESS_TEST_MONGO_URI ?? '').connect()
    const failing = (mode: unknown) =>
      mongo.db('admin').command({
        configureFailPoint: 'failCommand',
        mode,
        // InterruptedDueToReplStateChange: what a step-down answers.
        data: { failCommands: ['update', 'findAndModify'], errorCode: 11_602, appName: 'conman-worker' },
      })
    const worker = await bench.worker({ CONMAN_JOB_LOCK_SECONDS: '20' })
    const id = await bench.add(`say start; until [ -e ${bench.folder}/away ]; do sleep 0.05; done; say end`)
    await hasSaid(id, 'start 1')
    try {
      await failing('alwaysOn')
      writeFileSync(join(bench.folder, 'away'), '')
      await hasSaid(id, 'end 1')
      await expect.poll(() => isAlive(bench.ledger(id)[0]?.pid ?? 0)).toBe(false)
      // Long enough for the driver's own single retry to have failed as well.
      const { resolve, promise } = Promise.withResolvers<void>()
      setTimeout(resolve, 1_500)
      await promise
      expect(await bench.job(id)).toMatchObject({ state: 'running' })
    } finally {
      await failing('off')
      await mongo.close()
    }
    expect(await bench.reached(id, 'succeeded')).toMatchObject({ attempts: 1, fence: 1 })
    expect(said(id)).toEqual(['start 1', 'end 1'])
    expect(await worker.stop()).toBe(0)
  })
})
