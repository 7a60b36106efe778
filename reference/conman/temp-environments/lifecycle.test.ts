/** What the worker does with temporary environments: provisioning, time passing, cleaning up, and what goes wrong with it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ObjectId } from 'mongodb'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { JobDocument, TempEnvironmentDocument } from '../mongo/documents.ts'
import { startWorker, type WorkerProcess } from '../test/server-process.ts'
import { createWorld, HAS_PARTS, idOf, type Person, until, type World } from '../test/world.ts'

const HOUR_MS = 3_600_000

describe.skipIf(!HAS_PARTS)('the life of a temporary environment', () => {
  // The hooks are scripts that the tests write.
  const folder = mkdtempSync(join(tmpdir(), 'conman-hooks-'))
  const hook = (name: 'provision' | 'expire', script: string) => writeFileSync(join(folder, name), script)
  let world: World
  let user: Person
  /** Several sweep at the same time. */
  let others: WorkerProcess[]

  beforeAll(async () => {
    hook('provision', '')
    hook('expire', '')
    world = await createWorld({
      env: {
        CONMAN_TEMP_ENV_PROVISION_CMD: `. ${folder}/provision`,
        CONMAN_TEMP_ENV_EXPIRE_CMD: `. ${folder}/expire`,
      },
    })
    user = await world.person('user')
    others = [1, 2].map(() => startWorker(world.env))
    const beats = world.db.collection('job_runner_heartbeats')
    await until(async () => (await beats.countDocuments()) === 3, 'three workers are up')
  })
  afterEach(() => {
    hook('provision', '')
    hook('expire', '')
  })
  afterAll(async () => {
    await Promise.all(others?.map((worker) => worker.stop()) ?? [])
    for (const name of await databases()) await world.db.client.db(name).dropDatabase()
    await world?.[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })

  const rows = () => world.db.collection<TempEnvironmentDocument>('temp_environments')
  const row = async (id: string) => (await rows().findOne({ _id: new ObjectId(id) })) as TempEnvironmentDocument
  const set = (id: string, fields: object) => rows().updateOne({ _id: new ObjectId(id) }, { $set: fields })
  const fromNow = (ms: number) => new Date(Date.now() + ms)
  const jobsOf = (id: string, job_type = 'temp_env_expire') =>
    world.db.collection<JobDocument>('jobs').find({ entity_id: id, job_type }).sort({ created_at: 1 }).toArray()
  const actions = async (id: string) =>
    (await world.db.collection('audit_events').find({ entity_id: id }).sort({ occurred_at: 1 }).toArray()).map(
      ({ action }) => action,
    )
  const told = async (id: string, event_type: string) => {
    const { url } = await row(id)
    const mails = world.db.collection('notification_events').find({ event_type, subject: { $regex: url } })
    return (await mails.toArray()).map(({ recipient_email }) => recipient_email)
  }
  const reached = async (id: string, state: string) => {
    await until(async () => (await row(id)).state === state, `the environment is ${state}`)
    return row(id)
  }

  async function databases(): Promise<string[]> {
    const { databases } = await world.db.admin().listDatabases({ nameOnly: true })
    return databases.map(({ name }) => name).filter((name) => name.startsWith(`tmp_${world.appId}_`))
  }

  async function begin(): Promise<{ id: string; jobId: string; workspace: string }> {
    const workspace = await world.workspace(user)
    const answer = await user.send('POST', `${world.app}/temp-envs`, { workspace_id: idOf(workspace) })
    expect(answer.status).toBe(201)
    return { id: answer.body.data.temp_env.id, jobId: answer.body.data.job.id, workspace: idOf(workspace) }
  }

  async function active(): Promise<string> {
    const { id } = await begin()
    await reached(id, 'active')
    return id
  }

  /** What there is of an environment outside of its row. */
  async function parts({ db_name, branch_name, url }: TempEnvironmentDocument) {
    const profiles = world.db.collection('runtime_profiles')
    return {
      database: (await databases()).includes(db_name),
      branch: world.git('for-each-ref', `refs/heads/${branch_name}`) !== '',
      profiles: await profiles.countDocuments({ base_url: `https://${url}` }),
    }
  }
  const ALL = { database: true, branch: true, profiles: 1 }
  const NONE = { database: false, branch: false, profiles: 0 }

  async function leaked(): Promise<number> {
    const text = String((await world.anonymous.get('/api/metrics')).body)
    return Number(/^conman_temp_env_leaked (\d+)$/m.exec(text)?.[1])
  }

  /** Runs an ended job again, as a worker would that died before it could note its end. */
  async function again(job: ObjectId): Promise<JobDocument> {
    const jobs = world.db.collection<JobDocument>('jobs')
    const queued = { state: 'queued' as const, finished_at: null, result: null, max_attempts: 99 }
    await jobs.updateOne({ _id: job }, { $set: queued })
    await until(async () => (await jobs.findOne({ _id: job }))?.finished_at instanceof Date, 'the job has ended again')
    return (await jobs.findOne({ _id: job })) as JobDocument
  }

  /** Waits until every pass of the sweep has been over the rows once more, on at least one worker. */
  async function swept(): Promise<void> {
    const marker = await active()
    await set(marker, { expires_at: fromNow(-1) })
    await reached(marker, 'expiring')
    await set(marker, { grace_expires_at: fromNow(-1) })
    await reached(marker, 'deleted')
  }

  test('is warned of once an hour before its end, and again when it was extended meanwhile', async () => {
    const id = await active()
    await set(id, { expires_at: fromNow(30 * 60_000) })
    await until(async () => (await row(id)).expiry_warning_sent, 'the warning is noted')
    await swept()
    expect(await told(id, 'temp_env_expiry_warning')).toEqual([user.email])
    const subjects = () => world.mails().map(({ subject }) => subject)
    const subject = `[app-${world.run}] Temp environment expiring soon: ${(await row(id)).url}`
    await expect.poll(subjects).toContain(subject)
    expect(await row(id)).toMatchObject({ state: 'active' })
    const extended = await user.send('POST', `${world.app}/temp-envs/${id}/extend`, { hours: 1 })
    expect(extended.body.data.temp_env.expiry_warning_sent).toBe(false)
    await set(id, { expires_at: fromNow(40 * 60_000) })
    await until(async () => (await row(id)).expiry_warning_sent, 'the second warning is noted')
    expect(await told(id, 'temp_env_expiry_warning')).toEqual([user.email, user.email])
    // One whose end is further away is not warned of.
    const later = await active()
    await set(later, { expires_at: fromNow(61 * 60_000) })
    await swept()
    expect(await row(later)).toMatchObject({ expiry_warning_sent: false })
  })

  test('ends softly, then after its grace for good, each told once by however many workers', async () => {
    const id = await active()
    const before = await row(id)
    expect(await parts(before)).toEqual(ALL)
    await set(id, { expires_at: fromNow(-1) })
    const expiring = await reached(id, 'expiring')
    expect((expiring.grace_expires_at?.getTime() ?? 0) - expiring.updated_at.getTime()).toBe(HOUR_MS)
    expect(expiring.active).toBe(true)
    expect(await parts(before)).toEqual(ALL)
    await swept()
    expect(await row(id)).toMatchObject({ state: 'expiring' })
    expect(await told(id, 'temp_env_expired')).toEqual([user.email])

    hook('expire', 'printenv CONMAN_JOB_PAYLOAD')
    await set(id, { grace_expires_at: fromNow(-1) })
    expect(await reached(id, 'deleted')).toMatchObject({
      active: false,
      cleanup_requested_at: null,
      runtime_profile_id: null,
    })
    await swept()
    expect(await parts(before)).toEqual(NONE)
    expect(await actions(id)).toEqual(['created', 'provisioned', 'expiring', 'expired', 'cleaned_up'])
    expect(await told(id, 'temp_env_grace_ended')).toEqual([user.email])
    expect(await told(id, 'temp_env_deleted')).toEqual([])
    const jobs = await jobsOf(id)
    expect(jobs).toMatchObject([
      { state: 'succeeded', created_by: null, payload: { trigger: 'idle_ttl_scan' }, max_retries: 2 },
    ])
    const audits = await world.db.collection('audit_events').find({ entity_id: id }).toArray()
    expect(audits.find(({ action }) => action === 'expired')).toMatchObject({
      actor_user_id: null,
      before: { state: 'expiring' },
      after: { state: 'expired' },
    })
    expect(audits.find(({ action }) => action === 'cleaned_up')).toMatchObject({
      before: { state: 'expired' },
      after: { state: 'deleted' },
      context: { request_id: `job-${jobs[0]?._id}` },
    })
  })

  test('goes on when it is brought back in time', async () => {
    const id = await active()
    await set(id, { expires_at: fromNow(-1) })
    await reached(id, 'expiring')
    expect((await user.send('POST', `${world.app}/temp-envs/${id}/undo-expire`)).status).toBe(200)
    await swept()
    expect(await row(id)).toMatchObject({ state: 'active', grace_expires_at: null })
    expect(await parts(await row(id))).toEqual(ALL)
    expect(await jobsOf(id)).toEqual([])
  })

  test('begins with a hook that is told what was made', async () => {
    hook('provision', `printenv CONMAN_JOB_PAYLOAD > ${folder}/told`)
    const id = await active()
    const { url, db_name, branch_name, head_sha, runtime_profile_id, source_id } = await row(id)
    const payload = JSON.parse(readFileSync(join(folder, 'told'), 'utf8'))
    const made = { url, db_name, branch_name, head_sha, runtime_profile_id: String(runtime_profile_id), source_id }
    expect(payload).toEqual({ temp_env_id: id, kind: 'workspace', ...made })
  })

  test('that cannot be provisioned is deleted with all that was made of it, and its creator is told', async () => {
    hook('provision', 'echo no >&2; exit 1')
    const { id, jobId, workspace } = await begin()
    const ended = await reached(id, 'deleted')
    expect(await world.job(jobId)).toMatchObject({
      state: 'failed',
      retry_count: 2,
      error_message: expect.stringMatching(/temp_env_provision_hook.*: no$/s),
    })
    await until(async () => (await row(id)).cleanup_requested_at === null, 'it is cleaned up')
    expect(await parts(ended)).toEqual(NONE)
    await expect.poll(() => actions(id)).toEqual(['created', 'provision_failed', 'cleaned_up'])
    expect(await told(id, 'temp_env_provision_failed')).toEqual([user.email])
    expect(await jobsOf(id)).toMatchObject([{ state: 'succeeded', payload: { trigger: 'provision_failed' } }])
    hook('provision', '')
    expect((await user.send('POST', `${world.app}/temp-envs`, { workspace_id: workspace })).status).toBe(201)
  })

  test('that takes too long to provision is deleted, too', async () => {
    hook('provision', 'sleep 60')
    const { id, jobId } = await begin()
    const jobs = world.db.collection<JobDocument>('jobs')
    const _id = new ObjectId(jobId)
    await jobs.updateOne({ _id }, { $set: { timeout_ms: 1_000 } })
    // The attempt that has begun still has its time; the next one has a second.
    await jobs.updateOne({ _id, state: 'running' }, { $set: { locked_by: 'nobody', locked_until: new Date(0) } })
    await reached(id, 'deleted')
    expect(await world.job(jobId)).toMatchObject({ state: 'canceled', error_message: 'timeout exceeded' })
    await expect.poll(() => actions(id)).toContain('provision_failed')
  })

  test('whose clean-up keeps failing leaks visibly, is asked for again at most hourly, and recovers', async () => {
    expect(await leaked()).toBe(0)
    const id = await active()
    const before = await row(id)
    hook('expire', 'exit 1')
    await set(id, { state: 'expiring', expires_at: fromNow(-1), grace_expires_at: fromNow(-1) })
    await until(async () => (await jobsOf(id))[0]?.state === 'failed', 'the clean-up has failed for good')
    expect(await jobsOf(id)).toMatchObject([{ retry_count: 2, attempts: 3 }])
    expect(await row(id)).toMatchObject({ state: 'expired', active: false })
    // The steps before the hook are done, and are no obstacle when they are repeated.
    expect(await parts(before)).toEqual(NONE)
    const lines = world.db.collection('job_logs').find({ job_id: (await jobsOf(id))[0]?._id, level: 'error' })
    expect((await lines.toArray()).map(({ message }) => message)).toContain('the temp environment is not cleaned up')
    expect(await leaked()).toBe(0)
    await set(id, { grace_expires_at: fromNow(-2 * HOUR_MS) })
    await expect.poll(leaked).toBe(1)

    await set(id, { cleanup_requested_at: fromNow(-50 * 60_000) })
    hook('expire', '')
    await swept()
    expect(await jobsOf(id)).toHaveLength(1)
    hook('expire', 'exit 1')
    await set(id, { cleanup_requested_at: fromNow(-61 * 60_000) })
    await until(async () => (await jobsOf(id))[1]?.state === 'failed', 'the second clean-up has failed')
    expect((await row(id)).cleanup_requested_at?.getTime()).toBeGreaterThan(Date.now() - HOUR_MS)
    hook('expire', '')
    await set(id, { cleanup_requested_at: fromNow(-61 * 60_000) })
    await reached(id, 'deleted')
    await expect.poll(leaked).toBe(0)
    expect(await jobsOf(id)).toHaveLength(3)
    expect((await actions(id)).filter((action) => action === 'cleaned_up')).toHaveLength(1)
  })

  test('that was set expired by hand is cleaned up, and one that was deleted without success later again', async () => {
    const id = await active()
    await set(id, { state: 'expired', active: false, grace_expires_at: fromNow(-2 * HOUR_MS) })
    await reached(id, 'deleted')
    expect(await parts(await row(id))).toEqual(NONE)

    const other = await active()
    hook('expire', 'exit 1')
    await user.send('DELETE', `${world.app}/temp-envs/${other}`)
    await until(async () => (await jobsOf(other))[0]?.state === 'failed', 'the clean-up has failed')
    expect(await row(other)).toMatchObject({ state: 'deleted', cleanup_requested_at: expect.any(Date) })
    hook('expire', '')
    await set(other, { cleanup_requested_at: fromNow(-61 * 60_000) })
    await until(async () => (await row(other)).cleanup_requested_at === null, 'it is cleaned up')
    expect(await jobsOf(other)).toHaveLength(2)
  })

  test('survives each of its jobs being run again at any point', async () => {
    const { id, jobId } = await begin()
    await reached(id, 'active')
    const _id = new ObjectId(jobId)
    const made = await row(id)
    // Ended, but not noted.
    expect(await again(_id)).toMatchObject({ state: 'succeeded', result: { status: 'active', temp_env_id: id } })
    expect(await row(id)).toEqual(made)
    // All made, but the state not changed; then only the branch made; then nothing noted.
    for (const lost of [{}, { runtime_profile_id: null }, { runtime_profile_id: null, head_sha: null }]) {
      await set(id, { ...lost, state: 'provisioning' })
      expect(await again(_id)).toMatchObject({ state: 'succeeded', result: { status: 'active' } })
      const { head_sha, runtime_profile_id } = await row(id)
      expect({ head_sha, runtime_profile_id }).toEqual({
        head_sha: made.head_sha,
        runtime_profile_id: made.runtime_profile_id,
      })
      expect(await parts(made)).toEqual(ALL)
    }
    const init = world.db.client.db(made.db_name).collection('conman_environment')
    expect(await init.countDocuments()).toBe(1)
    expect(await actions(id)).toEqual(['created', 'provisioned'])

    const deleted = await user.send('DELETE', `${world.app}/temp-envs/${id}`)
    const cleanup = new ObjectId(deleted.body.data.job.id as string)
    await world.job(deleted.body.data.job.id)
    expect(await again(cleanup)).toMatchObject({ state: 'succeeded', result: { status: 'deleted', temp_env_id: id } })
    await set(id, { cleanup_requested_at: new Date() })
    expect(await again(cleanup)).toMatchObject({ state: 'succeeded', result: { status: 'deleted' } })
    expect(await again(_id)).toMatchObject({ result: { status: 'skipped', reason: 'not_provisioning' } })
    expect(await actions(id)).toEqual(['created', 'provisioned', 'deleted', 'cleaned_up'])
    expect(await parts(made)).toEqual(NONE)
  })

  test('jobs about nothing, or about one in another state, change nothing', async () => {
    const id = await active()
    const before = await row(id)
    const jobs = world.db.collection<JobDocument>('jobs')
    const insert = async (job_type: string, entity_id: string, app_id = new ObjectId(world.appId)) => {
      const template = (await jobs.findOne({ job_type: 'temp_env_provision' })) as JobDocument
      const fields = { job_type, entity_id, app_id, state: 'queued' as const, result: null, attempts: 0, fence: 0 }
      const { insertedId } = await jobs.insertOne({ ...template, ...fields, _id: new ObjectId(), finished_at: null })
      await until(async () => (await jobs.findOne({ _id: insertedId }))?.finished_at instanceof Date, 'it has ended')
      return (await jobs.findOne({ _id: insertedId }))?.result
    }
    for (const type of ['temp_env_provision', 'temp_env_expire']) {
      for (const entity of ['f'.repeat(24), 'nonsense']) {
        expect(await insert(type, entity)).toEqual({ status: 'skipped', reason: 'not_found' })
      }
      expect(await insert(type, id, new ObjectId())).toEqual({ status: 'skipped', reason: 'not_found' })
    }
    expect(await insert('temp_env_expire', id)).toEqual({ status: 'skipped', reason: 'not_due' })
    expect(await row(id)).toEqual(before)
  })

  test('rows that are not as they should be stop neither the sweep nor one another', async () => {
    const template = await row(await active())
    const due = { state: 'active', active: false, expires_at: fromNow(-5_000), source_id: 'x' }
    const broken = (fields: object, index: number) => {
      const { url: _url, db_name: _name, ...sound } = template
      const unique = { url: `u-${index}-${Math.random()}`, db_name: `d-${index}-${Math.random()}` }
      return { ...sound, ...unique, ...due, ...fields, _id: new ObjectId() } as unknown as TempEnvironmentDocument
    }
    const kinds: object[] = [
      { owner_user_id: null },
      { app_id: new ObjectId() },
      { app_id: 'text' },
      { url: 17 },
      { grace_expires_at: 'soon', state: 'expiring', owner_user_id: 'x' },
      { state: 'expiring', grace_expires_at: fromNow(-5_000), app_id: new ObjectId() },
      { state: 'expired', app_id: undefined, url: undefined },
      { expires_at: fromNow(60_000), owner_user_id: undefined },
      { expires_at: 'never' },
      { cleanup_requested_at: fromNow(-2 * HOUR_MS), state: 'deleted', app_id: null },
    ]
    // More than several batches, all due for longer than the sound one.
    await rows().insertMany(Array.from({ length: 350 }, (_, index) => broken(kinds[index % kinds.length] ?? {}, index)))
    const id = await active()
    await set(id, { expires_at: fromNow(-1) })
    await reached(id, 'expiring')
    await set(id, { grace_expires_at: fromNow(-1) })
    await reached(id, 'deleted')
    const soon = await active()
    await set(soon, { expires_at: fromNow(30 * 60_000) })
    await until(async () => (await row(soon)).expiry_warning_sent, 'the warning is noted')
    const noted = () => world.server.logs.some(({ message }) => message === 'temp environment not dealt with')
    await expect.poll(noted).toBe(true)
    await rows().deleteMany({ source_id: 'x' })
  })

  test('nothing is dropped or deleted but what is its own, whatever a row says', async () => {
    const persistent = await world.admin.send('POST', `${world.app}/runtime-profiles`, {
      name: 'Persistent',
      kind: 'persistent_env',
      base_url: '',
      database_engine: '',
      connection_ref: '',
      provisioning_mode: '',
    })
    const profile = new ObjectId(persistent.body.data.id as string)
    const victims: [object, string][] = [
      [{ db_name: world.db.databaseName }, 'database'],
      [{ db_name: 'admin' }, 'database'],
      [{ db_name: `tmp_${'f'.repeat(24)}_atlas-nova-4bc6` }, 'database'],
      [{ branch_name: 'main' }, 'branch'],
    ]
    for (const [fields, what] of victims) {
      const id = await active()
      const own = await row(id)
      await set(id, fields)
      const answer = await user.send('DELETE', `${world.app}/temp-envs/${id}`)
      const job = await world.job(answer.body.data.job.id)
      expect(job).toMatchObject({
        state: 'failed',
        error_message: `the row does not name a ${what} of its own`,
        retry_count: 0,
      })
      await set(id, { db_name: own.db_name, branch_name: own.branch_name, runtime_profile_id: profile })
      await set(id, { cleanup_requested_at: fromNow(-61 * 60_000) })
      await until(async () => (await row(id)).cleanup_requested_at === null, 'it is cleaned up')
      expect(await parts(own)).toEqual(NONE)
    }
    expect(world.git('rev-parse', 'main')).toMatch(/^[0-9a-f]{40}/)
    expect(await world.db.collection('apps').countDocuments()).toBeGreaterThan(0)
    expect((await world.admin.get(`${world.app}/runtime-profiles/${profile}`)).status).toBe(200)
  })
})
