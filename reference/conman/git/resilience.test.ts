/**
 * Retries, deadlines and lost answers of the git backend, seen through the server's own HTTP (GR1–GR7, GT1–GT5, C2, C3).
 *
 * The backend is the real one, behind a proxy that spoils calls as told.
 */
import { status } from '@grpc/grpc-js'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type GitProxy, startGitProxy } from '../test/git-proxy.ts'
import { createWorld, HAS_PARTS, idOf, type Person, type World } from '../test/world.ts'

/** Small limits, so that the tests need not wait for the real ones; what is passed on shows that they are the configured ones. */
const LIMITS = {
  CONMAN_GIT_DEADLINE: '2500ms',
  CONMAN_GITALY_TIMEOUT_DEFAULT: '600ms',
  CONMAN_GITALY_TIMEOUT_DIFF: '700ms',
  CONMAN_GITALY_TIMEOUT_MERGE: '800ms',
}

describe.skipIf(!HAS_PARTS)('the git backend over HTTP', () => {
  let proxy: GitProxy
  let world: World
  let author: Person
  let space: string

  beforeAll(async () => {
    proxy = await startGitProxy(process.env.READINESS_TEST_GIT_ADDRESS ?? '')
    world = await createWorld({ env: { ...LIMITS, CONMAN_GITALY_ADDRESS: proxy.address } })
    author = await world.person('user')
    space = await world.workspace(author)
  })
  afterEach(() => proxy.reset())
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]()
    await proxy?.[Symbol.asyncDispose]()
  })

  const list = () => author.get(`${space}/files`)
  const of = (method: string) => proxy.calls.filter((call) => call.method === method)
  const waits = (method: string) =>
    of(method)
      .slice(1)
      .map(({ atMs }, index) => atMs - (of(method)[index]?.atMs ?? 0))

  test('GR1: a listing succeeds on the third attempt after UNAVAILABLE twice', async () => {
    proxy.script('GetTreeEntries', { code: status.UNAVAILABLE }, { code: status.UNAVAILABLE })
    expect((await list()).status).toBe(200)
    expect(of('GetTreeEntries')).toHaveLength(3)
  })

  test('GR2: a listing succeeds on the second attempt after DEADLINE_EXCEEDED', async () => {
    proxy.script('GetTreeEntries', { code: status.DEADLINE_EXCEEDED })
    expect((await list()).status).toBe(200)
    expect(of('GetTreeEntries')).toHaveLength(2)
  })

  test.each([
    ['GR3', status.NOT_FOUND, 404, 'not_found'],
    ['GR4', status.INVALID_ARGUMENT, 400, 'validation_error'],
  ] as const)('%s: status %i is answered at once', async (_id, code, http, name) => {
    // The root is asked for under its second name after an INVALID_ARGUMENT, so a directory is listed.
    await world.edit(author, space, 'dir/file.txt', 'x')
    proxy.reset()
    proxy.script('GetBlobs', { code: status.UNAVAILABLE, message: 'x' })
    proxy.script('GetTreeEntries', { code })
    const answer = await author.get(`${space}/files?path=dir`)
    expect([answer.status, answer.body.error.code]).toEqual([http, name])
    expect(of('GetTreeEntries')).toHaveLength(1)
  })

  test('GR5, GR6: after three retries, about 100, 200 and 400 ms apart, it is 502 git_error', async () => {
    proxy.script('GetTreeEntries', ...Array.from({ length: 4 }, () => ({ code: status.UNAVAILABLE })))
    const answer = await list()
    expect([answer.status, answer.body.error.code]).toEqual([502, 'git_error'])
    const measured = waits('GetTreeEntries')
    expect(measured).toHaveLength(3)
    for (const [index, nominal] of [100, 200, 400].entries()) {
      expect(measured[index]).toBeGreaterThan(nominal * 0.75)
      expect(measured[index]).toBeLessThan(nominal * 1.5 + 150)
    }
  })

  test('GR7: while the backend is away git says 502 and health names it; what needs no git goes on', async () => {
    proxy.stop()
    const away = await list()
    expect([away.status, away.body.error.code]).toEqual([502, 'git_error'])
    expect((await author.get(`${world.app}/changesets`)).status).toBe(200)
    const health = async () => (await world.anonymous.get('/api/health')).body
    const gitaly = async () =>
      (await health()).components.find(({ name }: { name: string }) => name === 'gitaly').status
    await expect.poll(gitaly, { timeout: 5_000 }).toBe('unhealthy')
    expect((await world.anonymous.get('/api/health')).status).toBe(503)
    await proxy.start()
    await expect.poll(async () => (await list()).status, { timeout: 10_000 }).toBe(200)
    await expect.poll(gitaly, { timeout: 5_000 }).toBe('healthy')
  })

  test("GT2: an attempt's time is the configured one, and a silent one is tried again", async () => {
    proxy.script('GetTreeEntries', 'silence')
    expect((await list()).status).toBe(200)
    const [first] = of('GetTreeEntries')
    expect(first?.timeoutMs).toBeGreaterThan(300)
    expect(first?.timeoutMs).toBeLessThan(620)
    await expect.poll(() => first?.canceled).toBe(true)
  })

  test('C2: one deadline bounds all attempts of a request: 504, no later than it says', async () => {
    proxy.script('GetTreeEntries', ...Array.from({ length: 4 }, () => 'silence' as const))
    const startedMs = performance.now()
    const answer = await list()
    expect([answer.status, answer.body.error.code]).toEqual([504, 'git_timeout'])
    // It gives up a moment earlier where the wait before the next attempt would be too long.
    expect(performance.now() - startedMs).toBeGreaterThan(1_800)
    expect(performance.now() - startedMs).toBeLessThan(3_500)
    expect((await list()).status).toBe(200)
  })

  test('GT1, GT3, GT4, GT5: each class of calls is sent with its own time', async () => {
    const url = await world.changeset(author, 'queued')
    expect((await author.get(`${url}/diff`)).status).toBe(200)
    expect((await author.get(`${url}/diff?format=raw`)).status).toBe(200)
    const name = `timed-${world.run}`
    expect((await world.admin.send('POST', '/api/apps', { name, repo_path: `test/${name}.git` })).status).toBe(201)
    expect((await author.send('POST', `${space}/sync-integration`)).status).toBe(200)
    const allowed: [string, number][] = [
      ['RepositoryExists', 5_000],
      ['CreateRepository', 5_000],
      ['GetBlobs', 600],
      ['FindBranch', 600],
      ['DiffStats', 700],
      ['RawDiff', 700],
      ['UserCommitFiles', 30_000],
      ['UserRebaseToRef', 800],
    ]
    for (const [method, limitMs] of allowed) {
      const times = of(method).map(({ timeoutMs }) => timeoutMs)
      expect([method, times.length > 0]).toEqual([method, true])
      for (const time of times) {
        expect([method, time]).toEqual([
          method,
          expect.toSatisfy((ms: number) => ms > limitMs * 0.5 && ms < limitMs + 20),
        ])
      }
    }
  })

  test('a commit whose answer was lost is found done, not made twice', async () => {
    const before = Number(world.git('rev-list', '--count', '--all').trim())
    proxy.script('UserCommitFiles', 'lose the answer')
    const path = `lost-${world.run}.txt`
    const sha = await world.edit(author, space, path, 'kept')
    expect(world.git('show', `${sha}:${path}`)).toBe('kept')
    expect(Number(world.git('rev-list', '--count', '--all').trim())).toBe(before + 1)
    expect((await author.get(space)).body.data.head_sha).toBe(sha)
  })

  test('a deletion, a sync and a new workspace whose answers were lost are done once', async () => {
    await world.edit(author, space, 'gone.txt', 'x')
    proxy.script('UserCommitFiles', 'lose the answer')
    expect((await author.send('DELETE', `${space}/files`, { path: 'gone.txt' })).status).toBe(200)
    expect((await author.get(`${space}/files?path=gone.txt`)).status).toBe(404)

    proxy.script('UserRebaseToRef', 'lose the answer')
    const synced = await author.send('POST', `${space}/sync-integration`)
    expect(synced.body.data.clean).toBe(true)
    expect((await author.get(space)).body.data.head_sha).toBe(synced.body.data.head_sha)

    proxy.script('UserCreateBranch', 'lose the answer')
    const other = await world.another('user')
    const spaces = await other.get(`${world.app}/workspaces`)
    expect(spaces).toMatchObject({ status: 200, body: { data: [{ is_default: true }] } })
  })

  test("a worker's merge whose answer was lost is assembled all the same", async () => {
    const manager = await world.person('config_manager')
    const url = await world.changeset(author, 'queued')
    const made = await manager.send('POST', `${world.app}/releases`, { changeset_ids: [idOf(url)] })
    const release = `${world.app}/releases/${made.body.data.id}`
    proxy.script('UserMergeToRef', 'lose the answer')
    const assembling = await manager.send('POST', `${release}/assemble`)
    expect(await world.job(assembling.body.data.job.id)).toMatchObject({ state: 'succeeded' })
    proxy.script('UserCreateTag', 'lose the answer')
    proxy.script('UpdateReferences', 'lose the answer')
    expect((await manager.send('POST', `${release}/publish`)).status).toBe(200)
    const tag = (await manager.get(release)).body.data.tag
    expect(world.git('rev-parse', `${tag}^{commit}`)).toBe(world.git('rev-parse', 'main'))
  })
})
