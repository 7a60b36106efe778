/**
 * Publishing over the whole server: all or nothing, whatever the git backend refuses, whoever publishes at the same moment, and
 * wherever the process is killed.
 */
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { status } from '@grpc/grpc-js'
import { ObjectId } from 'mongodb'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type GitProxy, type Step, startGitProxy } from '../test/git-proxy.ts'
import { type ReleaseFlow, releaseFlow } from '../test/release-flow.ts'
import { startServer } from '../test/server-process.ts'
import { createWorld, HAS_PARTS, idOf, type Person, until, type World } from '../test/world.ts'

describe.skipIf(!HAS_PARTS)('publishing', () => {
  let proxy: GitProxy
  let world: World
  let flow: ReleaseFlow
  let author: Person
  let manager: Person

  beforeAll(async () => {
    proxy = await startGitProxy(process.env.READINESS_TEST_GIT_ADDRESS ?? '')
    world = await createWorld({ env: { CONMAN_GITALY_ADDRESS: proxy.address } })
    ;[author, manager] = await Promise.all([world.person('user'), world.person('config_manager')])
    flow = releaseFlow(world, manager)
  })
  afterEach(() => proxy.reset())
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]()
    await proxy?.[Symbol.asyncDispose]()
  })

  const releases = () => world.db.collection('release_batches')
  const _id = (url: string) => new ObjectId(idOf(url))
  const main = () => world.git('rev-parse', 'main').trim()
  const tagged = (tag: string) => world.git('for-each-ref', '--format=%(objectname)', `refs/tags/${tag}`).trim()
  const revalidations = (release: string) =>
    world.db
      .collection('jobs')
      .find({ job_type: 'revalidate_queued_changeset', 'payload.release_id': idOf(release) })
      .sort({ _id: 1 })
      .toArray()
  const audits = (url: string) =>
    world.db.collection('audit_events').countDocuments({ entity_id: idOf(url), action: 'published' })
  const mails = async (url: string) => {
    const { tag } = await flow.release(url)
    const told = { event_type: 'release_published', subject: new RegExp(`: ${tag.replaceAll('.', '\\.')}$`) }
    const found = await world.db.collection('notification_events').find(told).toArray()
    return found.map(({ recipient_email }) => recipient_email).sort()
  }

  /** A release that only has to be published, with as many others left in the queue. */
  async function ready({ remaining = 0 } = {}) {
    const changesets = [await world.changeset(author, 'queued'), await world.changeset(author, 'queued')]
    const rest: string[] = []
    for (let index = 0; index < remaining; index += 1) rest.push(await world.changeset(author, 'queued'))
    const url = await flow.validated(...changesets)
    const { tag, composed_sha, compose_base_sha } = await flow.release(url)
    return { url, changesets, rest, tag, composed: composed_sha as string, base: compose_base_sha as string }
  }
  type Ready = Awaited<ReturnType<typeof ready>>

  async function expectUntouched({ url, changesets, tag, base }: Ready) {
    expect(main()).toBe(base)
    expect(tagged(tag)).not.toBe((await flow.release(url)).composed_sha)
    expect((await flow.release(url)).state).toBe('validated')
    for (const one of changesets) expect((await flow.changeset(one)).state).toBe('queued')
    expect([await audits(url), await revalidations(url), await mails(url)]).toEqual([0, [], []])
  }

  /** Everything about it agrees, and everybody is told once. */
  async function expectPublished({ url, changesets, rest, tag, composed }: Ready) {
    world.git('merge-base', '--is-ancestor', composed, 'main')
    expect(tagged(tag)).toBe(composed)
    expect(await flow.release(url)).toMatchObject({
      state: 'published',
      published_sha: composed,
      published_by: new ObjectId(manager.id),
    })
    for (const one of changesets) {
      expect(await flow.changeset(one)).toMatchObject({ state: 'released', open: false, queue_position: null })
    }
    const rows = await world.db
      .collection('release_changesets')
      .find({ release_id: _id(url) })
      .toArray()
    expect(rows.map(({ reserved }) => reserved)).toEqual(changesets.map(() => false))
    await expect.poll(async () => (await flow.release(url)).publishing).toBe(null)
    await expect.poll(() => world.git('for-each-ref', `refs/merge-requests/${idOf(url)}`)).toBe('')
    const asked = (await revalidations(url)).map(({ entity_id }) => entity_id)
    expect(rest.map(idOf).filter((id) => asked.filter((one) => one === id).length !== 1)).toEqual([])
    expect(await audits(url)).toBe(1)
    expect(await mails(url)).toEqual(['admin@example.com', author.email, (await world.person('reviewer')).email].sort())
  }

  const longAgo = (url: string) =>
    releases().updateOne({ _id: _id(url) }, { $set: { 'publishing.at': new Date(Date.now() - 61_000) } })

  test('in parallel it is done once: one answer says so, and there is one of everything', async () => {
    const release = await ready({ remaining: 3 })
    const answers = await Promise.all(Array.from({ length: 10 }, () => flow.publish(release.url)))
    expect(answers.map((one) => one.status).sort()).toEqual([200, ...Array(9).fill(409)])
    await expectPublished(release)
    expect(main()).toBe(release.composed)
    const jobs = await revalidations(release.url)
    expect(jobs.map(({ entity_id }) => entity_id)).toEqual(release.rest.map(idOf))
    expect(jobs[0]).toMatchObject({
      entity_type: 'changeset',
      payload: { trigger: 'post_release_publish', release_id: idOf(release.url) },
    })
    expect((await flow.publish(release.url)).status).toBe(409)
  })

  test.each([
    ['finding the integration branch', 'FindBranch'],
    ['looking for the tag', 'FindTag'],
    ['moving the integration branch', 'UpdateReferences'],
  ])('a backend that fails at %s changes nothing, and the next call succeeds', async (_what, method) => {
    const release = await ready()
    proxy.script(method, { code: status.INTERNAL, message: 'broken' })
    const refused = await flow.publish(release.url)
    expect([refused.status, refused.body.error.code]).toEqual([502, 'git_error'])
    await expectUntouched(release)
    // It will not happen by itself later, either.
    expect((await flow.release(release.url)).publishing).toBe(null)
    expect((await flow.publish(release.url)).status).toBe(200)
    await expectPublished(release)
  })

  test('a branch that somebody holds changes nothing, and the next call succeeds', async () => {
    const release = await ready()
    const lock = join(world.git('rev-parse', '--absolute-git-dir').trim(), 'refs/heads/main.lock')
    writeFileSync(lock, '')
    try {
      expect((await flow.publish(release.url)).status).toBe(502)
      await expectUntouched(release)
    } finally {
      rmSync(lock)
    }
    expect((await flow.publish(release.url)).status).toBe(200)
    await expectPublished(release)
  })

  test('a tag of that name on another commit is refused before anything moves', async () => {
    const release = await ready()
    world.git('tag', release.tag, release.base)
    const refused = await flow.publish(release.url)
    expect([refused.status, refused.body.error.code]).toEqual([409, 'conflict'])
    await expectUntouched(release)
    expect((await flow.release(release.url)).publishing).toBe(null)
    world.git('tag', '-d', release.tag)
    expect((await flow.publish(release.url)).status).toBe(200)
    await expectPublished(release)
  })

  test('a tag that is on the right commit already, annotated or not, is as good as its own', async () => {
    const release = await ready()
    world.git('-c', 'user.name=x', '-c', 'user.email=x@x', 'tag', '-a', '-m', 'x', release.tag, release.composed)
    expect((await flow.publish(release.url)).status).toBe(200)
    expect(world.git('rev-parse', `${release.tag}^{commit}`).trim()).toBe(release.composed)
  })

  test.each([
    ['UpdateReferences', 'the branch has moved'],
    ['UserCreateTag', 'the tag was made'],
  ])('a lost answer of %s after %s is no failure', async (method) => {
    const release = await ready({ remaining: 1 })
    proxy.script(method, 'lose the answer')
    expect((await flow.publish(release.url)).status).toBe(200)
    await expectPublished(release)
  })

  test('a backend that is away before anything was asked of it leaves no intent behind', async () => {
    const release = await ready()
    proxy.script('FindTag', ...Array.from({ length: 4 }, () => ({ code: status.UNAVAILABLE })))
    expect((await flow.publish(release.url)).status).toBe(502)
    await expectUntouched(release)
    expect((await flow.release(release.url)).publishing).toBe(null)
  })

  test('one that goes away while it moves the branch leaves it to the worker to find out', async () => {
    const release = await ready({ remaining: 1 })
    proxy.script('UpdateReferences', ...Array.from({ length: 4 }, () => ({ code: status.UNAVAILABLE })))
    expect((await flow.publish(release.url)).status).toBe(502)
    await expectUntouched(release)
    await longAgo(release.url)
    await expect.poll(async () => (await flow.release(release.url)).state, { timeout: 10_000 }).toBe('published')
    await expectPublished(release)
  })

  test('a tag that cannot be made leaves the branch moved, and the next call finishes', async () => {
    const release = await ready({ remaining: 1 })
    proxy.script('UserCreateTag', { code: status.INTERNAL, message: 'broken' })
    expect((await flow.publish(release.url)).status).toBe(502)
    expect([main(), tagged(release.tag)]).toEqual([release.composed, ''])
    expect(await flow.release(release.url)).toMatchObject({ state: 'validated', publishing: { at: expect.any(Date) } })
    expect((await flow.publish(release.url)).status).toBe(200)
    await expectPublished(release)
  })

  test('so does the worker, also when the branch has gone on since', async () => {
    const release = await ready({ remaining: 1 })
    proxy.script('UserCreateTag', { code: status.INTERNAL, message: 'broken' })
    expect((await flow.publish(release.url)).status).toBe(502)
    const tree = world.git('rev-parse', `${release.composed}^{tree}`).trim()
    const identity = ['-c', 'user.name=x', '-c', 'user.email=x@x']
    const later = world.git(...identity, 'commit-tree', tree, '-p', release.composed, '-m', 'by hand').trim()
    world.git('update-ref', 'refs/heads/main', later)
    await longAgo(release.url)
    await expect.poll(async () => (await flow.release(release.url)).state, { timeout: 10_000 }).toBe('published')
    await expectPublished(release)
    expect(main()).toBe(later)
    const row = await world.db.collection('audit_events').findOne({ entity_id: idOf(release.url), action: 'published' })
    expect(row).toMatchObject({ actor_user_id: new ObjectId(manager.id), git_sha: release.composed })
  })

  test('an integration branch that has moved sends the release back, and it can be assembled anew', async () => {
    const release = await ready()
    const reference = 'refs/heads/main'
    const tree = world.git('rev-parse', `${release.base}^{tree}`).trim()
    const identity = ['-c', 'user.name=x', '-c', 'user.email=x@x']
    const elsewhere = world.git(...identity, 'commit-tree', tree, '-p', release.base, '-m', 'by hand').trim()
    world.git('update-ref', reference, elsewhere)
    const refused = await flow.publish(release.url)
    expect([refused.status, refused.body.error.code]).toEqual([409, 'conflict'])
    expect(await flow.release(release.url)).toMatchObject({
      state: 'draft_release',
      ordered_changeset_ids: release.changesets.map(_id),
      composed_sha: null,
      publishing: null,
    })
    expect([main(), tagged(release.tag)]).toEqual([elsewhere, ''])
    for (const one of release.changesets) expect((await flow.changeset(one)).state).toBe('queued')
    expect(await world.db.collection('release_changesets').countDocuments({ release_id: _id(release.url) })).toBe(0)
    expect((await flow.assembled(release.url)).state).toBe('succeeded')
    expect((await flow.publish(release.url)).status).toBe(200)
    await expectPublished({ ...release, composed: (await flow.release(release.url)).composed_sha })
  })

  test('of two releases on the same base the second goes back to a draft, with its changesets free', async () => {
    const [first, second] = [await ready(), await ready()]
    expect((await flow.publish(first.url)).status).toBe(200)
    expect((await flow.publish(second.url)).status).toBe(409)
    expect((await flow.release(second.url)).state).toBe('draft_release')
    expect(main()).toBe(first.composed)
    expect((await flow.assembled(second.url)).state).toBe('succeeded')
    expect((await flow.publish(second.url)).status).toBe(200)
    world.git('merge-base', '--is-ancestor', first.composed, 'main')
  })

  test('a changeset that has left the queue sends the release back before anything moves', async () => {
    const release = await ready()
    const gone = { _id: _id(release.changesets[1] ?? '') }
    await world.db.collection('changesets').updateOne(gone, { $set: { state: 'needs_revalidation' } })
    expect((await flow.publish(release.url)).status).toBe(409)
    expect((await flow.release(release.url)).state).toBe('draft_release')
    expect([main(), tagged(release.tag)]).toEqual([release.base, ''])
    expect((await flow.changeset(release.changesets[0] ?? '')).state).toBe('queued')
  })

  const KILLED: [string, string, Step[]][] = [
    ['before anything is looked at', 'FindBranch', ['silence']],
    ['before the branch moves', 'UpdateReferences', ['silence']],
    ['when the branch has moved', 'UpdateReferences', ['lose the answer', 'silence']],
    ['before the tag is made', 'UserCreateTag', ['silence']],
    ['when the tag is made', 'UserCreateTag', ['lose the answer', 'silence']],
    ['when everything is stored and the rest is to follow', 'FindCommit', ['silence']],
  ]

  /** Publishes through a process of its own that is killed where the script falls silent. */
  async function publishAndKill({ url }: Ready, method: string, steps: Step[]): Promise<void> {
    const doomed = await startServer(['--role', 'api'], world.env)
    proxy.script(method, ...steps)
    const asked = doomed.client(manager.token).send('POST', `${url}/publish`)
    asked.catch(() => undefined)
    const calls = () => proxy.calls.filter((call) => call.method === method).length
    await until(async () => calls() >= steps.length, `${method} is called`)
    doomed.process.kill('SIGKILL')
    await once(doomed.process, 'exit')
    await expect(asked).rejects.toThrow()
    proxy.reset()
  }

  test.each(KILLED.slice(1, 5))('killed %s, it is finished by the next call', async (_where, method, steps) => {
    const release = await ready({ remaining: 1 })
    proxy.reset()
    await publishAndKill(release, method, steps)
    expect((await flow.publish(release.url)).status).toBe(200)
    await expectPublished(release)
  })

  test.each(KILLED)('killed %s, it is finished by the worker', async (_where, method, steps) => {
    const release = await ready({ remaining: 1 })
    proxy.reset()
    await publishAndKill(release, method, steps)
    expect((await flow.release(release.url)).publishing).toMatchObject({ user_id: new ObjectId(manager.id) })
    await longAgo(release.url)
    await expect.poll(async () => (await flow.release(release.url)).publishing, { timeout: 20_000 }).toBe(null)
    await expectPublished(release)
  })

  test('killed between the states and all that follows, the worker makes up for it', async () => {
    const release = await ready({ remaining: 2 })
    expect((await flow.publish(release.url)).status).toBe(200)
    await expectPublished(release)
    // As it would be stored then.
    const publishing = { user_id: new ObjectId(manager.id), at: new Date(Date.now() - 61_000), request_id: 'r' }
    await world.db.collection('jobs').deleteMany({ 'payload.release_id': idOf(release.url), job_type: /^revalidate/ })
    await world.db.collection('audit_events').deleteMany({ entity_id: idOf(release.url), action: 'published' })
    await releases().updateOne({ _id: _id(release.url) }, { $set: { publishing } })
    await expect.poll(async () => (await flow.release(release.url)).publishing).toBe(null)
    await expectPublished(release)
  })

  test('what was cut short is found by an index', async () => {
    for (const begun of ['publishing.at', 'reverting.at']) {
      const found = releases()
        .find({ [begun]: { $lt: new Date(0) }, _id: { $nin: [new ObjectId()] } })
        .sort({ [begun]: 1 })
      const plan = JSON.stringify(await found.explain('queryPlanner'))
      expect(plan).toContain(`release_${begun.replace('.at', '')}`)
      expect(plan).not.toContain('COLLSCAN')
    }
  })

  test('a validated row that was never composed, as Conman itself leaves them, becomes a draft', async () => {
    const release = await ready()
    await releases().updateOne(
      { _id: _id(release.url) },
      { $unset: { composed_sha: true, compose_base_sha: true, publishing: true } },
    )
    expect((await flow.publish(release.url)).status).toBe(409)
    expect((await flow.release(release.url)).state).toBe('draft_release')
    expect((await flow.assembled(release.url)).state).toBe('succeeded')
    expect((await flow.publish(release.url)).status).toBe(200)
  })

  test('a broken row stops neither the others, nor is an intent taken from somebody who is at it', async () => {
    const [fresh, old] = [await ready(), await ready()]
    const intent = (at: Date) => ({ user_id: new ObjectId(manager.id), at, request_id: 'r' })
    const { _id: id, ...row } = await flow.release(old.url)
    const broken = Array.from({ length: 25 }, (_, index) => ({
      ...row,
      tag: `broken ${index}`,
      app_id: new ObjectId(),
      publishing: intent(new Date(0)),
    }))
    await releases().insertMany(broken)
    await releases().updateOne({ _id: _id(fresh.url) }, { $set: { publishing: intent(new Date()) } })
    await releases().updateOne({ _id: id }, { $set: { publishing: intent(new Date(Date.now() - 61_000)) } })
    await expect.poll(async () => (await flow.release(old.url)).state, { timeout: 10_000 }).toBe('published')
    expect((await flow.release(fresh.url)).state).toBe('validated')
    await releases().deleteMany({ tag: /^broken/ })
    // The one on the same base has been overtaken.
    await longAgo(fresh.url)
    await expect.poll(async () => (await flow.release(fresh.url)).state, { timeout: 10_000 }).toBe('draft_release')
    await expectPublished(old)
  })
})
