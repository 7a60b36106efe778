/** Drift over the whole server: the gate's tie to the profile's revision, overrides that travel, and the fix. */
import { ObjectId } from 'mongodb'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type ReleaseFlow, releaseFlow } from '../test/release-flow.ts'
import { type ScriptedCommand, scriptedCommand } from '../test/scripted-command.ts'
import type { Answer } from '../test/server-process.ts'
import { createWorld, HAS_PARTS, idOf, type Person, until, type World } from '../test/world.ts'
import { differencesIn } from './drift.ts'

describe('what a drift check prints', () => {
  const line = (differences: unknown) => JSON.stringify({ differences })
  const one = { field: 'env_vars', key: 'A', expected: '1', actual: '2' }

  test('is read from the whole or from one line, and from nothing else', () => {
    expect(differencesIn(line([one]))).toEqual([one])
    expect(differencesIn(`checking…\n${line([one])}\ndone\n`)).toEqual([one])
    expect(differencesIn(JSON.stringify({ differences: [one] }, null, 2))).toEqual([one])
    for (const text of ['', 'drift!', 'null', '[]', '{}', line('x'), line([null, 1, {}, { field: 1, key: 'A' }])]) {
      expect([text, differencesIn(text)]).toEqual([text, []])
    }
  })

  test('holds no secret, and nothing that cannot be stored', () => {
    const secret = { field: 'secrets', key: 'API_KEY', expected: 'old-secret', actual: 'new-secret' }
    expect(differencesIn(line([secret]))).toEqual([{ field: 'secrets', key: 'API_KEY' }])
    const hostile = { ...one, expected: { _bsontype: 'ObjectId' }, actual: { 'a\0b': 1 } }
    expect(differencesIn(line([hostile]))).toEqual([{ ...one, expected: null, actual: null }])
    expect(differencesIn(line(Array(5_000).fill(one)))).toHaveLength(1_000)
  })
})

