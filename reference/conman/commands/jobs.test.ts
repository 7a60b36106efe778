/** `conman jobs`: holding a type of jobs back and letting it go on (RB2). */
import type { ObjectId } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { JOB_TYPES } from '../mongo/documents.ts'
import { createJobBench, ENDED, type JobBench } from '../test/job-bench.ts'
import { runCommand } from '../test/server-process.ts'
import { HAS_PARTS, until } from '../test/world.ts'

const REVALIDATION = 'revalidate_queued_changeset'

describe.skipIf(!HAS_PARTS)('conman jobs', () => {
  let bench: JobBench

  beforeAll(async () => {
    bench = await createJobBench()
    await bench.worker({ CONMAN_JOB_LOCK_SECONDS: '2' })
  })
  afterAll(() => bench?.[Symbol.asyncDispose]())

  const uri = process.env.READINESS_TEST_MONGO_URI ?? ''
  const conman = (...args: string[]) =>
    runCommand(['jobs', ...args, '--mongo-db', bench.db.databaseName], { CONMAN_MONGO_URI: uri })
  const countIn = (ids: ObjectId[], ...states: string[]) =>
    bench.db.collection('jobs').countDocuments({ _id: { $in: ids }, state: { $in: states } })

  test('a paused type stays in the queue while others go on, and is drained when it is resumed', async () => {
    const paused = await conman('pause', REVALIDATION, '--reason', 'a storm')
    expect(paused).toEqual({ code: 0, stdout: `${REVALIDATION} is paused: a storm\n`, stderr: '' })
    const held = await Promise.all(Array.from({ length: 20 }, () => bench.add('', { job_type: REVALIDATION })))
    const ago = new Date(Date.now() - 60_000)
    const lost = { job_type: REVALIDATION, state: 'running', locked_until: ago, locked_by: 'gone', fence: 1 }
    const stale = await bench.add('', { ...lost, attempts: 1, max_attempts: 3 })
    const exhausted = await bench.add('', { ...lost, attempts: 3, max_attempts: 3 })
    const others = await Promise.all(Array.from({ length: 20 }, () => bench.add('say other')))
    await until(async () => (await countIn(others, 'succeeded')) === 20, 'the others have ended')
    // They are newer than what is held, so that has been passed over.
    expect(await countIn(held, 'queued')).toBe(20)
    expect(await countIn([stale, exhausted], 'running')).toBe(2)
    expect(await bench.job(stale)).toMatchObject({ attempts: 1, fence: 1, locked_by: 'gone' })
    expect(await bench.job(exhausted)).toMatchObject({ attempts: 3, fence: 1, locked_by: 'gone' })

    expect(await conman('resume', REVALIDATION)).toMatchObject({ code: 0, stdout: `${REVALIDATION} is resumed\n` })
    const all = [...held, stale, exhausted]
    await until(async () => (await countIn(all, ...ENDED)) === all.length, 'what was held has ended')
    expect(await bench.job(exhausted)).toMatchObject({ error_message: 'the worker vanished on the last attempt' })
  })

  test('says what is paused, and what was so already', async () => {
    expect(await conman('paused')).toMatchObject({ code: 0, stdout: 'no type of jobs is paused\n' })
    expect(await conman('resume', 'deploy_release')).toMatchObject({
      code: 0,
      stdout: 'deploy_release was not paused\n',
    })
    await conman('pause', 'release_assemble')
    await conman('pause', 'deploy_release', '--reason', 'one')
    const again = await conman('pause', 'deploy_release', '--reason', 'another')
    expect(again).toMatchObject({ code: 0, stdout: 'deploy_release was paused already: another\n' })
    const { stdout } = await conman('paused')
    const moment = '\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z'
    expect(stdout).toMatch(new RegExp(`^deploy_release since ${moment}: another\nrelease_assemble since ${moment}\n$`))
    await conman('resume', 'deploy_release')
    await conman('resume', 'release_assemble')
  })

  test('knows the types of jobs, and what it was asked for', async () => {
    for (const action of ['pause', 'resume']) {
      const unknown = await conman(action, 'revalidate')
      expect(unknown).toMatchObject({ code: 1, stdout: '' })
      for (const type of JOB_TYPES) expect(unknown.stderr).toContain(type)
    }
    expect(await conman('stop')).toMatchObject({ code: 1, stdout: '' })
    expect(await runCommand(['jobs'], {})).toMatchObject({ code: 1, stdout: '' })
    expect(await bench.db.collection('job_pauses').countDocuments()).toBe(0)
  })

  test('says in one line that the database cannot be reached, without its password', async () => {
    const away = 'mongodb://user:pa55word@127.0.0.1:1/?serverSelectionTimeoutMS=300'
    const answer = await runCommand(['jobs', 'paused', '--mongo-uri', away], {})
    expect(answer).toMatchObject({ code: 1, stdout: '' })
    expect(answer.stderr).toMatch(/^conman: .*\n$/)
    expect(answer.stderr).not.toContain('pa55word')
    expect(await runCommand(['jobs', 'paused', '--mongo-uri', 'nonsense'], {})).toMatchObject({
      code: 1,
      stderr: 'conman: CONMAN_MONGO_URI must begin with mongodb:// or mongodb+srv://\n',
    })
  })
})
