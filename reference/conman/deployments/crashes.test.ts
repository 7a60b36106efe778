/** Workers that die, or are frozen and thawed, while they deploy: one effect, one outcome, one telling. */
import { ObjectId } from 'mongodb'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type ReleaseFlow, releaseFlow } from '../test/release-flow.ts'
import { type ScriptedCommand, scriptedCommand } from '../test/scripted-command.ts'
import { startWorker, type WorkerProcess } from '../test/server-process.ts'
import { everything, freeze, kill, mailsDelivered, thawAndStop, workerAt } from '../test/workers.ts'
import { createWorld, HAS_PARTS, type Person, until, type World } from '../test/world.ts'

describe.skipIf(!HAS_PARTS)('workers that fail while they deploy', () => {
  let world: World
  let flow: ReleaseFlow
  let command: ScriptedCommand
  let author: Person
  let manager: Person
  let environment: string
  let release: string
  let workers: WorkerProcess[] = []

  beforeAll(async () => {
    command = scriptedCommand()
    world = await createWorld({
      args: ['--role', 'api'],
      env: { CONMAN_DEPLOY_RELEASE_CMD: command.command, CONMAN_JOB_LOCK_SECONDS: '1' },
    })
    ;[author, manager] = await Promise.all([world.person('user'), world.person('config_manager')])
    flow = releaseFlow(world, manager)
    environment = (await flow.environments())[0] ?? ''
  })
  beforeEach(async () => {
    const worker = startWorker(world.env)
    release = await flow.published(await world.changeset(author, 'queued'))
    await flow.deployed(environment, release)
    await worker.stop()
  })
  afterEach(async () => {
    for (const attempt of [undefined, 1, 2]) command.release(attempt)
    command.failForNothing()
    await Promise.all(workers.map((worker) => thawAndStop(worker)))
    workers = []
    await world.db.collection('deployments').updateMany({}, { $set: { active: false } })
  })
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]()
    command?.[Symbol.dispose]()
  })

  const stored = (id: string) => world.db.collection('jobs').findOne({ _id: new ObjectId(id) })
  const attempts = (entity: string) =>
    command
      .runs()
      .filter((run) => run.entity === entity)
      .map(({ attempt }) => attempt)
  const actions = async (entity: string) => {
    const rows = world.db.collection('audit_events').find({ entity_id: entity }).sort({ occurred_at: 1 })
    return (await rows.toArray()).map(({ action }) => action)
  }
  /** How many are told of a success, when all mails are out. */
  async function settledMails(): Promise<number> {
    await mailsDelivered(world)
    return world.mails().filter(({ event_type }) => event_type === 'deployment_succeeded').length
  }
  /** What all workers have counted, by their last heartbeats. */
  async function counted(outcome: string): Promise<number> {
    const beats = await world.db.collection('job_runner_heartbeats').find().toArray()
    const values = beats
      .flatMap(({ metrics }) => JSON.parse(metrics ?? '[]') as { name: string; values: Counted[] }[])
      .filter(({ name }) => name === 'conman_deployments_total')
      .flatMap(({ values }) => values)
    return values.reduce((sum, { labels, value }) => sum + (labels.outcome === outcome ? value : 0), 0)
  }
  type Counted = { labels: { outcome?: string }; value: number }

  /** Ends that a test has taken back. */
  let takenBack = 0

  /** Every deployment that has ended has been counted once. */
  async function expectCounted() {
    const deployments = world.db.collection('deployments')
    const succeeded = (await deployments.countDocuments({ state: 'succeeded' })) + takenBack
    await expect.poll(() => counted('succeeded'), { timeout: 10_000 }).toBe(succeeded)
    const failed = await deployments.countDocuments({ state: 'failed' })
    await expect.poll(() => counted('failed'), { timeout: 10_000 }).toBe(failed)
  }

  function begin(): WorkerProcess {
    const worker = startWorker(world.env)
    workers.push(worker)
    return worker
  }

  /** A deployment whose first attempt is held in its command, by a worker that is alone. */
  async function deploying() {
    command.hold(1)
    const started = await flow.deploy(environment, release)
    expect(started.status).toBe(201)
    const { deployment, job } = started.body.data
    const worker = await workerAt(world, command, deployment.id)
    workers.push(worker)
    return { id: deployment.id as string, job: job.id as string, worker }
  }

  test('killed in the command: the next worker has it as attempt 2, and it ends once', async () => {
    const { id, job, worker } = await deploying()
    expect(await flow.deployment(id)).toMatchObject({ state: 'running', active: true, job_fence: 1 })
    const told = await settledMails()
    const { started_at } = await flow.deployment(id)
    await kill(world, worker)
    // The environment stays taken meanwhile.
    expect((await flow.deploy(environment, release)).status).toBe(409)
    begin()
    expect(await world.job(job)).toMatchObject({ state: 'succeeded', result: { status: 'deployed' } })
    expect(await stored(job)).toMatchObject({ attempts: 2, retry_count: 0 })
    expect(await flow.deployment(id)).toMatchObject({ state: 'succeeded', active: false, started_at, job_fence: 2 })
    expect(attempts(id)).toEqual(['1', '2'])
    expect(await actions(id)).toEqual(['started', 'succeeded'])
    await expectCounted()
    // Everybody, and nobody twice.
    expect((await settledMails()) - told).toBe(4)
  })

  test('killed on every attempt: it is failed once, and the environment is free', async () => {
    const { id, job, worker } = await deploying()
    await kill(world, worker)
    command.hold(2)
    const second = startWorker(world.env)
    await until(async () => attempts(id).length === 2, 'attempt 2 runs')
    await kill(world, second)
    begin()
    expect(await world.job(job)).toMatchObject({ state: 'failed' })
    expect(await flow.deployment(id)).toMatchObject({ state: 'failed', active: false })
    expect(attempts(id)).toEqual(['1', '2'])
    expect(await actions(id)).toEqual(['started', 'failed'])
    await expectCounted()
    command.release(1)
    const again = await flow.deploy(environment, release)
    expect((await world.job(again.body.data.job.id)).state).toBe('succeeded')
  })

  /** How far the work had come when the worker died, as it is stored then. */
  const STAGES = [
    ['the command has ended', [{ state: 'running', active: true, finished_at: null }]],
    ['the deployment has ended', []],
  ] as const

  test.each(STAGES)(
    'killed when %s: the command is not run again, and nobody is told twice',
    async (_when, changes) => {
      begin()
      const started = await flow.deploy(environment, release)
      const { deployment, job } = started.body.data
      const first = await world.job(job.id)
      expect(first.state).toBe('succeeded')
      const told = await settledMails()
      const crashed = { state: 'running', locked_until: new Date(0), finished_at: null, result: null, attempts: 1 }
      for (const $set of changes) {
        await world.db.collection('deployments').updateOne({ _id: new ObjectId(deployment.id) }, { $set })
        takenBack += 1
      }
      await world.db.collection('jobs').updateOne({ _id: new ObjectId(job.id) }, { $set: crashed })
      const again = await world.job(job.id)
      expect(again).toMatchObject({ state: 'succeeded', result: first.result })
      expect(await flow.deployment(deployment.id)).toMatchObject({ state: 'succeeded', active: false })
      expect(attempts(deployment.id)).toEqual(['1'])
      expect(await actions(deployment.id)).toEqual(['started', 'succeeded'])
      expect(await settledMails()).toBe(told)
      await expectCounted()
    },
  )

  test.each([
    ['succeeded', 'fails'],
    ['failed', 'succeeds'],
  ])('frozen in the command until another has %s, it %s in vain when it thaws', async (outcome) => {
    const { id, job, worker } = await deploying()
    await freeze(world, worker)
    if (outcome === 'failed') command.failFor(id)
    begin()
    expect((await world.job(job)).state).toBe(outcome)
    await expectCounted()
    const before = [await everything(world), await counted('succeeded'), await counted('failed')]
    expect(await flow.deployment(id)).toMatchObject({ state: outcome })
    // For the frozen one it goes the other way round.
    if (outcome === 'failed') command.failForNothing()
    else command.failFor(id)
    command.release(1)
    await thawAndStop(worker)
    expect([await everything(world), await counted('succeeded'), await counted('failed')]).toEqual(before)
    expect(attempts(id)).toEqual(['1', '2'])
  })

  test.each([true, false])(
    'frozen, and thawed while another deploys: what it finds (success: %s) counts for nothing',
    async (success) => {
      const { id, job, worker } = await deploying()
      await freeze(world, worker)
      command.hold(2)
      begin()
      await until(async () => attempts(id).length === 2, 'attempt 2 runs')
      if (!success) command.failFor(id)
      command.release(1)
      await thawAndStop(worker)
      expect(await flow.deployment(id)).toMatchObject({ state: 'running', active: true, job_fence: 2 })
      expect((await flow.deployment(id)).executor).toBe(undefined)
      command.failForNothing()
      command.release(2)
      expect(await world.job(job)).toMatchObject({ state: 'succeeded' })
      expect(await actions(id)).toEqual(['started', 'succeeded'])
      await expectCounted()
    },
  )

  test('asked to stop, a worker hands the deployment on, and the attempt does not count', async () => {
    const { id, job, worker } = await deploying()
    command.release(1)
    const stopped = worker.stop()
    begin()
    expect(await stopped).toBe(0)
    expect((await world.job(job)).state).toBe('succeeded')
    expect(await flow.deployment(id)).toMatchObject({ state: 'succeeded' })
    expect(await actions(id)).toEqual(['started', 'succeeded'])
  })
})