describe.skipIf(!HAS_PARTS)('drift', () => {
  let world: World
  let flow: ReleaseFlow
  let drift: ScriptedCommand
  let author: Person
  let manager: Person
  let stages: [string, string, string, string]
  let release: string
  let profile: string

  beforeAll(async () => {
    drift = scriptedCommand()
    world = await createWorld({ env: { CONMAN_RUNTIME_PROFILE_DRIFT_CHECK_CMD: drift.command } })
    ;[author, manager] = await Promise.all([world.person('user'), world.person('config_manager')])
    flow = releaseFlow(world, manager)
    stages = (await flow.environments()) as typeof stages
  })
  let profiles = 0
  beforeEach(async () => {
    const made = await world.admin.send('POST', `${world.app}/runtime-profiles`, {
      name: `Profile ${++profiles}`,
      kind: 'persistent_env',
      base_url: 'https://dev.example.test',
      database_engine: 'mongodb',
      connection_ref: 'r',
      provisioning_mode: 'managed',
      env_vars: { MODE: { type: 'string', value: 'old' }, LIMIT: { type: 'number', value: 1 } },
    })
    expect(made.status).toBe(201)
    profile = made.body.data.id
    await link(stages[0], profile)
    release = await flow.published(await world.changeset(author, 'queued'))
  })
  afterEach(() => {
    drift.release()
    drift.failForNothing()
    drift.say('')
  })
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]()
    drift?.[Symbol.dispose]()
  })

  const outcome = ({ status, body }: Answer) => [status, body.error?.code]
  const link = (environment: string, id: string | null) =>
    world.db
      .collection('environments')
      .updateOne({ _id: new ObjectId(environment) }, { $set: { runtime_profile_id: id && new ObjectId(id) } })
  const checks = () =>
    world.db
      .collection('jobs')
      .find({ job_type: 'runtime_profile_drift_check', entity_id: stages[0] })
      .sort({ created_at: 1 })
      .toArray()
  const checked = async () => world.job((await checks()).at(-1)?._id.toHexString() ?? '')
  const shown = async () => (await world.admin.get(`${world.app}/runtime-profiles/${profile}`)).body.data
  const patch = (body: object) => world.admin.send('PATCH', `${world.app}/runtime-profiles/${profile}`, body)
  const fix = (body: object = {}, who = manager) =>
    who.send('POST', `${world.app}/environments/${stages[0]}/create-drift-fix-changeset`, body)

  /** A drift check that has failed and printed this. */
  async function drifted(differences: unknown): Promise<Answer['body']> {
    drift.say(`${JSON.stringify({ differences })}\n`)
    drift.failFor(stages[0])
    await flow.deploy(stages[0], release)
    const job = await checked()
    expect(job).toMatchObject({ state: 'failed', retry_count: 3 })
    return job
  }

  test('an old success does not open the gate for a new revision of the profile, or for another profile', async () => {
    const before = (await checks()).length
    await flow.deployed(stages[0], release)
    expect((await checks()).at(-1)).toMatchObject({ payload: { profile_id: profile, profile_revision: 1 } })
    expect((await flow.deploy(stages[0], release)).status).toBe(201)
    await until(
      async () => (await world.db.collection('deployments').countDocuments({ active: true })) === 0,
      'it is done',
    )
    expect((await checks()).length).toBe(before + 1)

    expect((await patch({ env_vars: { MODE: { type: 'string', value: 'new' } } })).status).toBe(200)
    expect(outcome(await flow.deploy(stages[0], release))).toEqual([409, 'conflict'])
    expect((await checked()).payload).toMatchObject({ profile_id: profile, profile_revision: 2 })
    await link(stages[0], null)
    expect(outcome(await flow.deploy(stages[0], release))).toEqual([409, 'conflict'])
    expect((await checked()).payload).toMatchObject({ profile_id: null, profile_revision: null })
    // Back again, the newest check is not of this profile.
    await link(stages[0], profile)
    expect(outcome(await flow.deploy(stages[0], release))).toEqual([409, 'conflict'])
    await checked()
    await flow.deployed(stages[0], release)
    expect((await checks()).length).toBe(before + 4)
  })

  test('a check of an older revision that still runs is waited for, and does not open the gate', async () => {
    drift.hold()
    expect((await flow.deploy(stages[0], release)).status).toBe(409)
    await patch({ env_vars: { MODE: { type: 'string', value: 'new' } } })
    const count = (await checks()).length
    expect((await flow.deploy(stages[0], release)).body.error.message).toMatch(/is (queued|running)/)
    expect((await checks()).length).toBe(count)
    drift.release()
    await checked()
    expect(outcome(await flow.deploy(stages[0], release))).toEqual([409, 'conflict'])
    expect((await checked()).payload).toMatchObject({ profile_revision: 2 })
  })

  test('a failed check blocks and tells; the next call has a new one made', async () => {
    const job = await drifted([{ field: 'env_vars', key: 'MODE', expected: 'old', actual: 'x' }])
    expect(job.result).toEqual({
      status: 'failed',
      phase: 'runtime_profile_drift_check',
      exit_code: 3,
      differences: [{ field: 'env_vars', key: 'MODE', expected: 'old', actual: 'x' }],
    })
    const { tag } = await flow.release(release)
    const told = () =>
      world
        .mails()
        .filter(({ event_type }) => event_type === 'deployment_blocked_by_drift')
        .filter(({ subject }) => subject.endsWith(`: ${tag} → Development`))
        .map(({ recipient_email }) => recipient_email)
        .sort()
    await expect.poll(told).toEqual(['admin@example.com', manager.email].sort())
    const count = (await checks()).length
    drift.failForNothing()
    const refused = await flow.deploy(stages[0], release)
    expect(outcome(refused)).toEqual([409, 'conflict'])
    expect(refused.body.error.message).toContain('runtime profile drift check job failed')
    expect((await checks()).length).toBe(count + 1)
    expect((await checked()).state).toBe('succeeded')
    await flow.deployed(stages[0], release)
  })

  test('overrides reach the profile of the environment with the deployment, in release order and once', async () => {
    const other = await world.admin.send('POST', `${world.app}/runtime-profiles`, {
      name: `Other ${profiles}`,
      kind: 'persistent_env',
      base_url: 'https://other.example.test',
      database_engine: 'mongodb',
      connection_ref: 'r',
      provisioning_mode: 'managed',
    })
    const elsewhere = other.body.data.id
    const value = (text: string) => ({ type: 'string', value: text })
    const overrides = [
      [
        { key: 'MODE', value: value('first') },
        { key: 'FIRST', value: value('1'), target_profile_id: profile },
      ],
      [
        { key: 'SECOND', value: { type: 'boolean', value: true } },
        { key: 'ELSEWHERE', value: value('2'), target_profile_id: elsewhere },
      ],
    ]
    const urls: string[] = []
    for (const profile_overrides of overrides) {
      const url = await world.changeset(author, 'draft')
      expect((await author.send('PUT', `${url}/profile-overrides`, { profile_overrides })).status).toBe(200)
      const submitted = await author.send('POST', `${url}/submit`, {})
      await world.job(submitted.body.data.job.id)
      await (await world.person('reviewer')).send('POST', `${url}/review`, { action: 'approve' })
      expect((await manager.send('POST', `${url}/queue`)).body.data.state).toBe('queued')
      urls.push(url)
    }
    // The queue would have refused the same key with another value; what a later one says counts.
    await world.db.collection('changeset_profile_overrides').insertOne({
      _id: new ObjectId(),
      app_id: new ObjectId(world.appId),
      changeset_id: new ObjectId(idOf(urls[1] ?? '')),
      key: 'MODE',
      value: value('second'),
      target_profile_id: null,
      created_at: new Date(),
      updated_at: new Date(),
    })
    const travelling = await flow.published(...urls)
    expect((await shown()).env_vars.MODE).toEqual(value('old'))
    const deployment = await flow.deployed(stages[0], travelling)
    expect(await shown()).toMatchObject({
      revision: 2,
      env_vars: {
        MODE: value('second'),
        LIMIT: { type: 'number', value: 1 },
        FIRST: value('1'),
        SECOND: { type: 'boolean', value: true },
      },
    })
    expect((await shown()).env_vars.ELSEWHERE).toBe(undefined)
    // The job, run again after a crash, makes no second revision.
    const crashed = { state: 'running', locked_until: new Date(0), finished_at: null, result: null, attempts: 1 }
    const { job_id, _id } = deployment
    const running = { state: 'running', active: true, finished_at: null }
    await world.db.collection('deployments').updateOne({ _id }, { $set: running })
    await world.db.collection('jobs').updateOne({ _id: job_id }, { $set: crashed })
    expect((await world.job(job_id.toHexString())).state).toBe('succeeded')
    expect((await shown()).revision).toBe(2)
    // The other profile gets its own when its environment does.
    await link(stages[1], elsewhere)
    await flow.deployed(stages[1], travelling)
    const theirs = (await world.admin.get(`${world.app}/runtime-profiles/${elsewhere}`)).body.data
    expect(theirs).toMatchObject({ revision: 2, env_vars: { ELSEWHERE: value('2'), MODE: value('second') } })
    expect(theirs.env_vars.FIRST).toBe(undefined)
    await link(stages[1], null)
  })

  test('a fix takes over each variable that differs, and names what it cannot', async () => {
    const job = await drifted([
      { field: 'env_vars', key: 'MODE', expected: 'old', actual: 'by hand' },
      { field: 'env_vars', key: 'LIMIT', expected: 1, actual: 5 },
      { field: 'env_vars', key: 'FLAG', expected: null, actual: true },
      { field: 'env_vars', key: 'SHAPE', expected: null, actual: { a: [1] } },
      { field: 'env_vars', key: 'MODE', expected: 'old', actual: 'twice' },
      { field: 'env_vars', key: 'GONE', expected: 'x', actual: null },
      { field: 'env_vars', key: 'bad key!', expected: 'x', actual: 'y' },
      { field: 'secrets', key: 'API_KEY', expected: 'hidden-1', actual: 'hidden-2' },
      { field: 'base_url', key: 'base_url', expected: 'https://a', actual: 'https://b' },
    ])
    expect(JSON.stringify(await world.db.collection('jobs').findOne({ _id: new ObjectId(job.id) }))).not.toContain(
      'hidden',
    )
    const answer = await fix()
    expect(answer.status).toBe(201)
    const { changeset, profile_overrides, job_id } = answer.body.data
    expect(job_id).toBe(job.id)
    expect(changeset).toMatchObject({
      title: 'Drift fix: Development',
      state: 'draft',
      author_user_id: manager.id,
      head_sha: world.git('rev-parse', 'main').trim(),
    })
    expect(changeset.description).toContain('- secrets: API_KEY')
    for (const name of ['GONE', 'bad key!', 'base_url']) expect(changeset.description).toContain(name)
    expect(changeset.description).not.toContain('hidden')
    expect(
      profile_overrides.map(({ key, value, target_profile_id }: Record<string, unknown>) => [
        key,
        value,
        target_profile_id,
      ]),
    ).toEqual([
      ['MODE', { type: 'string', value: 'by hand' }, profile],
      ['LIMIT', { type: 'number', value: 5 }, profile],
      ['FLAG', { type: 'boolean', value: true }, profile],
      ['SHAPE', { type: 'json', value: { a: [1] } }, profile],
    ])
    const url = `${world.app}/changesets/${changeset.id}`
    expect((await manager.get(url)).body.data.profile_overrides).toEqual(profile_overrides)
    const [created] = await world.db.collection('audit_events').find({ entity_id: changeset.id }).toArray()
    expect(created).toMatchObject({
      action: 'created',
      after: { origin: 'drift_fix', environment_id: new ObjectId(stages[0]), environment: 'Development' },
    })
    const workspace = await world.db.collection('workspaces').findOne({ _id: new ObjectId(changeset.workspace_id) })
    expect(workspace).toMatchObject({
      is_default: false,
      branch_name: expect.stringMatching(new RegExp(`^ws/${manager.id}/drift-fix-[0-9a-f]{8}$`)),
    })
    // One of its own each time; a given one must be free and one's own.
    expect((await fix({ title: ' Mine ' })).body.data.changeset.title).toBe('Mine')
    const own = await world.workspace(manager)
    const given = await fix({ workspace_id: idOf(own) })
    expect(given.body.data.changeset.workspace_id).toBe(idOf(own))
    expect(outcome(await fix({ workspace_id: idOf(own) }))).toEqual([409, 'conflict'])
    expect(outcome(await fix({ workspace_id: idOf(await world.workspace(author)) }))).toEqual([403, 'forbidden'])
    expect(outcome(await fix({ workspace_id: 'f'.repeat(24) }))).toEqual([404, 'not_found'])
    expect(outcome(await fix({ workspace_id: 'zz' }))).toEqual([400, 'validation_error'])
    expect(outcome(await fix({ title: 'x'.repeat(501) }))).toEqual([400, 'validation_error'])
    const bare = await fetch(
      `http://${world.server.address}${world.app}/environments/${stages[0]}/create-drift-fix-changeset`,
      {
        method: 'POST',
        headers: { authorization: `Bearer ${manager.token}` },
      },
    )
    expect(bare.status).toBe(201)
  })

  test('there is nothing to fix where the newest check has not failed, or is not of this profile', async () => {
    const count = () => world.db.collection('changesets').countDocuments()
    const before = await count()
    await drifted([{ field: 'env_vars', key: 'MODE', expected: 'old', actual: 'x' }])
    const linked = profile
    await link(stages[0], null)
    expect(outcome(await fix())).toEqual([409, 'conflict'])
    const other = await world.db.collection('runtime_profiles').findOne({ _id: { $ne: new ObjectId(linked) } })
    await link(stages[0], other?._id.toHexString() ?? null)
    expect(outcome(await fix())).toEqual([409, 'conflict'])
    await link(stages[0], linked)
    drift.failForNothing()
    await flow.deploy(stages[0], release)
    await checked()
    expect(outcome(await fix())).toEqual([409, 'conflict'])
    const elsewhere = await world.anotherApp()
    const foreign = `${elsewhere}/environments/${stages[0]}/create-drift-fix-changeset`
    expect(outcome(await world.admin.send('POST', foreign, {}))).toEqual([404, 'not_found'])
    expect(outcome(await fix({}, author))).toEqual([403, 'forbidden'])
    expect(await count()).toBe(before)
  })
})
