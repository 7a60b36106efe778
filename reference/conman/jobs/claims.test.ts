/** Who gets which job when: order, parallel work, several workers, locks that ran out, rows that are not as they should be. */
import { writeFileSync } from 'node:fs'
import type { ObjectId } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createJobBench, ENDED, type JobBench } from '../test/job-bench.ts'
import type { WorkerProcess } from '../test/server-process.ts'
import { HAS_PARTS, until } from '../test/world.ts'

describe.skipIf(!HAS_PARTS)('claiming jobs', () => {
  describe('by one worker that runs one at a time', () => {
    let bench: JobBench
    let worker: WorkerProcess
    beforeAll(async () => {
      bench = await createJobBench()
      worker = await bench.worker({ CONMAN_JOB_CONCURRENCY: '1' })
    })
    afterAll(() => bench?.[Symbol.asyncDispose]())

    test('the oldest comes first, one after the other, over all apps and types', async () => {
      const first = await bench.add(`until [ -e ${bench.folder}/go ]; do sleep 0.05; done; say ran`)
      const types = ['msuite_submit', 'msuite_merge', 'msuite_deploy']
      const others = await Promise.all(
        Array.from({ length: 12 }, (_, index) => bench.add('say ran', { job_type: types[index % 3] })),
      )
      writeFileSync(`${bench.folder}/go`, '')
      await bench.reached(others.at(-1) as ObjectId, 'succeeded')
      expect(bench.ledger().map(({ job }) => job)).toEqual([first, ...others].map(String))
    })

    test('a job that waits after a failure is passed over until its wait is over', async () => {
      const not_before = new Date(Date.now() + 2_000)
      const waiting = await bench.add('say later', { not_before })
      const ready = await bench.add('say now')
      expect((await bench.reached(ready, 'succeeded')).started_at?.getTime()).toBeLessThan(not_before.getTime())
      const { started_at } = await bench.reached(waiting, 'succeeded')
      expect(started_at?.getTime()).toBeGreaterThanOrEqual(not_before.getTime())
    })

    test('C19: a lock that ran out 60 s ago is taken over, as the second of three attempts', async () => {
      const ago = new Date(Date.now() - 60_000)
      const fields = { state: 'running', started_at: ago, locked_until: ago, locked_by: 'gone', attempts: 1, fence: 7 }
      const held = await bench.add('say held', { ...fields, locked_until: new Date(Date.now() + 60_000) })
      const id = await bench.add('say again', { ...fields, max_attempts: 3 })
      const job = await bench.reached(id, 'succeeded')
      expect(job).toMatchObject({ attempts: 2, max_attempts: 3, fence: 8, retry_count: 0, locked_until: null })
      expect(bench.ledger(id)).toMatchObject([{ said: 'again', attempt: 2 }])
      expect(await bench.job(held)).toMatchObject({ state: 'running', locked_by: 'gone', attempts: 1 })
      expect(bench.ledger(held)).toEqual([])
    })

    test.each([
      ['max_attempts says how many', { max_attempts: 3 }],
      ['max_retries says it where nothing else does', { max_retries: 2 }],
    ])('a job whose worker vanished on the last attempt fails (%s)', async (_what, more) => {
      const ago = new Date(Date.now() - 1_000)
      const lost = { state: 'running', started_at: ago, locked_until: ago, locked_by: 'gone', attempts: 3, ...more }
      const id = await bench.add('say never', lost)
      const job = await bench.reached(id, 'failed')
      expect(job).toMatchObject({ error_message: 'the worker vanished on the last attempt', attempts: 3 })
      expect(job.finished_at).toBeInstanceOf(Date)
      expect(bench.ledger(id)).toEqual([])
      await expect
        .poll(async () => (await bench.log(id)).at(-1))
        .toMatchObject({ level: 'error', message: 'job failed' })
    })

    test('rows that are not as they should be stop nothing, and end where they can', async () => {
      const ago = new Date(Date.now() - 60_000)
      const lost = { state: 'running', locked_until: ago, locked_by: 'gone' }
      const rows: [string, Record<string, unknown>, string?][] = [
        ['no payload', { payload: null }, 'succeeded'],
        ['a creation date that is text', { created_at: '2020-01-01T00:00:00Z' }, 'succeeded'],
        ['an unknown type', { job_type: 'none_such' }, 'failed'],
        ['a type that is no text', { job_type: 17 }, 'failed'],
        ['a type that every object has', { job_type: 'constructor' }, 'failed'],
        ['no time limit', { timeout_ms: undefined }, 'succeeded'],
        ['a time limit that is text', { timeout_ms: 'long' }, 'succeeded'],
        ['a time limit beyond every timer', { timeout_ms: 1e15 }, 'succeeded'],
        ['no app', { app_id: null }, 'failed'],
        ['attempts that are text', { attempts: 'x', max_attempts: 'y', max_retries: 'z' }, 'succeeded'],
        ['a fence that is text', { fence: 'x' }, 'succeeded'],
        ['a count of retries that is text', { retry_count: 'x' }, 'succeeded'],
        ['a wait that is text', { not_before: 'tomorrow' }, 'succeeded'],
        ['an id that is text', { _id: 'text' }, 'succeeded'],
        ['a lock that ran out, and counts that are text', { ...lost, attempts: 'x', max_retries: 'y' }, 'succeeded'],
        ['a lock that ran out, and no counts', { ...lost, retry_count: null, max_retries: 1 }, 'succeeded'],
        ['a lock that is text', { ...lost, locked_until: 'yesterday' }],
        ['no lock', { ...lost, locked_until: null }],
        ['a state that is none', { state: 'paused' }],
      ]
      const ids = await Promise.all(rows.map(([, fields]) => bench.add('say ran', fields)))
      const sound = await bench.add('say sound')
      await bench.reached(sound, 'succeeded')
      for (const [index, [what, , state]] of rows.entries()) {
        const id = ids[index] as ObjectId
        if (state === undefined) expect([what, bench.ledger(id)]).toEqual([what, []])
        else expect([what, (await bench.reached(id, ...ENDED)).state]).toEqual([what, state])
      }
      expect(worker.process.exitCode).toBe(null)
      await bench.db.collection('jobs').deleteMany({})
    })
  })

  test('as many run at once as are allowed, and none is claimed any more while the worker ends', async () => {
    await using bench = await createJobBench()
    const worker = await bench.worker({ CONMAN_JOB_CONCURRENCY: '3', CONMAN_JOB_DRAIN: '20s' })
    // They go on only together, so three must run at once; a fourth would be seen beside them.
    const script = `say start; until [ -e ${bench.folder}/go ]; do sleep 0.05; done; say end`
    const ids = await Promise.all(Array.from({ length: 5 }, () => bench.add(script)))
    await until(async () => bench.ledger().length === 3, 'three jobs run')
    const code = worker.stop()
    const late = await bench.add('say late')
    writeFileSync(`${bench.folder}/go`, '')
    expect(await code).toBe(0)
    const states = await Promise.all([...ids, late].map(async (id) => (await bench.job(id)).state))
    expect(states).toEqual([...Array(3).fill('succeeded'), ...Array(3).fill('queued')])
    expect(bench.ledger().map(({ said }) => said)).toEqual([...Array(3).fill('start'), ...Array(3).fill('end')])
  })

  test('three workers under load run each of 200 jobs once, and none twice at a time', async () => {
    await using bench = await createJobBench()
    await Promise.all(Array.from({ length: 3 }, () => bench.worker({ CONMAN_JOB_LOCK_SECONDS: '5' })))
    const ids = await Promise.all(
      Array.from({ length: 200 }, () => bench.add('say start; say end', { max_retries: 3 })),
    )
    const open = () => bench.db.collection('jobs').countDocuments({ state: { $nin: ENDED } })
    await until(async () => (await open()) === 0, 'all jobs have ended', 120_000)
    expect(await bench.db.collection('jobs').countDocuments({ state: 'succeeded', attempts: 1, fence: 1 })).toBe(200)
    const byJob = Map.groupBy(bench.ledger(), ({ job }) => job)
    expect([...byJob.keys()].sort()).toEqual(ids.map(String).sort())
    const wrong = [...byJob].filter(([, lines]) => lines.map(({ said }) => said).join() !== 'start,end')
    expect(wrong).toEqual([])
  })
})
