/** Deployments over the whole server: guards, gates, the environment's lock, and how they end. */
import { ObjectId } from 'mongodb'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { RELEASE_STATES } from '../mongo/documents.ts'
import { type ReleaseFlow, releaseFlow } from '../test/release-flow.ts'
import { type ScriptedCommand, scriptedCommand } from '../test/scripted-command.ts'
import type { Answer } from '../test/server-process.ts'
import { createWorld, HAS_PARTS, idOf, type Person, until, type World } from '../test/world.ts'

describe.skipIf(!HAS_PARTS)('deployments', () => {
  let world: World
  let flow: ReleaseFlow
  let command: ScriptedCommand
  let drift: ScriptedCommand
  let suite: ScriptedCommand
  let author: Person
  let reviewer: Person
  let manager: Person
  let stages: [string, string, string, string]
  let release: string

  beforeAll(async () => {
    ;[command, drift, suite] = [scriptedCommand(), scriptedCommand(), scriptedCommand()]
    world = await createWorld({
      env: {
        CONMAN_DEPLOY_RELEASE_CMD: command.command,
        CONMAN_RUNTIME_PROFILE_DRIFT_CHECK_CMD: drift.command,
        CONMAN_MSUITE_DEPLOY_CMD: suite.command,
      },
    })
    ;[author, reviewer, manager] = await Promise.all([
      world.person('user'),
      world.person('reviewer'),
      world.person('config_manager'),
    ])
    flow = releaseFlow(world, manager)
    stages = (await flow.environments()) as typeof stages
  })
  beforeEach(async () => {
    release = await flow.published(await world.changeset(author, 'queued'))
  })
  afterEach(async () => {
    for (const script of [command, drift, suite]) {
      script.release()
      script.failForNothing()
    }
    const busy = () => world.db.collection('deployments').countDocuments({ active: true })
    await until(async () => (await busy()) === 0, 'the environments are free')
  })
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]()
    for (const script of [command, drift, suite]) script?.[Symbol.dispose]()
  })

  const outcome = ({ status, body }: Answer) => [status, body.error?.code]
  const deployments = () => world.db.collection('deployments')
  const jobs = (query: object) => world.db.collection('jobs').find(query).sort({ created_at: 1 }).toArray()
  const audits = (id: string) =>
    world.db
      .collection('audit_events')
      .find({ entity_type: 'deployment', entity_id: id })
      .sort({ occurred_at: 1 })
      .toArray()
  const told = (event: string, title: string) =>
    world
      .mails()
      .filter(({ event_type, subject }) => event_type === event && subject.endsWith(`: ${title}`))
      .map(({ recipient_email }) => recipient_email)
      .sort()
  const everybody = () => ['admin@example.com', author.email, reviewer.email, manager.email].sort()
  const counted = async (name: string) => {
    const text = String((await world.anonymous.get('/api/metrics')).body)
    return Number(new RegExp(`^conman_deployments_total\\{outcome="${name}"\\} (\\d+)`, 'm').exec(text)?.[1] ?? 0)
  }
  const post = (who: Person, action: string, environment: string, body: object) =>
    who.send('POST', `${world.app}/environments/${environment}/${action}`, body)

  test('the first one takes three calls, and is told, recorded, mailed and counted', async () => {
    const [environment] = stages
    const before = await counted('succeeded')
    const first = await flow.deploy(environment, release)
    expect(outcome(first)).toEqual([409, 'conflict'])
    const [check] = await jobs({ entity_id: environment })
    expect(check).toMatchObject({
      job_type: 'runtime_profile_drift_check',
      entity_type: 'environment',
      payload: {
        gate: 'deploy_drift_check',
        environment_id: environment,
        release_id: idOf(release),
        profile_id: null,
        profile_revision: null,
      },
    })
    expect(first.body.error.message).toContain(check?._id.toHexString())
    await world.job(check?._id.toHexString() ?? '')
    expect(outcome(await flow.deploy(environment, release))).toEqual([409, 'conflict'])
    const [tested] = await jobs({ entity_id: `${environment}:${idOf(release)}` })
    expect(tested).toMatchObject({
      job_type: 'msuite_deploy',
      entity_type: 'environment_release',
      payload: { gate: 'deploy', environment_id: environment, release_id: idOf(release) },
    })
    await world.job(tested?._id.toHexString() ?? '')
    expect(await deployments().countDocuments({ release_id: new ObjectId(idOf(release)) })).toBe(0)

    const started = await flow.deploy(environment, release)
    expect(started.status).toBe(201)
    const { deployment, job } = started.body.data
    expect(deployment).toMatchObject({
      environment_id: environment,
      release_id: idOf(release),
      state: 'pending',
      is_skip_stage: false,
      is_concurrent_batch: false,
      approvals: [],
      rollback_mode: null,
      rollback_source_release_id: null,
      job_id: job.id,
      logs_ref: `jobs/${job.id}/logs`,
      created_by: manager.id,
    })
    expect(job).toMatchObject({
      job_type: 'deploy_release',
      entity_type: 'deployment',
      entity_id: deployment.id,
      payload: {
        environment_id: environment,
        release_id: idOf(release),
        deployment_id: deployment.id,
        is_skip_stage: false,
        is_concurrent_batch: false,
      },
    })
    const { tag, published_sha } = await flow.release(release)
    expect(await world.job(job.id)).toMatchObject({
      state: 'succeeded',
      result: {
        status: 'deployed',
        deployment_id: deployment.id,
        state: 'succeeded',
        executor: { status: 'ok', phase: 'deploy_release', exit_code: 0 },
      },
    })
    expect(command.runs().filter(({ entity }) => entity === deployment.id)).toMatchObject([
      { attempt: '1', payload: { deployment_id: deployment.id, tag, commit_sha: published_sha } },
    ])
    const shown = (await author.get(`${world.app}/deployments?limit=1`)).body.data[0]
    expect(shown).toMatchObject({ id: deployment.id, state: 'succeeded' })
    expect(Date.parse(shown.finished_at)).toBeGreaterThanOrEqual(Date.parse(shown.started_at))
    expect((await flow.release(release)).state).toBe('deployed_partial')
    const rows = await audits(deployment.id)
    expect(rows).toMatchObject([
      { action: 'started', actor_user_id: new ObjectId(manager.id), before: null, after: { state: 'pending' } },
      {
        action: 'succeeded',
        actor_user_id: null,
        before: { state: 'running' },
        after: { state: 'succeeded' },
        git_sha: published_sha,
        context: { request_id: `job-${job.id}` },
      },
    ])
    const title = `${tag} → Development`
    await expect.poll(() => told('deployment_started', title)).toEqual(['admin@example.com'])
    // Who started it gets its result.
    await expect.poll(() => told('deployment_succeeded', title)).toEqual(everybody())
    expect(await counted('succeeded')).toBe(before + 1)
  })

  test('a release is deployed everywhere when every environment has had it, and goes never backwards', async () => {
    for (const [index, environment] of stages.entries()) {
      await flow.deployed(environment, release)
      expect((await flow.release(release)).state).toBe(index === 3 ? 'deployed_full' : 'deployed_partial')
    }
    await flow.deployed(stages[1], release)
    expect((await flow.release(release)).state).toBe('deployed_full')
  })

  test('environments that finish at the same moment see each other', async () => {
    command.hold()
    const started = []
    for (const environment of stages) started.push(await flow.deployThroughGates(environment, release))
    expect(started.map(({ status }) => status)).toEqual([201, 201, 201, 201])
    command.release()
    await Promise.all(started.map(({ body }) => world.job(body.data.job.id)))
    expect((await flow.release(release)).state).toBe('deployed_full')
  })

  test('of fifty at the same moment one gets the environment: one answer, one job, one effect', async () => {
    const environment = stages[0]
    command.hold()
    const gates = await flow.deployThroughGates(environment, release)
    expect(gates.status).toBe(201)
    command.release()
    await world.job(gates.body.data.job.id)
    const before = await deployments().countDocuments()
    command.hold()
    const answers = await Promise.all(Array.from({ length: 50 }, () => flow.deploy(environment, release)))
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(49).fill(409)])
    expect(await deployments().countDocuments()).toBe(before + 1)
    const winner = answers.find(({ status }) => status === 201)?.body.data
    expect(await jobs({ entity_id: winner.deployment.id })).toHaveLength(1)
    expect(await jobs({ job_type: 'deploy_release', state: { $in: ['queued', 'running'] } })).toHaveLength(1)
    // While it is under way there is room for none, promote and rollback included.
    expect(outcome(await flow.deploy(environment, release, {}, 'promote'))[0]).toBe(400)
    const rollback = { release_id: idOf(release), mode: 'redeploy_prior_tag' }
    expect(outcome(await post(manager, 'rollback', environment, rollback))).toEqual([409, 'conflict'])
    command.release()
    expect((await world.job(winner.job.id)).state).toBe('succeeded')
    expect(command.runs().filter(({ entity }) => entity === winner.deployment.id)).toHaveLength(1)
    expect(await audits(winner.deployment.id)).toHaveLength(2)
    expect((await flow.deploy(environment, release)).status).toBe(201)
  })

  test('parallel first calls ask for one gate job', async () => {
    const asked = await Promise.all(Array.from({ length: 10 }, () => flow.deploy(stages[3], release)))
    expect(asked.map(({ status }) => status)).toEqual(Array(10).fill(409))
    const pair = { job_type: 'msuite_deploy', entity_id: `${stages[3]}:${idOf(release)}` }
    const check = { job_type: 'runtime_profile_drift_check', entity_id: stages[3] }
    expect((await jobs({ $or: [pair, { ...check, state: { $ne: 'succeeded' } }] })).length).toBeLessThanOrEqual(1)
    expect((await flow.deployThroughGates(stages[3], release)).status).toBe(201)
    expect(await jobs(pair)).toHaveLength(1)
  })

  test('a deploy suite that fails keeps the gate shut until a new one has succeeded', async () => {
    suite.failFor(idOf(release))
    await flow.deploy(stages[0], release)
    await until(
      async () => (await jobs({ entity_id: stages[0], finished_at: null })).length === 0,
      'no drift check runs',
    )
    await flow.deploy(stages[0], release)
    const pair = { entity_id: `${stages[0]}:${idOf(release)}` }
    const [first] = await jobs(pair)
    expect(await world.job(first?._id.toHexString() ?? '')).toMatchObject({ state: 'failed', retry_count: 2 })
    suite.failForNothing()
    const refused = await flow.deploy(stages[0], release)
    expect(outcome(refused)).toEqual([409, 'conflict'])
    expect(refused.body.error.message).toContain('deploy suite job failed')
    const [, second] = await jobs(pair)
    expect(await world.job(second?._id.toHexString() ?? '')).toMatchObject({ state: 'succeeded' })
    expect((await flow.deploy(stages[0], release)).status).toBe(201)
    expect(await jobs(pair)).toHaveLength(2)
  })

  test('a command that fails leaves a failed deployment, a free environment, and tells', async () => {
    const before = await counted('failed')
    command.failFor(idOf(release))
    const started = await flow.deployThroughGates(stages[0], release)
    const { deployment, job } = started.body.data
    expect(await world.job(job.id)).toMatchObject({
      state: 'failed',
      retry_count: 1,
      error_message: expect.stringContaining('exit code 3: red'),
    })
    expect(await flow.deployment(deployment.id)).toMatchObject({
      state: 'failed',
      active: false,
      finished_at: expect.any(Date),
    })
    expect((await flow.release(release)).state).toBe('published')
    expect((await audits(deployment.id)).map(({ action }) => action)).toEqual(['started', 'failed'])
    const { tag } = await flow.release(release)
    const managers = ['admin@example.com', manager.email].sort()
    await expect.poll(() => told('deployment_failed', `${tag} → Development`)).toEqual(managers)
    expect(await counted('failed')).toBe(before + 1)
    command.failForNothing()
    expect((await flow.deploy(stages[0], release)).status).toBe(201)
  })

  test('one that takes too long is canceled as a job and failed as a deployment', async () => {
    const pauses = world.db.collection<{ _id: string }>('job_pauses')
    await pauses.insertOne({ _id: 'deploy_release' })
    const started = await flow.deployThroughGates(stages[0], release)
    const { deployment, job } = started.body.data
    await world.db.collection('jobs').updateOne({ _id: new ObjectId(job.id) }, { $set: { timeout_ms: 1_000 } })
    command.hold()
    await pauses.deleteMany({})
    expect(await world.job(job.id)).toMatchObject({ state: 'canceled', error_message: 'timeout exceeded' })
    expect(await flow.deployment(deployment.id)).toMatchObject({ state: 'failed', active: false })
    expect((await audits(deployment.id)).map(({ action }) => action)).toEqual(['started', 'failed'])
    command.release()
    expect((await flow.deploy(stages[0], release)).status).toBe(201)
  })

  test('what is not out cannot be deployed, in any state', async () => {
    const releases = world.db.collection('release_batches')
    const { _id, state } = await flow.release(release)
    for (const one of RELEASE_STATES) {
      await releases.updateOne({ _id }, { $set: { state: one } })
      const before = await deployments().countDocuments()
      const allowed = ['published', 'deployed_partial', 'deployed_full'].includes(one)
      if (allowed) {
        // On to the gates.
        expect([201, 409]).toContain((await flow.deploy(stages[1], release)).status)
        continue
      }
      for (const action of ['deploy', 'promote'] as const) {
        const answer = await flow.deploy(stages[1], release, {}, action)
        expect([one, action, ...outcome(answer)]).toEqual([one, action, 400, 'validation_error'])
      }
      expect(await deployments().countDocuments()).toBe(before)
    }
    await releases.updateOne({ _id }, { $set: { state } })
  })

  test('a promotion goes one stage on from where the release has run', async () => {
    const promote = (environment: string, more = {}) => flow.deployThroughGates(environment, release, more, 'promote')
    for (const environment of stages) expect(outcome(await promote(environment))).toEqual([400, 'validation_error'])
    await flow.deployed(stages[0], release)
    expect(outcome(await promote(stages[0]))[0]).toBe(400)
    expect(outcome(await promote(stages[2]))[0]).toBe(400)
    const promoted = await promote(stages[1])
    expect(promoted.status).toBe(201)
    const { deployment, job } = promoted.body.data
    expect((await world.job(job.id)).state).toBe('succeeded')
    expect((await audits(deployment.id)).map(({ action }) => action)).toEqual(['promoted', 'succeeded'])
    // A failed one does not count, a success in the past does.
    command.failFor(idOf(release))
    expect((await world.job((await promote(stages[2])).body.data.job.id)).state).toBe('failed')
    command.failForNothing()
    expect(outcome(await promote(stages[3]))[0]).toBe(400)
    const approvals = [reviewer.id, manager.id]
    const skipped = await promote(stages[3], { is_skip_stage: true, approvals })
    expect(skipped).toMatchObject({
      status: 201,
      body: { data: { deployment: { is_skip_stage: true, approvals: [reviewer.id, manager.id] } } },
    })
    await world.job(skipped.body.data.job.id)
    expect((await promote(stages[0], { is_skip_stage: true, approvals })).status).toBe(201)
  })

  test('an exception needs two members who may stand for it, one of them a manager', async () => {
    const [second, other] = [await world.another('reviewer'), await world.another('user')]
    const outsider = await world.person('outsider')
    await flow.deployThroughGates(stages[0], release)
    const held = { job_type: 'deploy_release', state: { $in: ['queued', 'running'] } }
    await until(async () => (await jobs(held)).length === 0, 'the gates are open and the environment is free')
    const bad: [string, unknown[]][] = [
      ['nobody', []],
      ['one', [manager.id]],
      ['one twice', [manager.id, manager.id]],
      ['one in two spellings', [manager.id, manager.id.toUpperCase()]],
      ['two reviewers', [reviewer.id, second.id]],
      ['a plain user', [manager.id, other.id]],
      ['a plain user among enough others', [manager.id, reviewer.id, other.id]],
      ['somebody else', [manager.id, outsider.id]],
      ['nobody known', [manager.id, 'f'.repeat(24)]],
      ['no id', [manager.id, 'zz']],
      ['no text', [manager.id, { $ne: null }]],
    ]
    const count = await deployments().countDocuments()
    for (const [who, approvals] of bad) {
      for (const flag of ['is_skip_stage', 'is_concurrent_batch']) {
        const answer = await flow.deploy(stages[0], release, { [flag]: true, approvals })
        expect([who, flag, ...outcome(answer)]).toEqual([who, flag, 400, 'validation_error'])
      }
    }
    // A role counts as it is at the request.
    const members = world.db.collection('app_memberships')
    await members.updateOne({ user_id: new ObjectId(second.id) }, { $set: { role: 'user' } })
    const lowered = await flow.deploy(stages[0], release, { is_skip_stage: true, approvals: [manager.id, second.id] })
    expect(lowered.status).toBe(400)
    expect(await deployments().countDocuments()).toBe(count)
    const good = { is_skip_stage: true, is_concurrent_batch: true, approvals: [reviewer.id, manager.id] }
    const answer = await flow.deploy(stages[0], release, good)
    expect(answer).toMatchObject({ status: 201, body: { data: { deployment: good } } })
  })

  test('nobody below config_manager deploys, and any member reads', async () => {
    const outsider = await world.person('outsider')
    const count = [await deployments().countDocuments(), (await jobs({})).length]
    const body = { release_id: idOf(release), mode: 'redeploy_prior_tag' }
    for (const who of [author, reviewer, outsider]) {
      for (const action of ['deploy', 'promote', 'rollback', 'create-drift-fix-changeset']) {
        expect(outcome(await post(who, action, stages[0], body))).toEqual([403, 'forbidden'])
      }
    }
    expect([await deployments().countDocuments(), (await jobs({})).length]).toEqual(count)
    for (const who of [author, reviewer]) expect((await who.get(`${world.app}/deployments`)).status).toBe(200)
    expect((await outsider.get(`${world.app}/deployments`)).status).toBe(403)
    expect((await world.anonymous.get(`${world.app}/deployments`)).status).toBe(401)
  })

  test("another app's environments, releases and members are not there", async () => {
    const elsewhere = await world.anotherApp()
    const theirs = await world.db
      .collection('environments')
      .find({ app_id: new ObjectId(elsewhere.slice(-24)) })
      .sort({ position: 1 })
      .toArray()
    const foreign = theirs[0]?._id.toHexString() ?? ''
    const count = await deployments().countDocuments()
    for (const action of ['deploy', 'promote', 'rollback']) {
      const body = { release_id: idOf(release), mode: 'redeploy_prior_tag' }
      for (const answer of [
        await post(world.admin, action, foreign, body),
        await post(world.admin, action, 'f'.repeat(24), body),
        await world.admin.send('POST', `${elsewhere}/environments/${foreign}/${action}`, body),
        await world.admin.send('POST', `${elsewhere}/environments/${stages[0]}/${action}`, body),
        await post(world.admin, action, stages[0], { ...body, release_id: 'f'.repeat(24) }),
      ]) {
        expect([action, ...outcome(answer)]).toEqual([action, 404, 'not_found'])
      }
      expect((await post(manager, action, 'zz', body)).status).toBe(400)
      for (const release_id of ['zz', null, { $ne: '' }, 7]) {
        expect((await post(manager, action, stages[0], { ...body, release_id })).status).toBe(400)
      }
    }
    expect((await post(manager, 'deploy', stages[0], { release_id: idOf(release), is_skip_stage: 'x' })).status).toBe(
      400,
    )
    expect((await post(manager, 'rollback', stages[0], { release_id: idOf(release), mode: 'x' })).status).toBe(400)
    expect(await deployments().countDocuments()).toBe(count)
    // What is deployed there is listed there alone.
    const mine = (await world.admin.get(`${world.app}/deployments?limit=100`)).body
    expect(mine.pagination.total).toBe(count)
    expect((await world.admin.get(`${elsewhere}/deployments`)).body.data).toEqual([])
  })

  test('a list comes in pages, newest first', async () => {
    const list = async (query: string) => (await author.get(`${world.app}/deployments${query}`)).body
    const all = await list('?limit=100')
    const times = all.data.map(({ created_at }: { created_at: string }) => created_at)
    expect(times).toEqual([...times].sort().reverse())
    const pages = [await list('?limit=3&page=1'), await list('?limit=3&page=2')]
    expect(pages.flatMap(({ data }) => data)).toEqual(all.data.slice(0, 6))
    expect((await author.get(`${world.app}/deployments?page=0`)).status).toBe(400)
  })

  test('an environment that vanishes at this moment is not deployed to', async () => {
    await flow.deployed(stages[0], release)
    const environments = world.db.collection('environments')
    const row = await environments.findOne({ _id: new ObjectId(stages[0]) })
    const count = await deployments().countDocuments()
    await environments.deleteOne({ _id: new ObjectId(stages[0]) })
    expect((await flow.deploy(stages[0], release)).status).toBe(404)
    await environments.insertOne(row!)
    expect(await deployments().countDocuments()).toBe(count)
  })
})
