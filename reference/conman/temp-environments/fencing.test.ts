/**
 * Workers that froze while they worked on a temporary environment, and go on when somebody else has its job: they change
 * nothing, and leave nothing behind. Also: names that are taken.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ObjectId } from 'mongodb'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { composeServices } from '../compose.ts'
import { readConfig } from '../config.ts'
import type { Caller } from '../http/context.ts'
import { type ClaimedJob, type JobContext, originOfJob } from '../jobs/handler.ts'
import type { AppDocument, JobDocument, TempEnvironmentDocument } from '../mongo/documents.ts'
import { openStore } from '../mongo/store.ts'
import type { Services } from '../services.ts'
import { createJobBench } from '../test/job-bench.ts'
import { createWorld, HAS_PARTS, idOf, type Person, until, type World } from '../test/world.ts'
import { createCleanup } from './cleanup.ts'
import { drawName } from './names.ts'
import { createProvisioning } from './provisioning.ts'
import { createTempEnvironmentService } from './service.ts'
import { tempEnvironmentSweeps } from './sweeps.ts'

describe.skipIf(!HAS_PARTS)('a worker', () => {
  let world: World
  let user: Person
  let services: Services

  beforeAll(async () => {
    // No worker of its own: the tests are the workers.
    world = await createWorld({ args: ['--role', 'api'], env: { CONMAN_TEMP_ENV_PROVISION_CMD: 'true' } })
    user = await world.person('user')
    const logger = pino({ level: 'silent' })
    const config = readConfig(world.env)
    const { uri, database } = config.mongo
    const store = await openStore({ uri, database, appName: 'conman-test', logger })
    services = await composeServices({ config, logger, store })
  })
  afterAll(async () => {
    for (const { db_name } of await rows().find().toArray()) await world.db.client.db(db_name).dropDatabase()
    services?.git.close()
    await services?.store.close()
    await world?.[Symbol.asyncDispose]()
  })

  const rows = () => world.db.collection<TempEnvironmentDocument>('temp_environments')
  const row = async (id: string) => (await rows().findOne({ _id: new ObjectId(id) })) as TempEnvironmentDocument
  const jobOf = async (id: string, job_type: string) =>
    (await world.db.collection<JobDocument>('jobs').findOne({ entity_id: id, job_type })) as JobDocument

  function contextOf(job: JobDocument, fence: number): JobContext {
    const claimed = { ...job, fence, attempts: fence } as ClaimedJob
    const origin = originOfJob(job, performance.now() + 60_000)
    return { job: claimed, signal: new AbortController().signal, origin, log: () => undefined }
  }

  async function begin(): Promise<{ id: string; job: JobDocument }> {
    const workspace = await world.workspace(user)
    const answer = await user.send('POST', `${world.app}/temp-envs`, { workspace_id: idOf(workspace) })
    const id: string = answer.body.data.temp_env.id
    return { id, job: await jobOf(id, 'temp_env_provision') }
  }

  async function parts({ db_name, branch_name, url }: TempEnvironmentDocument) {
    const { databases } = await world.db.admin().listDatabases({ nameOnly: true })
    const profiles = world.db.collection('runtime_profiles')
    return {
      database: databases.some(({ name }) => name === db_name),
      branch: world.git('for-each-ref', `refs/heads/${branch_name}`) !== '',
      profiles: await profiles.countDocuments({ base_url: `https://${url}` }),
    }
  }
  const ALL = { database: true, branch: true, profiles: 1 }
  const NONE = { database: false, branch: false, profiles: 0 }

  /** A stop in the middle of the work: it can be waited for, and the work goes on when it is opened. */
  function createGate() {
    const reached = Promise.withResolvers<void>()
    const open = Promise.withResolvers<void>()
    const pass = () => {
      reached.resolve()
      return open.promise
    }
    return { reached: reached.promise, open: open.resolve, pass }
  }

  /** The steps before which an attempt may freeze. */
  const steps: [string, (gate: ReturnType<typeof createGate>) => Partial<Services>][] = [
    [
      'the branch',
      ({ pass }) => ({
        git: {
          ...services.git,
          forceReference: async (...args) => pass().then(() => services.git.forceReference(...args)),
        },
      }),
    ],
    [
      'the database',
      ({ pass }) => ({
        git: {
          ...services.git,
          forceReference: async (...args) => services.git.forceReference(...args).then(pass),
        },
      }),
    ],
    [
      'the profile',
      ({ pass }) => ({
        profiles: {
          ...services.profiles,
          derive: async (...args) => pass().then(() => services.profiles.derive(...args)),
        },
      }),
    ],
    ['the hook', ({ pass }) => ({ commands: async (...args) => pass().then(() => services.commands(...args)) })],
  ]

  test.each(steps)('that froze before %s changes nothing that a later attempt has made', async (_step, spoil) => {
    const { id, job } = await begin()
    const gate = createGate()
    const frozen = createProvisioning({ ...services, ...spoil(gate) }).run(contextOf(job, 1))
    await gate.reached
    const handler = createProvisioning(services)
    expect(await handler.run(contextOf(job, 2))).toMatchObject({ status: 'active' })
    const made = await row(id)
    gate.open()
    await expect(frozen).rejects.toThrow('another attempt has the temp environment')
    expect(await row(id)).toEqual(made)
    expect(await parts(made)).toEqual(ALL)
    expect(await world.db.collection('jobs').countDocuments({ entity_id: id, job_type: 'temp_env_expire' })).toBe(0)
    // Begun anew with its old number, it is no more successful.
    await rows().updateOne({ _id: made._id }, { $set: { state: 'provisioning' } })
    expect(await handler.run(contextOf(job, 1))).toEqual({ status: 'skipped', reason: 'not_provisioning' })
  })

  test.each(steps)(
    'that froze before %s brings nothing back of an environment that has ended',
    async (_step, spoil) => {
      const { id, job } = await begin()
      const gate = createGate()
      const handler = createProvisioning({ ...services, ...spoil(gate) })
      const frozen = handler.run(contextOf(job, 1))
      await gate.reached
      await createProvisioning(services).settle?.(contextOf(job, 2), {
        outcome: 'failed',
        problem: 'the worker vanished',
      })
      expect(await row(id)).toMatchObject({ state: 'deleted', active: false })
      const cleanup = createCleanup(services)
      const first = await jobOf(id, 'temp_env_expire')
      expect(await cleanup.run(contextOf(first, 1))).toMatchObject({ status: 'deleted' })
      await world.db.collection('jobs').deleteOne({ _id: first._id })
      const ended = await row(id)
      expect(await parts(ended)).toEqual(NONE)
      gate.open()
      await expect(frozen).rejects.toThrow('another attempt has the temp environment')
      expect(await parts(ended)).toMatchObject({ database: false })
      // What it has made outside of the database is cleaned up once more.
      const second = await jobOf(id, 'temp_env_expire')
      expect(second).toMatchObject({ state: 'queued', payload: { trigger: 'late_provision' } })
      await cleanup.run(contextOf(second, 1))
      expect(await parts(ended)).toEqual(NONE)
      expect(await row(id)).toMatchObject({ state: 'deleted', cleanup_requested_at: null })
    },
  )

  test('that froze while it cleaned up changes nothing that a later attempt has noted', async () => {
    const { id, job } = await begin()
    await createProvisioning(services).run(contextOf(job, 1))
    await user.send('DELETE', `${world.app}/temp-envs/${id}`)
    const cleanup = await jobOf(id, 'temp_env_expire')
    const gate = createGate()
    const spoiled = {
      ...services,
      git: { ...services.git, deleteReference: async () => gate.pass() },
    } as Services
    const frozen = createCleanup(spoiled).run(contextOf(cleanup, 1))
    await gate.reached
    expect(await createCleanup(services).run(contextOf(cleanup, 2))).toMatchObject({ status: 'deleted' })
    const ended = await row(id)
    gate.open()
    await expect(frozen).rejects.toThrow('another attempt has the temp environment')
    expect(await row(id)).toEqual(ended)
  })

  test('that froze does not end an environment that a later attempt is making', async () => {
    const { id, job } = await begin()
    const gate = createGate()
    const [, spoil] = steps[3] as (typeof steps)[number]
    const later = createProvisioning({ ...services, ...spoil(gate) }).run(contextOf(job, 2))
    await gate.reached
    await createProvisioning(services).settle?.(contextOf(job, 1), { outcome: 'canceled', problem: 'timeout exceeded' })
    expect(await row(id)).toMatchObject({ state: 'provisioning', active: true })
    gate.open()
    expect(await later).toMatchObject({ status: 'active' })
    const actions = await world.db.collection('audit_events').distinct('action', { entity_id: id })
    expect(actions.sort()).toEqual(['created', 'provisioned'])
  })

  test('that froze until its time for a job was over does not settle it', async () => {
    await using bench = await createJobBench(world)
    const hook = `echo start >> ${bench.folder}/hook; until [ -e ${bench.folder}/go ]; do sleep 0.05; done`
    const env = { CONMAN_TEMP_ENV_PROVISION_CMD: hook, CONMAN_JOB_LOCK_SECONDS: '4' }
    const begun = () => {
      try {
        return readFileSync(join(bench.folder, 'hook'), 'utf8').split('\n').length - 1
      } catch {
        return 0
      }
    }
    const first = await bench.worker(env)
    const { id, job } = await begin()
    const jobs = world.db.collection<JobDocument>('jobs')
    await until(async () => begun() === 1, 'the hook has begun')
    // Its time is over before its lock is, so that is the first thing that it notices when it goes on.
    await jobs.updateOne({ _id: job._id }, { $set: { state: 'queued', timeout_ms: 2_000, locked_by: null } })
    await until(async () => begun() === 2, 'the hook has begun with a short time')
    first.process.kill('SIGSTOP')
    await jobs.updateOne({ _id: job._id }, { $set: { timeout_ms: 60_000 } })
    await bench.worker(env)
    await until(async () => begun() === 3, 'another worker has it')
    first.process.kill('SIGCONT')
    expect(await first.stop()).toBe(0)
    expect(await row(id)).toMatchObject({ state: 'provisioning', active: true })
    expect(await jobs.findOne({ _id: job._id })).toMatchObject({ state: 'running' })
    writeFileSync(join(bench.folder, 'go'), '')
    expect((await bench.reached(job._id, 'succeeded', 'failed', 'canceled')).state).toBe('succeeded')
    expect(await row(id)).toMatchObject({ state: 'active' })
  })

  test('that sweeps beside others: each move is made, told and asked for once', async () => {
    const begun = await Promise.all(Array.from({ length: 6 }, () => begin()))
    const ids = begun.map(({ id }) => id)
    for (const { job } of begun) await createProvisioning(services).run(contextOf(job, 1))
    // As on several workers: each has a look of its own at what is due.
    const sweeps = () => Promise.all(Array.from({ length: 5 }, () => tempEnvironmentSweeps(services)[0]?.sweep()))
    const setAll = (fields: object) =>
      rows().updateMany({ _id: { $in: ids.map((id) => new ObjectId(id)) } }, { $set: fields })
    const fromNow = (ms: number) => new Date(Date.now() + ms)
    const countIn = (collection: string, filter: object) => world.db.collection(collection).countDocuments(filter)
    const urls = await Promise.all(ids.map(async (id) => (await row(id)).url))
    const told = (event_type: string) =>
      countIn('notification_events', { event_type, subject: { $regex: urls.join('|') } })
    const audited = (action: string) => countIn('audit_events', { entity_id: { $in: ids }, action })

    await setAll({ expires_at: fromNow(60_000) })
    await sweeps()
    expect([await told('temp_env_expiry_warning'), (await row(ids[0] ?? '')).expiry_warning_sent]).toEqual([6, true])
    await setAll({ expires_at: fromNow(-1) })
    await sweeps()
    expect([await told('temp_env_expired'), await audited('expiring')]).toEqual([6, 6])
    await setAll({ grace_expires_at: fromNow(-1) })
    await sweeps()
    expect([await told('temp_env_grace_ended'), await audited('expired')]).toEqual([6, 6])
    const jobs = () => countIn('jobs', { job_type: 'temp_env_expire', entity_id: { $in: ids } })
    expect(await jobs()).toBe(6)
    expect(new Set(await Promise.all(ids.map(async (id) => (await row(id)).state)))).toEqual(new Set(['expired']))
    // Long unanswered, they are asked for again; there is one that waits already.
    await setAll({ cleanup_requested_at: fromNow(-2 * 3_600_000) })
    await sweeps()
    expect(await jobs()).toBe(6)
    expect((await row(ids[0] ?? '')).cleanup_requested_at?.getTime()).toBeGreaterThan(Date.now() - 60_000)
    await world.db.collection('jobs').deleteMany({ job_type: 'temp_env_expire' })
  })

  test('draws another name when one is taken', async () => {
    const appId = new ObjectId(world.appId)
    const app = (await services.store.data.apps.findOne({ _id: appId })) as AppDocument
    const account = await services.store.data.users.findOne({ email: user.email })
    const caller: Caller = {
      ...originOfJob({ _id: new ObjectId() }, performance.now() + 60_000),
      user: { id: new ObjectId(user.id), email: user.email, name: account?.name ?? '' },
      role: 'user',
    }
    const workspaces = await Promise.all([1, 2, 3].map(() => world.workspace(user)))
    const [one, two, three] = workspaces.map(idOf)
    const taken = drawName()
    const fresh = drawName()
    const drawn = [taken, taken, taken, fresh]
    const service = createTempEnvironmentService(services, () => drawn.shift() ?? taken)
    const create = async (workspace_id: string | undefined) =>
      ((await service.create(caller, app, { workspace_id })) as { temp_env: TempEnvironmentDocument }).temp_env
    expect((await create(one)).db_name).toBe(`tmp_${world.appId}_${taken}`)
    expect((await create(two)).db_name).toBe(`tmp_${world.appId}_${fresh}`)
    await expect(create(three)).rejects.toMatchObject({ code: 11_000 })
    expect(await rows().countDocuments({ source_id: three as string })).toBe(0)
    expect(
      await world.db.collection('jobs').countDocuments({ job_type: 'temp_env_provision', state: 'queued' }),
    ).toBeGreaterThan(1)
  })
})
