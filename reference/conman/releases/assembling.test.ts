/** Composing a release over the whole server: conflicts, failing suites, and jobs that are run again. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { status } from '@grpc/grpc-js'
import { ObjectId } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type GitProxy, startGitProxy } from '../test/git-proxy.ts'
import { type ReleaseFlow, releaseFlow } from '../test/release-flow.ts'
import { type ScriptedCommand, scriptedCommand } from '../test/scripted-command.ts'
import { createWorld, HAS_PARTS, idOf, type Person, type World } from '../test/world.ts'

describe.skipIf(!HAS_PARTS)('assembling', () => {
  let proxy: GitProxy
  let world: World
  let flow: ReleaseFlow
  let suite: ScriptedCommand
  let author: Person
  let manager: Person

  beforeAll(async () => {
    suite = scriptedCommand()
    proxy = await startGitProxy(process.env.READINESS_TEST_GIT_ADDRESS ?? '')
    const env = { CONMAN_MSUITE_MERGE_CMD: suite.command, CONMAN_GITALY_ADDRESS: proxy.address }
    world = await createWorld({ env: { ...env, CONMAN_JOB_LOCK_SECONDS: '1' } })
    ;[author, manager] = await Promise.all([world.person('user'), world.person('config_manager')])
    flow = releaseFlow(world, manager)
  })
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]()
    await proxy?.[Symbol.asyncDispose]()
    suite?.[Symbol.dispose]()
  })

  const rowsOf = (url: string) =>
    world.db
      .collection('release_changesets')
      .find({ release_id: new ObjectId(idOf(url)) })
      .toArray()
  const audits = (entity: string, action: string) =>
    world.db.collection('audit_events').find({ entity_id: entity, action }).toArray()
  const mailsTo = (person: Person, event: string, title: string) =>
    world
      .mails()
      .filter(
        ({ recipient_email, event_type, subject }) =>
          recipient_email === person.email && event_type === event && subject.endsWith(`: ${title}`),
      )
  const prefixes = (release: string) =>
    suite
      .runs()
      .filter(({ entity }) => entity === idOf(release))
      .map(({ payload }) => payload.changeset_ids as string[])

  /** What is true of every release that has fallen back. */
  async function expectDraftAgain(url: string, changesets: string[]) {
    expect(await flow.release(url)).toMatchObject({
      state: 'draft_release',
      composed_sha: null,
      compose_base_sha: null,
    })
    expect((await manager.get(url)).body.data.changesets).toEqual(
      changesets.map((one, position) => ({ changeset_id: idOf(one), position, merge_sha: null })),
    )
    expect(await rowsOf(url)).toEqual([])
    expect(world.git('for-each-ref', `refs/merge-requests/${idOf(url)}`)).toBe('')
    expect(world.git('for-each-ref')).not.toContain('trial')
  }

  /** Has a job run once more, as if its worker had died before it could store the end. */
  async function runAgain(id: string) {
    const crashed = {
      state: 'running',
      locked_until: new Date(0),
      locked_by: 'a worker that crashed',
      finished_at: null,
      result: null,
      error_message: null,
    }
    await world.db.collection('jobs').updateOne({ _id: new ObjectId(id) }, { $set: { ...crashed, attempts: 1 } })
    return world.job(id)
  }

  test('a conflict puts its changeset out of the queue and the release back to a draft', async () => {
    const before = world.git('rev-parse', 'main')
    const fine = await world.changeset(author, 'queued')
    const mine = await world.changeset(author, 'queued', { path: 'shared/a.yaml', content: 'mine\n' })
    const yours = await world.changeset(author, 'queued', { path: 'shared/a.yaml', content: 'yours\n', title: 'Yours' })
    const url = await flow.draft(fine, mine, yours)
    const job = await flow.assembled(url)
    expect(job).toMatchObject({
      state: 'failed',
      retry_count: 0,
      error_message: `changeset ${idOf(yours)} conflicts in shared/a.yaml`,
      result: {
        status: 'failed',
        release_id: idOf(url),
        culprit: idOf(yours),
        reason: 'conflict',
        files: ['shared/a.yaml'],
      },
    })
    await expectDraftAgain(url, [fine, mine, yours])
    expect(world.git('rev-parse', 'main')).toBe(before)
    expect(await flow.changeset(yours)).toMatchObject({
      state: 'conflicted',
      approvals: [],
      queue_position: null,
      queued_at: null,
      last_revalidation_status: 'conflicted',
      last_revalidation_files: ['shared/a.yaml'],
      last_revalidation_job_id: new ObjectId(job.id),
    })
    for (const one of [fine, mine]) expect(await flow.changeset(one)).toMatchObject({ state: 'queued' })
    const [failed] = await audits(idOf(url), 'assembly_failed')
    expect(failed).toMatchObject({
      actor_user_id: null,
      before: { state: 'assembling' },
      after: {
        state: 'draft_release',
        culprit: new ObjectId(idOf(yours)),
        reason: 'conflict',
        files: ['shared/a.yaml'],
      },
      context: { request_id: `job-${job.id}` },
    })
    expect(await audits(idOf(yours), 'conflicted')).toMatchObject([
      { before: { state: 'queued' }, actor_user_id: null },
    ])
    await expect.poll(() => mailsTo(author, 'changeset_conflicted', 'Yours')).toHaveLength(1)

    // Run again after a crash, the job says the same and tells nobody twice.
    expect(await runAgain(job.id)).toMatchObject({
      state: 'failed',
      error_message: job.error_message,
      result: job.result,
    })
    expect(await audits(idOf(url), 'assembly_failed')).toHaveLength(1)
    expect(await audits(idOf(yours), 'conflicted')).toHaveLength(1)

    // The manager takes the culprit out, and the rest goes.
    expect((await manager.send('POST', `${url}/changesets`, { remove: [idOf(yours)] })).status).toBe(200)
    expect((await flow.assembled(url)).state).toBe('succeeded')
    expect((await flow.publish(url)).status).toBe(200)
    expect(mailsTo(author, 'changeset_conflicted', 'Yours')).toHaveLength(1)
  })

  test('a file where another changeset has a directory is a conflict like any other', async () => {
    const directory = await world.changeset(author, 'queued', { path: 'place/inner.yaml', content: 'a\n' })
    const file = await world.changeset(author, 'queued', { path: 'place', content: 'b\n' })
    const url = await flow.draft(directory, file)
    expect((await flow.assembled(url)).result).toMatchObject({
      culprit: idOf(file),
      reason: 'conflict',
      files: ['place', 'place/inner.yaml'],
    })
  })

  test('a changeset that has left the queue stops the release and stays as it is', async () => {
    const [fine, gone] = [await world.changeset(author, 'queued'), await world.changeset(author, 'queued')]
    const url = await flow.draft(fine, gone)
    const changesets = world.db.collection('changesets')
    // It leaves after the request has looked and before the worker does.
    await world.db.collection<{ _id: string }>('job_pauses').insertOne({ _id: 'release_assemble' })
    const asked = await manager.send('POST', `${url}/assemble`)
    await changesets.updateOne({ _id: new ObjectId(idOf(gone)) }, { $set: { state: 'approved' } })
    await world.db.collection('job_pauses').deleteMany({})
    const job = await world.job(asked.body.data.job.id)
    expect(job.result).toMatchObject({ culprit: idOf(gone), reason: 'not_queued', files: [] })
    await expectDraftAgain(url, [fine, gone])
    expect(await flow.changeset(gone)).toMatchObject({ state: 'approved', last_revalidation_job_id: null })
    expect(await flow.changeset(fine)).toMatchObject({ state: 'queued' })
  })

  test('the suite runs once on the whole when it passes, and is told what for', async () => {
    const both = [await world.changeset(author, 'queued'), await world.changeset(author, 'queued')]
    const url = await flow.validated(...both)
    const { composed_sha } = await flow.release(url)
    expect(suite.runs().filter(({ entity }) => entity === idOf(url))).toMatchObject([
      {
        payload: {
          gate: 'release_assemble',
          app_id: world.appId,
          release_id: idOf(url),
          changeset_id: idOf(both[1] ?? ''),
          changeset_ids: both.map(idOf),
          commit_sha: composed_sha,
          profile_ids: [],
        },
      },
    ])
  })

  test('the culprit of a failing suite is the last changeset of the shortest prefix that fails', async () => {
    const urls: string[] = []
    for (let index = 0; index < 4; index += 1)
      urls.push(await world.changeset(author, 'queued', { title: `T${index}` }))
    const ids = urls.map(idOf)
    // The third and the fourth would both fail; the third does first.
    suite.failFor(ids[2] ?? '')
    suite.failFor(ids[3] ?? '')
    const url = await flow.draft(...urls)
    const job = await flow.assembled(url)
    expect(job).toMatchObject({
      state: 'failed',
      retry_count: 0,
      error_message: expect.stringContaining(`changeset ${ids[2]} fails the merge suite`),
      result: { culprit: ids[2], reason: 'test_failed', files: [] },
    })
    expect(prefixes(url)).toEqual([ids, ids.slice(0, 1), ids.slice(0, 2), ids.slice(0, 3)])
    await expectDraftAgain(url, urls)
    expect(await flow.changeset(urls[2] ?? '')).toMatchObject({
      state: 'needs_revalidation',
      approvals: [],
      queue_position: null,
      last_revalidation_status: 'test_failed',
      last_revalidation_files: [],
    })
    for (const index of [0, 1, 3]) expect((await flow.changeset(urls[index] ?? '')).state).toBe('queued')
    await expect.poll(() => mailsTo(author, 'changeset_needs_revalidation', 'T2')).toHaveLength(1)
    expect(await audits(ids[2] ?? '', 'needs_revalidation')).toHaveLength(1)

    // Without it the fourth is the one; then it is the first that only fails with nothing before it.
    await manager.send('POST', `${url}/changesets`, { remove: [ids[2]] })
    expect((await flow.assembled(url)).result).toMatchObject({ culprit: ids[3] })
    suite.failFor(ids[0] ?? '')
    await manager.send('POST', `${url}/changesets`, { remove: [ids[3]] })
    expect((await flow.assembled(url)).result).toMatchObject({ culprit: ids[0] })
    suite.failForNothing()
    await manager.send('POST', `${url}/changesets`, { remove: [ids[0]] })
    expect((await flow.assembled(url)).result).toMatchObject({ status: 'validated' })
  })

  test('a validated release whose job is run again stays as it is, and the job says the same', async () => {
    const url = await flow.draft(await world.changeset(author, 'queued'))
    const job = await flow.assembled(url)
    const before = [await flow.release(url), await rowsOf(url)]
    const again = await runAgain(job.id)
    expect(again).toMatchObject({ state: 'succeeded', result: job.result })
    expect([await flow.release(url), await rowsOf(url)]).toEqual(before)
    expect((await world.db.collection('jobs').findOne({ _id: new ObjectId(job.id) }))?.attempts).toBe(2)
    expect(await audits(idOf(url), 'validated')).toHaveLength(1)
    // Nor does it matter to the release when the job comes up once more much later.
    expect((await flow.publish(url)).status).toBe(200)
    const published = await flow.release(url)
    expect(await runAgain(job.id)).toMatchObject({ state: 'succeeded', result: job.result })
    expect(await flow.release(url)).toEqual(published)
  })

  test('a job that the release has gone on without changes nothing', async () => {
    const changeset = await world.changeset(author, 'queued')
    const url = await flow.draft(changeset)
    suite.failFor(idOf(changeset))
    const first = await flow.assembled(url)
    expect(first.state).toBe('failed')
    suite.failForNothing()
    // The author's fix goes all the way to the queue again.
    await world.db
      .collection('changesets')
      .updateOne({ _id: new ObjectId(idOf(changeset)) }, { $set: { state: 'queued', queue_position: 1 } })
    expect((await flow.assembled(url)).state).toBe('succeeded')
    const before = [await flow.release(url), await flow.changeset(changeset), await rowsOf(url)]
    expect(await runAgain(first.id)).toMatchObject({ result: { status: 'skipped', reason: 'not_assembling' } })
    expect([await flow.release(url), await flow.changeset(changeset), await rowsOf(url)]).toEqual(before)
  })

  test('what the git backend cannot do for a moment is tried again', async () => {
    const url = await flow.draft(await world.changeset(author, 'queued'))
    const refused = { code: status.RESOURCE_EXHAUSTED }
    proxy.script('UserMergeToRef', refused)
    const job = await flow.assembled(url)
    expect(job).toMatchObject({ state: 'succeeded', retry_count: 1 })
    expect((await flow.release(url)).state).toBe('validated')
  })

  test('what it cannot do at all leaves a draft and every changeset in the queue', async () => {
    const changeset = await world.changeset(author, 'queued')
    const url = await flow.draft(changeset)
    proxy.script('UserMergeToRef', ...Array.from({ length: 3 }, () => ({ code: status.INTERNAL, message: 'broken' })))
    const job = await flow.assembled(url)
    expect(job).toMatchObject({ state: 'failed', retry_count: 2 })
    await expectDraftAgain(url, [changeset])
    expect(await flow.changeset(changeset)).toMatchObject({ state: 'queued', last_revalidation_status: null })
    expect(await audits(idOf(url), 'assembly_failed')).toMatchObject([{ after: { culprit: null, reason: 'error' } }])
    expect((await flow.assembled(url)).state).toBe('succeeded')
  })

  test('a merge reference that somebody holds is no conflict', async () => {
    const changeset = await world.changeset(author, 'queued')
    const url = await flow.draft(changeset)
    const directory = world.git('rev-parse', '--absolute-git-dir').trim()
    const lock = join(directory, `refs/merge-requests/${idOf(url)}/merge.lock`)
    mkdirSync(dirname(lock), { recursive: true })
    writeFileSync(lock, '')
    try {
      const job = await flow.assembled(url)
      expect(job.result).toBe(null)
      expect(await flow.changeset(changeset)).toMatchObject({ state: 'queued' })
      await expectDraftAgain(url, [changeset])
    } finally {
      rmSync(lock)
    }
    expect((await flow.assembled(url)).state).toBe('succeeded')
  })

  test('a backend that has no word for a conflict is understood', async () => {
    const mine = await world.changeset(author, 'queued', { path: 'silent.yaml', content: 'mine\n' })
    const yours = await world.changeset(author, 'queued', { path: 'silent.yaml', content: 'yours\n' })
    const url = await flow.draft(mine, yours)
    const wordless = { code: status.FAILED_PRECONDITION, message: 'Failed to create merge commit' }
    // GitLab's Gitaly would say the same of the second and of the first, whose reference somebody moves.
    proxy.script('UserMergeToRef', wordless, 'pass', 'pass', wordless, wordless)
    expect((await flow.assembled(url)).result).toMatchObject({ culprit: idOf(yours), files: ['silent.yaml'] })
    expect(await flow.changeset(mine)).toMatchObject({ state: 'queued' })
  })

  test('a title with line breaks does not become lines of the commit', async () => {
    const title = 'One\nTwo\u0000\u001b[31mThree'
    const url = await flow.validated(await world.changeset(author, 'queued', { title }))
    const { composed_sha } = await flow.release(url)
    expect(world.git('log', '-1', '--format=%B', composed_sha).trim()).toContain('(One Two [31mThree)')
  })
})
