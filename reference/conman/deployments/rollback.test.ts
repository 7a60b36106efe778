/** Going back over the whole server: to what ran before, or by taking a release's changes back in git. */
import { once } from 'node:events'
import { status } from '@grpc/grpc-js'
import { ObjectId } from 'mongodb'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type GitProxy, type Step, startGitProxy } from '../test/git-proxy.ts'
import { type ReleaseFlow, releaseFlow } from '../test/release-flow.ts'
import { type ScriptedCommand, scriptedCommand } from '../test/scripted-command.ts'
import { type Answer, startServer } from '../test/server-process.ts'
import { createWorld, HAS_PARTS, idOf, type Person, until, type World } from '../test/world.ts'

describe.skipIf(!HAS_PARTS)('rollback', () => {
  let proxy: GitProxy
  let world: World
  let flow: ReleaseFlow
  let command: ScriptedCommand
  let author: Person
  let reviewer: Person
  let manager: Person
  let stages: [string, string, string, string]
  let files = 0

  beforeAll(async () => {
    command = scriptedCommand()
    proxy = await startGitProxy(process.env.READINESS_TEST_GIT_ADDRESS ?? '')
    const env = { CONMAN_DEPLOY_RELEASE_CMD: command.command, CONMAN_GITALY_ADDRESS: proxy.address }
    world = await createWorld({ env })
    ;[author, reviewer, manager] = await Promise.all([
      world.person('user'),
      world.person('reviewer'),
      world.person('config_manager'),
    ])
    flow = releaseFlow(world, manager)
    stages = (await flow.environments()) as typeof stages
  })
  afterEach(async () => {
    proxy.reset()
    command.release()
    command.failForNothing()
    const busy = () => world.db.collection('deployments').countDocuments({ active: true })
    await until(async () => (await busy()) === 0, 'the environments are free')
  })
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]()
    await proxy?.[Symbol.asyncDispose]()
    command?.[Symbol.dispose]()
  })

  const _id = (url: string) => new ObjectId(idOf(url))
  const releases = () => world.db.collection('release_batches')
  const deployments = () => world.db.collection('deployments')
  const outcome = ({ status, body }: Answer) => [status, body.error?.code]
  const rollback = (environment: string, release: string, mode: string, more: object = {}) =>
    manager.send('POST', `${world.app}/environments/${environment}/rollback`, {
      release_id: idOf(release),
      mode,
      ...more,
    })
  const redeploy = (environment: string, release: string, more: object = {}) =>
    rollback(environment, release, 'redeploy_prior_tag', more)
  const revert = (environment: string, release: string, more: object = {}) =>
    rollback(environment, release, 'revert_and_release', more)
  const audits = (entity: string, action: string) =>
    world.db.collection('audit_events').find({ entity_id: entity, action }).toArray()
  const main = () => world.git('rev-parse', 'main').trim()
  const has = (path: string) => world.git('ls-tree', '--name-only', 'main', path).trim() !== ''

  /** A published release with two changes; `paths` are the files that they bring. */
  async function release() {
    const paths = [`rollback/${++files}.yaml`, `rollback/${++files}.yaml`]
    const changesets = []
    for (const path of paths) changesets.push(await world.changeset(author, 'queued', { path, content: `${path}\n` }))
    return { url: await flow.published(...changesets), changesets, paths }
  }

  /** All that a rollback could leave behind, when nothing else is on its way. */
  async function footprint() {
    const unfinished = { finished_at: null, job_type: { $ne: 'deploy_release' } }
    await until(async () => (await world.db.collection('jobs').countDocuments(unfinished)) === 0, 'all jobs are done')
    const rows = async (name: string) =>
      (await world.db.collection(name).find().sort({ _id: 1 }).toArray()).map((row) =>
        // What is counted inside is not seen outside.
        ({ ...row, version: undefined, reverting: undefined }),
      )
    return [
      await rows('release_batches'),
      await rows('deployments'),
      await rows('changesets'),
      world.git('for-each-ref'),
    ]
  }

  test('an environment gets the release again that ran before, and the one that ran goes', async () => {
    const [first, second] = [await release(), await release()]
    await flow.deployed(stages[0], first.url)
    await flow.deployed(stages[0], second.url)
    const refs = world.git('for-each-ref')
    const answer = await redeploy(stages[0], first.url)
    expect(answer).toMatchObject({
      status: 201,
      body: {
        data: {
          deployment: {
            environment_id: stages[0],
            release_id: idOf(first.url),
            rollback_mode: 'redeploy_prior_tag',
            rollback_source_release_id: idOf(second.url),
            is_skip_stage: false,
            approvals: [],
          },
          job: { job_type: 'deploy_release' },
        },
      },
    })
    const { deployment, job } = answer.body.data
    expect(job.payload).toEqual({
      environment_id: stages[0],
      release_id: idOf(first.url),
      deployment_id: deployment.id,
      rollback_mode: 'redeploy_prior_tag',
    })
    expect((await world.job(job.id)).state).toBe('succeeded')
    expect((await flow.release(second.url)).state).toBe('rolled_back')
    expect((await flow.release(first.url)).state).toBe('deployed_partial')
    expect(world.git('for-each-ref')).toBe(refs)
    expect(await audits(deployment.id, 'rolled_back')).toMatchObject([{ actor_user_id: new ObjectId(manager.id) }])
    expect(await audits(deployment.id, 'succeeded')).toHaveLength(1)
    expect(await audits(idOf(second.url), 'rolled_back')).toMatchObject([
      { actor_user_id: null, before: { state: 'deployed_partial' }, after: { state: 'rolled_back' } },
    ])
    const { tag } = await flow.release(first.url)
    const told = () =>
      world.mails().filter(({ event_type, subject }) => event_type === 'deployment_started' && subject.includes(tag))
    // One for the deployment, one for the rollback.
    await expect.poll(() => told().length).toBe(2)
    for (const one of second.changesets) expect((await flow.changeset(one)).state).toBe('released')
    // What has been rolled back is not deployed any more, and can still be gone back to.
    expect(outcome(await flow.deploy(stages[0], second.url))).toEqual([400, 'validation_error'])
    const forth = await redeploy(stages[0], second.url)
    expect(forth.status).toBe(201)
    expect((await world.job(forth.body.data.job.id)).state).toBe('succeeded')
    expect((await flow.release(second.url)).state).toBe('rolled_back')
  })

  test('a release that still runs elsewhere, or is on its way there, is not rolled back', async () => {
    const [first, second, third] = [await release(), await release(), await release()]
    for (const one of [first, second, third]) await flow.deployed(stages[0], one.url)
    await flow.deployed(stages[1], third.url)
    await world.job((await redeploy(stages[0], second.url)).body.data.job.id)
    expect((await flow.release(third.url)).state).toBe('deployed_partial')
    // On its way.
    const { _id: _, ...model } = (await deployments().findOne({ release_id: _id(second.url) })) ?? {}
    const underWay = { ...model, environment_id: new ObjectId(stages[2]), state: 'running', active: true }
    const { insertedId } = await deployments().insertOne(underWay)
    const back = await redeploy(stages[0], first.url)
    await world.job(back.body.data.job.id)
    expect((await flow.release(second.url)).state).toBe('deployed_partial')
    await deployments().deleteOne({ _id: insertedId })
    // A rollback to what runs there anyway, after a deployment that failed, rolls nothing back.
    command.failFor(idOf(second.url))
    const failed = await flow.deployThroughGates(stages[0], second.url)
    expect((await world.job(failed.body.data.job.id)).state).toBe('failed')
    command.failForNothing()
    const again = await redeploy(stages[0], first.url)
    expect((await world.job(again.body.data.job.id)).state).toBe('succeeded')
    expect((await flow.release(first.url)).state).toBe('deployed_partial')
  })

  test('one that fails rolls nothing back', async () => {
    const [first, second] = [await release(), await release()]
    await flow.deployed(stages[0], first.url)
    await flow.deployed(stages[0], second.url)
    command.failFor(idOf(first.url))
    const answer = await redeploy(stages[0], first.url)
    expect((await world.job(answer.body.data.job.id)).state).toBe('failed')
    expect((await flow.release(second.url)).state).toBe('deployed_partial')
    expect(await audits(idOf(second.url), 'rolled_back')).toEqual([])
  })

  test('what never ran there, or has lost its tag, cannot be gone back to', async () => {
    const [first, second] = [await release(), await release()]
    await flow.deployed(stages[0], first.url)
    for (const answer of [
      await redeploy(stages[1], first.url),
      await redeploy(stages[0], second.url),
      await revert(stages[0], second.url),
      await redeploy(stages[0], await flow.draft()),
    ]) {
      expect(outcome(answer)).toEqual([400, 'validation_error'])
    }
    const { tag, published_sha } = await flow.release(first.url)
    for (const move of [() => world.git('tag', '-d', tag), () => world.git('tag', tag, `${published_sha}^`)]) {
      move()
      expect(outcome(await redeploy(stages[0], first.url))).toEqual([400, 'validation_error'])
      expect(outcome(await revert(stages[0], first.url))).toEqual([400, 'validation_error'])
    }
    world.git('tag', '-f', tag, published_sha)
    for (const approvals of [[manager.id], [reviewer.id, author.id], ['zz']]) {
      expect(outcome(await redeploy(stages[0], first.url, { approvals }))).toEqual([400, 'validation_error'])
    }
    const other = { target_release_id: idOf(second.url) }
    expect(outcome(await redeploy(stages[0], first.url, other))).toEqual([400, 'validation_error'])
    const body = { mode: 'redeploy_prior_tag', approvals: [reviewer.id, manager.id] }
    const url = `${world.app}/environments/${stages[0]}/rollback`
    expect((await manager.send('POST', url, body)).status).toBe(400)
    const named = await manager.send('POST', url, { ...body, target_release_id: idOf(first.url) })
    expect(named).toMatchObject({
      status: 201,
      body: { data: { deployment: { approvals: [reviewer.id, manager.id] } } },
    })
  })

  test('taking a release back reverts all its changes, as a release of its own that is deployed', async () => {
    const [first, second] = [await release(), await release()]
    await flow.deployed(stages[0], first.url)
    const waiting = await world.changeset(author, 'queued')
    const before = main()
    const answer = await revert(stages[0], first.url)
    expect(answer.status).toBe(201)
    const { deployment, job } = answer.body.data
    const made = `${world.app}/releases/${deployment.release_id}`
    expect(deployment).toMatchObject({
      environment_id: stages[0],
      rollback_mode: 'revert_and_release',
      rollback_source_release_id: idOf(first.url),
      is_skip_stage: false,
      job_id: job.id,
    })
    expect((await world.job(job.id)).state).toBe('succeeded')

    const fresh = await flow.release(made)
    const { tag } = await flow.release(first.url)
    expect(fresh).toMatchObject({
      state: 'deployed_partial',
      ordered_changeset_ids: [],
      published_sha: main(),
      published_by: new ObjectId(manager.id),
      publishing: null,
    })
    const number = (text: string) => Number(text.split('.').at(-1))
    expect(number(fresh.tag)).toBe(number((await flow.release(second.url)).tag) + 1)
    expect(world.git('rev-parse', fresh.tag).trim()).toBe(main())
    // Two merges, two reverts, the last merge first; everything else stays.
    expect(world.git('log', '--format=%s', `${before}..main`).trim().split('\n')).toEqual(
      Array(2).fill(`Revert "release ${tag}"`),
    )
    expect(first.paths.map(has)).toEqual([false, false])
    expect(second.paths.map(has)).toEqual([true, true])
    const touched = (commit: string) => world.git('diff', '--name-only', `${commit}^`, commit).trim()
    expect([touched('main~1'), touched('main')]).toEqual(first.paths.toReversed())
    expect(world.git('for-each-ref', 'refs/heads/conman')).toBe('')

    expect((await flow.release(first.url)).state).toBe('rolled_back')
    for (const one of first.changesets) expect((await flow.changeset(one)).state).toBe('released')
    expect(await audits(idOf(first.url), 'rolled_back')).toMatchObject([
      { actor_user_id: new ObjectId(manager.id), before: { state: 'deployed_partial' } },
    ])
    expect(await audits(deployment.id, 'rolled_back')).toHaveLength(1)
    expect(await audits(idOf(made), 'published')).toHaveLength(1)
    const asked = { job_type: 'revalidate_queued_changeset', 'payload.release_id': idOf(made) }
    const jobs = await world.db.collection('jobs').find(asked).toArray()
    expect(jobs.map(({ entity_id }) => entity_id)).toEqual([idOf(waiting)])
    expect((await author.get(made)).body.data.changesets).toEqual([])
    await until(async () => !(await flow.release(first.url)).reverting, 'nobody holds it')

    // It is final, and the new one has nothing to take back.
    expect(outcome(await revert(stages[0], first.url))).toEqual([409, 'conflict'])
    expect(outcome(await revert(stages[0], made))).toEqual([400, 'validation_error'])
    expect(outcome(await manager.send('POST', `${made}/publish`))).toEqual([409, 'conflict'])
  })

  test('changes that later ones depend on, or that are gone already, are left: everything is as before', async () => {
    const one = await world.changeset(author, 'queued', { path: 'deep/a.yaml', content: 'one\n' })
    const base = await flow.published(one)
    await flow.deployed(stages[0], base)
    const two = await world.changeset(author, 'queued', { path: 'deep/a.yaml', content: 'two\n' })
    const later = await flow.published(two)
    const before = await footprint()
    expect(outcome(await revert(stages[0], base))).toEqual([502, 'git_error'])
    expect(await footprint()).toEqual(before)

    // By hand the later change is taken back, and then the earlier one too.
    const back = async (commit: string) => {
      const tree = world.git('rev-parse', `${commit}^{tree}`).trim()
      const identity = ['-c', 'user.name=x', '-c', 'user.email=x@x']
      world.git(
        'update-ref',
        'refs/heads/main',
        world.git(...identity, 'commit-tree', tree, '-p', 'main', '-m', 'x').trim(),
      )
    }
    const { compose_base_sha } = await flow.release(base)
    await back(compose_base_sha)
    const empty = await footprint()
    expect(outcome(await revert(stages[0], base))).toEqual([502, 'git_error'])
    expect(await footprint()).toEqual(empty)
    expect((await flow.release(base)).state).toBe('deployed_partial')
    expect((await flow.release(later)).state).toBe('published')
  })

  test.each<[string, string, Step[], number]>([
    ['at the first revert', 'UserRevert', [{ code: status.INTERNAL }], 502],
    ['at the second revert', 'UserRevert', ['pass', { code: status.INTERNAL }], 502],
    ['at moving the integration branch', 'UpdateReferences', ['pass', { code: status.INTERNAL }], 502],
  ])('a backend that fails %s leaves everything as before', async (_what, method, steps, wanted) => {
    const first = await release()
    await flow.deployed(stages[0], first.url)
    const before = await footprint()
    proxy.script(method, ...steps)
    expect((await revert(stages[0], first.url)).status).toBe(wanted)
    expect(await footprint()).toEqual(before)
    expect((await flow.release(first.url)).reverting).toBe(null)
    expect((await revert(stages[0], first.url)).status).toBe(201)
  })

  test('lost answers are no failures', async () => {
    const first = await release()
    await flow.deployed(stages[0], first.url)
    proxy.script('UserRevert', 'lose the answer', 'pass', 'lose the answer')
    proxy.script('UpdateReferences', 'pass', 'lose the answer')
    proxy.script('UserCreateTag', 'lose the answer')
    expect((await revert(stages[0], first.url)).status).toBe(201)
    expect(first.paths.map(has)).toEqual([false, false])
  })

  test('a branch that moves at this moment, or a tag that is taken, leaves everything as before', async () => {
    const first = await release()
    await flow.deployed(stages[0], first.url)
    const { tag } = await flow.release(first.url)
    const prefix = tag.slice(0, tag.lastIndexOf('.') + 1)
    const number = Number(tag.slice(prefix.length))
    world.git('tag', `${prefix}${number + 1}`, 'main')
    const before = await footprint()
    expect(outcome(await revert(stages[0], first.url))).toEqual([409, 'conflict'])
    expect(await footprint()).toEqual(before)
    world.git('tag', '-d', `${prefix}${number + 1}`)

    proxy.reset()
    proxy.script('UserRevert', 'pass', { delayMs: 1_500 })
    const asked = revert(stages[0], first.url)
    await until(async () => proxy.calls.filter(({ method }) => method === 'UserRevert').length === 2, 'it reverts')
    const tree = world.git('rev-parse', 'main^{tree}').trim()
    const identity = ['-c', 'user.name=x', '-c', 'user.email=x@x']
    const moved = world.git(...identity, 'commit-tree', tree, '-p', 'main', '-m', 'by hand').trim()
    world.git('update-ref', 'refs/heads/main', moved)
    const meanwhile = await footprint()
    expect(outcome(await asked)).toEqual([409, 'conflict'])
    expect(main()).toBe(moved)
    const refs = (all: unknown[]) => String(all[3]).replaceAll(/.*conman\/revert.*\n/g, '')
    const after = await footprint()
    expect([after.slice(0, 3), refs(after)]).toEqual([meanwhile.slice(0, 3), refs(meanwhile)])
  })

  test('in parallel a release is taken back once, and an environment is given to one', async () => {
    const first = await release()
    for (const stage of stages) await flow.deployed(stage, first.url)
    const count = [await releases().countDocuments(), await deployments().countDocuments()]
    const answers = await Promise.all([0, 1, 2, 3, 0, 1, 2, 3].map((at) => revert(stages[at] ?? '', first.url)))
    expect(answers.map((one) => one.status).sort()).toEqual([201, ...Array(7).fill(409)])
    expect([await releases().countDocuments(), await deployments().countDocuments()]).toEqual(
      count.map((before) => before + 1),
    )
    expect(world.git('for-each-ref', 'refs/heads/conman')).toBe('')
    expect((await flow.release(first.url)).reverting).toBe(null)
  })

  test('while something is under way in the environment it is refused, before git is asked for anything', async () => {
    const first = await release()
    await flow.deployed(stages[0], first.url)
    command.hold()
    const { deployment } = (await flow.deployThroughGates(stages[0], first.url)).body.data
    await until(async () => command.runs().some(({ entity }) => entity === deployment.id), 'the command runs')
    const before = await footprint()
    expect(outcome(await revert(stages[0], first.url))).toEqual([409, 'conflict'])
    expect(await footprint()).toEqual(before)
  })

  /** Takes a release back through a process of its own that is killed where the script falls silent. */
  async function revertAndKill(url: string, method: string, steps: Step[]): Promise<void> {
    const doomed = await startServer(['--role', 'api'], world.env)
    proxy.reset()
    proxy.script(method, ...steps)
    const body = { release_id: idOf(url), mode: 'revert_and_release' }
    const asked = doomed.client(manager.token).send('POST', `${world.app}/environments/${stages[0]}/rollback`, body)
    asked.catch(() => undefined)
    const calls = () => proxy.calls.filter((call) => call.method === method).length
    await until(async () => calls() >= steps.length, `${method} is called`)
    doomed.process.kill('SIGKILL')
    await once(doomed.process, 'exit')
    await expect(asked).rejects.toThrow()
    proxy.reset()
  }

  async function longAgo() {
    const at = new Date(Date.now() - 61_000)
    await releases().updateMany({ 'publishing.at': { $exists: true } }, { $set: { 'publishing.at': at } })
    await releases().updateMany({ 'reverting.at': { $exists: true } }, { $set: { 'reverting.at': at } })
    const left = { $or: [{ publishing: { $ne: null } }, { reverting: { $nin: [null] } }] }
    await until(async () => (await releases().countDocuments(left)) === 0, 'the worker has cleaned up')
  }

  test.each<[string, string, Step[]]>([
    ['while it reverts', 'UserRevert', ['pass', 'silence']],
    ['before the branch moves', 'UpdateReferences', ['pass', 'silence']],
  ])('killed %s, it is undone', async (_where, method, steps) => {
    const first = await release()
    await flow.deployed(stages[0], first.url)
    const before = await footprint()
    await revertAndKill(first.url, method, steps)
    await longAgo()
    expect(await footprint()).toEqual(before)
    expect((await revert(stages[0], first.url)).status).toBe(201)
  })

  test.each<[string, string, Step[]]>([
    ['when the branch has moved', 'UpdateReferences', ['pass', 'lose the answer', 'silence']],
    ['when the tag is made', 'UserCreateTag', ['lose the answer', 'silence']],
  ])('killed %s, it is finished', async (_where, method, steps) => {
    const first = await release()
    await flow.deployed(stages[0], first.url)
    const count = await deployments().countDocuments()
    await revertAndKill(first.url, method, steps)
    await longAgo()
    expect(first.paths.map(has)).toEqual([false, false])
    expect((await flow.release(first.url)).state).toBe('rolled_back')
    const made = await releases().findOne({ 'rollback.release_id': _id(first.url) })
    expect(made).toMatchObject({ published_sha: main(), published_by: new ObjectId(manager.id) })
    expect(world.git('rev-parse', made?.tag).trim()).toBe(main())
    expect(await deployments().countDocuments()).toBe(count + 1)
    const deployment = await deployments().findOne({ release_id: made?._id })
    expect((await world.job(deployment?.job_id.toHexString())).state).toBe('succeeded')
    for (const [entity, action] of [
      [idOf(first.url), 'rolled_back'],
      [deployment?._id.toHexString() ?? '', 'rolled_back'],
      [made?._id.toHexString() ?? '', 'published'],
    ] as const) {
      expect(await audits(entity, action)).toHaveLength(1)
    }
    expect(world.git('for-each-ref', 'refs/heads/conman')).toBe('')
  })
})
