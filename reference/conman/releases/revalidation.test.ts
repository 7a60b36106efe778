/** Revalidation after a publication, over the whole server (L3's and L4's shape in small). */
import { ObjectId } from 'mongodb'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type ReleaseFlow, releaseFlow } from '../test/release-flow.ts'
import { type ScriptedCommand, scriptedCommand } from '../test/scripted-command.ts'
import { createWorld, HAS_PARTS, idOf, type Person, until, type World } from '../test/world.ts'

describe.skipIf(!HAS_PARTS)('revalidation', () => {
  let world: World
  let flow: ReleaseFlow
  let suite: ScriptedCommand
  let author: Person
  let manager: Person

  beforeAll(async () => {
    suite = scriptedCommand()
    // Room for all that is held back at a time.
    const env = { CONMAN_MSUITE_MERGE_CMD: suite.command, CONMAN_JOB_CONCURRENCY: '40' }
    world = await createWorld({ env })
    ;[author, manager] = await Promise.all([world.person('user'), world.person('config_manager')])
    flow = releaseFlow(world, manager)
  })
  afterEach(() => {
    suite.release()
    suite.failForNothing()
  })
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]()
    suite?.[Symbol.dispose]()
  })

  const _id = (url: string) => new ObjectId(idOf(url))
  const jobs = () => world.db.collection('jobs')
  const changesets = () => world.db.collection('changesets')
  const main = () => world.git('rev-parse', 'main').trim()
  const jobsOf = (query: object) =>
    jobs()
      .find({ job_type: 'revalidate_queued_changeset', ...query })
      .sort({ _id: 1 })
      .toArray()
  const audits = (url: string, action: string) =>
    world.db
      .collection('audit_events')
      .find({ entity_id: idOf(url), action })
      .toArray()
  const mails = (url: string, event: string) =>
    world.mails().filter(({ event_type, body }) => event_type === event && body.includes(idOf(url)))
  const queue = (count: number, edit: object = {}) =>
    Promise.all(Array.from({ length: count }, () => world.changeset(author, 'queued', edit)))

  async function settled(query: object) {
    const unfinished = { job_type: 'revalidate_queued_changeset', finished_at: null, ...query }
    await until(async () => (await jobs().countDocuments(unfinished)) === 0, 'the revalidations have ended')
  }

  /** The one revalidation that a release has asked for. */
  async function revalidated(url: string, release: string) {
    await settled({})
    const [job] = await jobsOf({ entity_id: idOf(url), 'payload.release_id': idOf(release) })
    return world.job(job?._id.toHexString() ?? '')
  }

  /** Has a job run again, as if its worker had died before it could store the end. */
  async function runAgain(id: string) {
    const crashed = { state: 'running', locked_until: new Date(0), finished_at: null, result: null, attempts: 1 }
    await jobs().updateOne({ _id: new ObjectId(id) }, { $set: crashed })
    return world.job(id)
  }

  /** A revalidation that no publication has asked for. */
  async function ask(url: string): Promise<string> {
    const now = new Date()
    const row = {
      _id: new ObjectId(),
      app_id: new ObjectId(world.appId),
      job_type: 'revalidate_queued_changeset',
      state: 'queued',
      entity_type: 'changeset',
      entity_id: idOf(url),
      payload: {},
      result: null,
      error_message: null,
      retry_count: 0,
      max_retries: 3,
      timeout_ms: 300_000,
      created_by: new ObjectId(manager.id),
      created_at: now,
      started_at: null,
      finished_at: null,
      updated_at: now,
    }
    await jobs().insertOne(row)
    return row._id.toHexString()
  }

  test('of twenty queued, five are released and the other fifteen are looked at once each', async () => {
    const taken = [
      ...(await queue(4)),
      await world.changeset(author, 'queued', { path: 'met/here.yaml', content: 'released\n' }),
    ]
    const fine = await queue(13)
    const meets = await world.changeset(author, 'queued', { path: 'met/here.yaml', content: 'queued\n' })
    const fails = await world.changeset(author, 'queued')
    const rest = [...fine, meets, fails]
    const positions = new Map(
      (await changesets().find({ state: 'queued' }).toArray()).map((one) => [
        one._id.toHexString(),
        one.queue_position,
      ]),
    )
    expect(positions.size).toBe(20)
    const release = await flow.validated(...taken)
    suite.failFor(idOf(fails))
    expect((await flow.publish(release)).status).toBe(200)
    await settled({})

    const asked = await jobsOf({})
    const inOrder = rest.map(idOf).sort((x, y) => (positions.get(x) ?? 0) - (positions.get(y) ?? 0))
    expect(asked.map(({ entity_id }) => entity_id)).toEqual(inOrder)
    expect(asked.map(({ state, attempts }) => [state, attempts])).toEqual(inOrder.map(() => ['succeeded', 1]))
    const resultOf = (url: string) => asked.find(({ entity_id }) => entity_id === idOf(url))?.result
    const seen = { integration_sha: main(), ancestor: false, conflict_with: null }
    for (const url of fine) {
      expect(resultOf(url)).toEqual({ ...seen, status: 'revalidated', files: [], reason: null })
      expect(await flow.changeset(url)).toMatchObject({
        state: 'queued',
        queue_position: positions.get(idOf(url)),
        last_revalidation_status: 'valid',
        last_revalidation_files: [],
      })
      expect(await audits(url, 'revalidated')).toHaveLength(1)
    }
    expect(resultOf(meets)).toEqual({ ...seen, status: 'conflicted', files: ['met/here.yaml'], reason: null })
    expect(await flow.changeset(meets)).toMatchObject({
      state: 'conflicted',
      approvals: [],
      queue_position: null,
      queued_at: null,
      last_revalidation_status: 'conflicted',
      last_revalidation_files: ['met/here.yaml'],
    })
    expect(resultOf(fails)).toMatchObject({ ...seen, status: 'needs_revalidation', files: [] })
    expect(resultOf(fails)?.reason).toContain('with exit code 3: red')
    expect(await flow.changeset(fails)).toMatchObject({
      state: 'needs_revalidation',
      approvals: [],
      queue_position: null,
      last_revalidation_status: 'test_failed',
    })
    expect(await audits(meets, 'conflicted')).toMatchObject([{ actor_user_id: null, before: { state: 'queued' } }])
    expect(await audits(fails, 'needs_revalidation')).toHaveLength(1)
    await expect
      .poll(() => mails(meets, 'changeset_conflicted').map((one) => one.recipient_email))
      .toEqual([author.email])
    await expect.poll(() => mails(fails, 'changeset_needs_revalidation')).toHaveLength(1)
    // The suite ran on the merge of each that merges; no trace of the merges is left.
    const runs = suite.runs().filter(({ payload }) => payload.gate === 'revalidation')
    expect(runs.map(({ entity }) => entity).sort()).toEqual([...fine, fails].map(idOf).sort())
    const commit = String(runs[0]?.payload.commit_sha)
    expect(world.git('rev-list', '--parents', '-1', commit).trim().split(' ')[1]).toBe(main())
    expect(world.git('for-each-ref', 'refs/merge-requests')).toBe('')
    // The page says what the rows say.
    const page = (await author.get(`${world.app}/queue?limit=100`)).body.data
    expect(page.map((row: { changeset_id: string }) => row.changeset_id)).toEqual(
      inOrder.filter((id) => fine.map(idOf).includes(id)),
    )
    expect(new Set(page.map((row: { last_revalidation_status: string }) => row.last_revalidation_status))).toEqual(
      new Set(['valid']),
    )
    // Run again after a crash, each says the same and tells nobody twice.
    for (const [url, action] of [
      [fine[0] ?? '', 'revalidated'],
      [meets, 'conflicted'],
      [fails, 'needs_revalidation'],
    ] as const) {
      const job = asked.find(({ entity_id }) => entity_id === idOf(url))
      const before = await flow.changeset(url)
      expect(await runAgain(job?._id.toHexString() ?? '')).toMatchObject({ state: 'succeeded', result: job?.result })
      expect(await flow.changeset(url)).toEqual(before)
      expect(await audits(url, action)).toHaveLength(1)
    }
    expect(mails(meets, 'changeset_conflicted')).toHaveLength(1)
  })

  test('an override that says something else than an earlier queued one is a conflict with it', async () => {
    const [release, earlier, later] = await queue(3)
    const [first, second] = (
      await changesets()
        .find({ _id: { $in: [_id(earlier ?? ''), _id(later ?? '')] } })
        .sort({ queue_position: 1 })
        .toArray()
    ).map(({ _id }) => _id)
    const row = (changeset_id: ObjectId | undefined, value: string) => ({
      _id: new ObjectId(),
      app_id: new ObjectId(world.appId),
      changeset_id,
      key: 'LIMIT',
      value: { type: 'string', value },
      target_profile_id: null,
      created_at: new Date(),
      updated_at: new Date(),
    })
    // The queue would not have let the later one in.
    await world.db.collection('changeset_profile_overrides').insertMany([row(first, '1'), row(second, '2')])
    const published = await flow.published(release ?? '')
    const loser = `/${second?.toHexString()}`
    expect((await revalidated(loser, published)).result).toMatchObject({
      status: 'conflicted',
      conflict_with: first?.toHexString(),
      files: [],
    })
    expect(await flow.changeset(loser)).toMatchObject({ state: 'conflicted' })
    expect((await revalidated(`/${first?.toHexString()}`, published)).result).toMatchObject({ status: 'revalidated' })
  })

  test('one that has left the queue is left alone', async () => {
    const [release, gone] = await queue(2)
    const pauses = world.db.collection<{ _id: string }>('job_pauses')
    await pauses.insertOne({ _id: 'revalidate_queued_changeset' })
    const published = await flow.published(release ?? '')
    await changesets().updateOne({ _id: _id(gone ?? '') }, { $set: { state: 'approved', queue_position: null } })
    const before = await flow.changeset(gone ?? '')
    await pauses.deleteMany({})
    expect((await revalidated(gone ?? '', published)).result).toMatchObject({ status: 'skipped', reason: 'not_queued' })
    expect(await flow.changeset(gone ?? '')).toEqual(before)
  })

  test('a verdict on a branch that has moved on is not stored, and the next publication asks again', async () => {
    const [first, second, third] = (await queue(3)) as [string, string, string]
    const [one, two] = [await flow.draft(first), await flow.draft(second)]
    await flow.assembled(one)
    suite.hold()
    expect((await flow.publish(one)).status).toBe(200)
    const running = () =>
      suite.runs().some(({ payload, entity }) => payload.gate === 'revalidation' && entity === idOf(third))
    await until(async () => running(), 'the suite runs')
    // Somebody moves the branch by hand.
    const tree = world.git('rev-parse', 'main^{tree}').trim()
    const identity = ['-c', 'user.name=x', '-c', 'user.email=x@x']
    const moved = world.git(...identity, 'commit-tree', tree, '-p', 'main', '-m', 'by hand').trim()
    world.git('update-ref', 'refs/heads/main', moved)
    suite.failFor(idOf(third))
    suite.release()
    expect((await revalidated(third, one)).result).toMatchObject({ status: 'skipped', reason: 'superseded' })
    expect(await flow.changeset(third)).toMatchObject({ state: 'queued', last_revalidation_status: null })
    suite.failForNothing()
    expect((await flow.assembled(two)).state).toBe('succeeded')
    expect((await flow.publish(two)).status).toBe(200)
    expect((await revalidated(third, two)).result).toMatchObject({ status: 'revalidated', integration_sha: main() })
  })

  test('while one waits no second one is asked for; while one runs it is', async () => {
    const urls = (await queue(4)) as [string, string, string, string]
    const waiting = urls[3]
    const pauses = world.db.collection<{ _id: string }>('job_pauses')
    await pauses.insertOne({ _id: 'revalidate_queued_changeset' })
    const releases = [await flow.published(urls[0]), await flow.published(urls[1])]
    expect(await jobsOf({ entity_id: idOf(waiting) })).toHaveLength(1)
    suite.hold()
    await pauses.deleteMany({})
    await until(async () => (await jobsOf({ entity_id: idOf(waiting), state: 'running' })).length === 1, 'it runs')
    await until(async () => suite.runs().some(({ entity }) => entity === idOf(waiting)), 'its suite runs')
    await pauses.insertOne({ _id: 'revalidate_queued_changeset' })
    const third = await flow.draft(urls[2])
    const assembling = flow.assembled(third)
    await until(async () => suite.runs().some(({ entity }) => entity === idOf(third)), 'the suite of the release runs')
    suite.release()
    expect((await assembling).state).toBe('succeeded')
    await settled({ entity_id: idOf(waiting) })
    expect((await flow.publish(third)).status).toBe(200)
    expect(await jobsOf({ entity_id: idOf(waiting) })).toHaveLength(2)
    await pauses.deleteMany({})
    expect((await revalidated(waiting, third)).result).toMatchObject({ status: 'revalidated', integration_sha: main() })
    expect(await jobsOf({ entity_id: idOf(waiting), 'payload.release_id': idOf(releases[1] ?? '') })).toEqual([])
  })

  test('one that is about to be released is not taken out of the queue under way', async () => {
    const [other, taken] = (await queue(2)) as [string, string]
    const release = await flow.validated(taken)
    const { tag, composed_sha } = await flow.release(release)
    // A publication that comes to nothing: the tag is somebody else's.
    world.git('tag', tag, 'main')
    suite.failFor(idOf(taken))
    suite.hold()
    const first = await ask(taken)
    const runs = () => suite.runs().filter(({ entity }) => entity === idOf(taken)).length
    await until(async () => runs() === 1, 'its suite runs')
    expect((await flow.changeset(taken)).revalidating.job_id.toHexString()).toBe(first)
    expect((await flow.publish(release)).status).toBe(409)
    suite.release()
    expect((await world.job(first)).result).toMatchObject({ status: 'skipped', reason: 'superseded' })
    // It is asked for again, because the verdict was lost, and then it counts.
    const [again] = await jobsOf({ entity_id: idOf(taken), 'payload.release_id': idOf(release) })
    expect((await world.job(again?._id.toHexString() ?? '')).result).toMatchObject({ status: 'needs_revalidation' })
    suite.failForNothing()

    // While somebody is publishing it there is nothing to look at.
    world.git('tag', '-d', tag)
    const next = await flow.validated(other)
    suite.failFor(idOf(other))
    const publishing = { user_id: new ObjectId(manager.id), at: new Date(), request_id: 'r' }
    await world.db.collection('release_batches').updateOne({ _id: _id(next) }, { $set: { publishing } })
    expect((await world.job(await ask(other))).result).toMatchObject({ status: 'skipped', reason: 'superseded' })
    expect((await flow.changeset(other)).state).toBe('queued')
    expect((await flow.publish(next)).status).toBe(200)
    expect(world.git('branch', '--contains', composed_sha).trim()).toBe('')
  })

  test('three releases of three in a row: every tag, every file and every state agree', async () => {
    const before = main()
    const groups = [await queue(3), await queue(3), await queue(3)]
    const releases: string[] = []
    for (const group of groups) releases.push(await flow.published(...group))
    await settled({})

    let previous = before
    const files = new Map<string, string>()
    for (const [index, url] of releases.entries()) {
      const release = await flow.release(url)
      expect(release).toMatchObject({ state: 'published', publishing: null, compose_base_sha: previous })
      expect(world.git('rev-parse', `refs/tags/${release.tag}`).trim()).toBe(release.published_sha)
      expect(world.git('cat-file', '-t', `refs/tags/${release.tag}`).trim()).toBe('commit')
      for (const one of groups[index] ?? []) {
        const changeset = await flow.changeset(one)
        expect(changeset).toMatchObject({ state: 'released', queue_position: null, open: false })
        const path = changeset.title.replace('Change ', '')
        files.set(path, world.git('show', `${changeset.submitted_head_sha}:${path}`))
      }
      // What this release and all before it have brought is there, and nothing else.
      const changed = world.git('diff', '--name-only', before, release.published_sha).trim().split('\n')
      expect(changed.sort()).toEqual([...files.keys()].sort())
      for (const [path, content] of files) expect(world.git('show', `${release.published_sha}:${path}`)).toBe(content)
      expect(world.git('rev-list', '--first-parent', '--count', `${previous}..${release.published_sha}`).trim()).toBe(
        '3',
      )
      previous = release.published_sha
    }
    expect(main()).toBe(previous)
    world.git('fsck', '--strict', '--no-dangling')
    const tags = await Promise.all(releases.map(async (url) => Number((await flow.release(url)).tag.split('.').at(-1))))
    expect(tags).toEqual([...tags].sort((x, y) => x - y))
    expect(await jobs().countDocuments({ finished_at: null })).toBe(0)
    expect(await jobs().countDocuments({ state: { $ne: 'succeeded' } })).toBe(0)
    const reserved = { release_id: { $in: releases.map(_id) }, reserved: true }
    expect(await world.db.collection('release_changesets').countDocuments(reserved)).toBe(0)
  })
})
