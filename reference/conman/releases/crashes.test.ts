/** Workers that die, or are frozen and thawed, while they compose and revalidate: nothing is done twice, nothing is lost. */
import { ObjectId } from 'mongodb'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type ReleaseFlow, releaseFlow } from '../test/release-flow.ts'
import { type ScriptedCommand, scriptedCommand } from '../test/scripted-command.ts'
import { startWorker, type WorkerProcess } from '../test/server-process.ts'
import { everything, freeze, kill, thawAndStop, workerAt } from '../test/workers.ts'
import { createWorld, HAS_PARTS, idOf, type Person, until, type World } from '../test/world.ts'

describe.skipIf(!HAS_PARTS)('workers that fail', () => {
  let world: World
  let flow: ReleaseFlow
  let suite: ScriptedCommand
  let author: Person
  let manager: Person
  let workers: WorkerProcess[] = []

  beforeAll(async () => {
    suite = scriptedCommand()
    const env = { CONMAN_MSUITE_MERGE_CMD: suite.command, CONMAN_JOB_LOCK_SECONDS: '1', CONMAN_JOB_CONCURRENCY: '6' }
    world = await createWorld({ args: ['--role', 'api'], env })
    ;[author, manager] = await Promise.all([world.person('user'), world.person('config_manager')])
    flow = releaseFlow(world, manager)
  })
  afterEach(async () => {
    for (const attempt of [undefined, 1, 2]) suite.release(attempt)
    suite.failForNothing()
    await Promise.all(workers.map((worker) => thawAndStop(worker)))
    workers = []
    // What is left in the queue is none of the next test's business.
    await world.db.collection('changesets').updateMany({ state: 'queued' }, { $set: { state: 'rejected' } })
  })
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]()
    suite?.[Symbol.dispose]()
  })

  const stored = (id: string) => world.db.collection('jobs').findOne({ _id: new ObjectId(id) })
  const audits = (url: string, action: string) =>
    world.db.collection('audit_events').countDocuments({ entity_id: idOf(url), action })

  function begin(): WorkerProcess {
    const worker = startWorker(world.env)
    workers.push(worker)
    return worker
  }

  /** Changesets in the queue, and no worker left that brought them there. */
  async function queue(count: number): Promise<string[]> {
    const worker = startWorker(world.env)
    const urls = await Promise.all(Array.from({ length: count }, () => world.changeset(author, 'queued')))
    await worker.stop()
    return urls
  }

  /** Asks for the assembly; its first attempt is held in the suite by a worker that is alone. */
  async function assembling(changesets: string[]) {
    const url = await flow.draft(...changesets)
    suite.hold(1)
    const asked = await manager.send('POST', `${url}/assemble`)
    const worker = await workerAt(world, suite, idOf(url))
    workers.push(worker)
    return { url, worker, job: asked.body.data.job.id as string }
  }

  test('a worker that is killed while it composes is followed by another, as attempt 2', async () => {
    const changesets = await queue(2)
    const { url, worker, job } = await assembling(changesets)
    await kill(world, worker)
    expect(await flow.release(url)).toMatchObject({ state: 'assembling', composed_sha: null })
    begin()
    expect(await world.job(job)).toMatchObject({ state: 'succeeded', result: { status: 'validated' } })
    expect((await stored(job))?.attempts).toBe(2)
    expect(await flow.release(url)).toMatchObject({ state: 'validated' })
    expect((await flow.publish(url)).status).toBe(200)
    expect(await audits(url, 'validated')).toBe(1)
  })

  test('a worker that dies on every attempt leaves a draft, and its changesets in the queue', async () => {
    const changesets = await queue(1)
    const { url, worker, job } = await assembling(changesets)
    await kill(world, worker)
    for (const attempt of [2, 3]) {
      suite.hold(attempt)
      const next = startWorker(world.env)
      const runs = () => suite.runs().filter((run) => run.entity === idOf(url) && run.attempt === String(attempt))
      await until(async () => runs().length === 1, `attempt ${attempt} runs`)
      await kill(world, next)
      suite.release(attempt)
    }
    begin()
    expect(await world.job(job)).toMatchObject({ state: 'failed', error_message: expect.stringContaining('vanished') })
    expect(await flow.release(url)).toMatchObject({ state: 'draft_release' })
    expect((await flow.changeset(changesets[0] ?? '')).state).toBe('queued')
    expect(await audits(url, 'assembly_failed')).toBe(1)
    suite.release(1)
    expect((await flow.assembled(url)).state).toBe('succeeded')
  })

  test('a worker that was frozen while it composed changes nothing when it thaws', async () => {
    const changesets = await queue(2)
    const { url, worker, job } = await assembling(changesets)
    await freeze(world, worker)
    begin()
    expect(await world.job(job)).toMatchObject({ state: 'succeeded' })
    expect((await flow.publish(url)).status).toBe(200)
    await until(async () => (await flow.release(url)).publishing === null, 'all is done')
    const before = await everything(world)
    // To the frozen one it will look as if the suite had failed.
    suite.failFor(idOf(url))
    suite.release(1)
    await thawAndStop(worker)
    expect(await everything(world)).toEqual(before)
    expect(await flow.release(url)).toMatchObject({ state: 'published' })
  })

  test('nor while another is still composing', async () => {
    const changesets = await queue(2)
    const { url, worker, job } = await assembling(changesets)
    await freeze(world, worker)
    suite.hold(2)
    begin()
    const runs = () => suite.runs().filter((run) => run.entity === idOf(url) && run.attempt === '2')
    await until(async () => runs().length === 1, 'attempt 2 runs')
    suite.failFor(idOf(url))
    suite.release(1)
    await thawAndStop(worker)
    expect(await flow.release(url)).toMatchObject({ state: 'assembling', job_fence: 2 })
    for (const one of changesets) expect((await flow.changeset(one)).state).toBe('queued')
    suite.failForNothing()
    suite.release(2)
    expect(await world.job(job)).toMatchObject({ state: 'succeeded', result: { status: 'validated' } })
    expect(await audits(url, 'assembly_failed')).toBe(0)
    expect((await flow.publish(url)).status).toBe(200)
  })

  test('a worker that was frozen while it revalidated changes nothing when it thaws', async () => {
    const [taken, left] = (await queue(2)) as [string, string]
    const first = begin()
    const url = await flow.validated(taken)
    await first.stop()
    workers = []
    suite.hold(1)
    expect((await flow.publish(url)).status).toBe(200)
    const worker = await workerAt(world, suite, idOf(left))
    workers.push(worker)
    await freeze(world, worker)
    begin()
    const query = { entity_id: idOf(left), job_type: 'revalidate_queued_changeset' }
    const job = (await world.db.collection('jobs').findOne(query))?._id.toHexString() ?? ''
    expect(await world.job(job)).toMatchObject({ state: 'succeeded', result: { status: 'revalidated' } })
    const before = await everything(world)
    suite.failFor(idOf(left))
    suite.release(1)
    await thawAndStop(worker)
    expect(await everything(world)).toEqual(before)
    expect(await flow.changeset(left)).toMatchObject({ state: 'queued', last_revalidation_status: 'valid' })
  })

  test('a storm of revalidations goes on where its worker was killed', async () => {
    const urls = await queue(13)
    const [taken = '', ...rest] = urls
    const first = begin()
    const url = await flow.validated(taken)
    await first.stop()
    workers = []
    suite.hold(1)
    suite.failFor(idOf(rest[3] ?? ''))
    expect((await flow.publish(url)).status).toBe(200)
    const worker = startWorker(world.env)
    const running = () => world.db.collection('jobs').countDocuments({ state: 'running' })
    await until(async () => (await running()) === 6, 'as many as it may run')
    await kill(world, worker)
    suite.release(1)
    begin()
    const jobs = world.db.collection('jobs').find({ 'payload.release_id': idOf(url), job_type: /^revalidate/ })
    const ids = (await jobs.toArray()).map(({ _id }) => _id.toHexString())
    expect(ids).toHaveLength(12)
    const attempts: number[] = []
    for (const id of ids) {
      expect((await world.job(id)).state).toBe('succeeded')
      attempts.push((await stored(id))?.attempts)
    }
    expect(attempts.filter((one) => one === 2)).toHaveLength(6)
    for (const [index, one] of rest.entries()) {
      const [state, action] = index === 3 ? ['needs_revalidation', 'needs_revalidation'] : ['queued', 'revalidated']
      expect(await flow.changeset(one)).toMatchObject({ state })
      expect(await audits(one, action)).toBe(1)
    }
  })
})
