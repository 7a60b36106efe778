/** What becomes of a workspace when the git backend fails in the middle of a move, or its answer is lost. */
import { status } from '@grpc/grpc-js'
import { ObjectId } from 'mongodb'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { commitTo } from '../test/commit-to.ts'
import { type GitProxy, startGitProxy } from '../test/git-proxy.ts'
import { startServer } from '../test/server-process.ts'
import { createWorld, HAS_PARTS, idOf, type Person, type World } from '../test/world.ts'

describe.skipIf(!HAS_PARTS)('a workspace whose git backend fails', () => {
  let proxy: GitProxy
  let world: World
  let owner: Person
  let url: string

  beforeAll(async () => {
    proxy = await startGitProxy(process.env.READINESS_TEST_GIT_ADDRESS ?? '')
    world = await createWorld({ env: { CONMAN_GITALY_ADDRESS: proxy.address, CONMAN_GIT_DEADLINE: '5s' } })
    owner = await world.person('user')
    url = await world.workspace(owner)
  })
  afterEach(() => proxy.reset())
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]()
    await proxy?.[Symbol.asyncDispose]()
  })

  const git = (...args: string[]) => world.git(...args).trim()
  const stored = () => world.db.collection('workspaces').findOne({ _id: new ObjectId(idOf(url)) })
  const tip = async () => git('rev-parse', `refs/heads/${(await stored())?.branch_name}`)
  const send = (action: string, body: unknown = {}) => owner.send('POST', `${url}/${action}`, body)
  const LOST = Array.from({ length: 4 }, () => 'lose the answer' as const)

  test('a checkpoint whose answer was lost is made once', async () => {
    const before = await world.edit(owner, url, 'a.txt', 'a')
    proxy.script('UserCommitFiles', 'lose the answer')
    const answer = await send('checkpoints', { message: 'Once' })
    expect(answer.status).toBe(200)
    expect(git('rev-list', '--count', `${before}..${answer.body.data.commit_sha}`)).toBe('1')
    expect((await stored())?.head_sha).toBe(await tip())
    // What somebody commits in between is none.
    const pushed = commitTo(world, String((await stored())?.branch_name), { 'b.txt': 'b' })
    proxy.script('UserCommitFiles', { code: status.FAILED_PRECONDITION })
    const second = await send('checkpoints')
    expect(git('rev-parse', `${second.body.data.commit_sha}^`)).toBe(pushed)
  })

  test('a reset whose answer was lost is done', async () => {
    await world.edit(owner, url, 'c.txt', 'c')
    proxy.script('UpdateReferences', 'lose the answer')
    const answer = await send('reset')
    expect(answer).toMatchObject({ status: 200, body: { data: { head_sha: git('rev-parse', 'main') } } })
    expect((await stored())?.head_sha).toBe(await tip())
  })

  test.each([
    ['reset', 'UpdateReferences', 'reset'],
    ['sync-integration', 'UserRebaseToRef', 'synced_integration'],
  ])('a %s that is done without anybody knowing is taken up by the next one', async (action, method, event) => {
    await world.edit(owner, url, 'd.txt', `before ${action}`)
    const onto = commitTo(world, 'main', { [`${action}.txt`]: 'theirs' })
    const before = await stored()
    const rows = { entity_id: idOf(url), action: event }
    const audited = await world.db.collection('audit_events').countDocuments(rows)
    proxy.script(method, ...LOST)
    expect((await send(action)).status).toBe(502)
    expect(await stored()).toEqual(before)
    expect(git('merge-base', onto, await tip())).toBe(onto)
    expect((await send(action)).status).toBe(200)
    expect(await stored()).toMatchObject({ head_sha: await tip(), base_sha: onto })
    expect(await world.db.collection('audit_events').countDocuments(rows)).toBe(audited + 1)
  })

  test('an edit finds what a lost one has left, and says where it is', async () => {
    proxy.script('UserCommitFiles', ...LOST)
    const path = 'left.txt'
    const content = Buffer.from('left').toString('base64')
    const lost = await owner.send('PUT', `${url}/files`, { path, content })
    expect(lost.status).toBe(502)
    const left = await tip()
    const again = await owner.send('PUT', `${url}/files`, { path, content })
    expect(again).toMatchObject({ status: 200, body: { data: { commit_sha: left } } })
    expect((await stored())?.head_sha).toBe(left)
  })

  test('a sync that is overtaken by a later one leaves what that one has recorded', async () => {
    await using other = await startServer(['--role', 'api'], {
      ...world.env,
      CONMAN_GITALY_ADDRESS: process.env.READINESS_TEST_GIT_ADDRESS ?? '',
    })
    await world.edit(owner, url, 'overtaken.txt', 'x')
    const before = await tip()
    git('update-ref', 'refs/heads/soon', commitTo(world, 'main', { 'earlier.txt': 'theirs' }))
    const later = commitTo(world, 'soon', { 'later.txt': 'theirs' })
    // It has moved the branch, does not know it, and looks again only when the other one is through.
    proxy.script('UserRebaseToRef', 'lose the answer', { delayMs: 2_500 })
    const slow = send('sync-integration')
    await expect.poll(tip, { interval: 5 }).not.toBe(before)
    git('update-ref', 'refs/heads/main', later)
    const fast = await other.client(owner.token).send('POST', `${url}/sync-integration`)
    expect(fast.body.data.clean).toBe(true)
    expect((await slow).body.data.clean).toBe(true)
    expect(await stored()).toMatchObject({ head_sha: fast.body.data.head_sha, base_sha: later })
  })

  test.each([
    ['the word', { code: status.FAILED_PRECONDITION, message: 'rebase failed due to Conflict' }],
    ['no words of git', { code: status.INTERNAL, message: 'git merge failed: stderr: ' }],
  ])('a conflict told with %s is one', async (_what, step) => {
    await world.edit(owner, url, 'mine.txt', 'x')
    const before = await stored()
    proxy.script('UserRebaseToRef', step)
    const answer = await send('sync-integration')
    expect(answer).toMatchObject({ status: 200, body: { data: { clean: false, head_sha: before?.head_sha } } })
    expect(await stored()).toEqual(before)
  })

  test.each([
    ['internal', { code: status.INTERNAL }, 502, 'git_error'],
    ['unimplemented', { code: status.UNIMPLEMENTED }, 502, 'git_error'],
    ['refused', { code: status.INVALID_ARGUMENT }, 400, 'validation_error'],
    ['in another state', { code: status.FAILED_PRECONDITION }, 409, 'conflict'],
  ])('a sync that is %s changes nothing', async (_what, step, http, code) => {
    await world.edit(owner, url, 'mine.txt', `before ${code} ${http}`)
    const before = await stored()
    proxy.script('UserRebaseToRef', step)
    const answer = await send('sync-integration')
    expect([answer.status, answer.body.error.code]).toEqual([http, code])
    expect(await stored()).toEqual(before)
    expect(await tip()).toBe(before?.head_sha)
  })

  test('a backend that does not answer holds nobody for ever, nor those who wait behind', async () => {
    proxy.script('UserRebaseToRef', 'silence')
    const silent = send('sync-integration')
    const behind = owner.send('PUT', `${url}/files`, { path: 'behind.txt', content: 'eA==' })
    expect((await silent).status).toBe(504)
    expect([200, 504]).toContain((await behind).status)
    expect((await world.edit(owner, url, 'after.txt', 'x')).length).toBe(40)
    expect((await stored())?.head_sha).toBe(await tip())
  })

  test('a diff and a comment on a file say that git failed; a comment on the whole needs no git', async () => {
    const changeset = await world.changeset(owner, 'submitted', { path: 'talk.txt' })
    proxy.script('DiffStats', { code: status.INTERNAL }, { code: status.INTERNAL })
    proxy.script('RawDiff', { code: status.INTERNAL })
    const answers = [
      await owner.get(`${changeset}/diff`),
      await owner.send('POST', `${changeset}/comments`, { body: 'x', file_path: 'talk.txt' }),
      await owner.get(`${changeset}/diff?format=raw`),
    ]
    expect(answers.map(({ status, body }) => [status, body.error.code])).toEqual(answers.map(() => [502, 'git_error']))
    proxy.calls.length = 0
    expect((await owner.send('POST', `${changeset}/comments`, { body: 'x' })).status).toBe(201)
    expect(proxy.calls).toEqual([])
  })
})
