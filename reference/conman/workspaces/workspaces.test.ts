/** What moves a workspace besides edits (E04, HD58–HD60), on the whole server and a real repository. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ObjectId } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commitTo } from '../test/commit-to.ts'
import { type ServerProcess, startServer } from '../test/server-process.ts'
import { base64, createWorld, HAS_PARTS, idOf, type Person, type World } from '../test/world.ts'

describe.skipIf(!HAS_PARTS)('workspaces', () => {
  let world: World
  let owner: Person
  let second: ServerProcess

  beforeAll(async () => {
    world = await createWorld()
    owner = await world.person('user')
    second = await startServer(['--role', 'api'], world.env)
  })
  afterAll(async () => {
    await second?.[Symbol.asyncDispose]()
    await world?.[Symbol.asyncDispose]()
  })

  const git = (...args: string[]) => world.git(...args).trim()
  const main = () => git('rev-parse', 'refs/heads/main')
  const stored = async (url: string) => {
    const found = await world.db.collection('workspaces').findOne({ _id: new ObjectId(idOf(url)) })
    return { branch: String(found?.branch_name), head: String(found?.head_sha), base: String(found?.base_sha) }
  }
  const tip = async (url: string) => git('rev-parse', `refs/heads/${(await stored(url)).branch}`)
  const show = (commit: string, path: string) => world.git('show', `${commit}:${path}`)
  const files = (commit: string) => git('ls-tree', '-r', '--name-only', commit).split('\n')
  const audits = (url: string, action: string) =>
    world.db
      .collection('audit_events')
      .find({ entity_id: idOf(url), action })
      .sort({ occurred_at: 1 })
      .toArray()
  const reset = (url: string, who: Person = owner) => who.send('POST', `${url}/reset`)
  const sync = (url: string, who: Person = owner) => who.send('POST', `${url}/sync-integration`)
  const checkpoint = (url: string, body: unknown = {}, who: Person = owner) =>
    who.send('POST', `${url}/checkpoints`, body)
  /** The same person at the other server. */
  const elsewhere = (who: Person): Person => ({ ...who, ...second.client(who.token) })

  /** The record, the branch and the base agree, whatever has happened. */
  async function expectWhole(url: string): Promise<string> {
    const { head, base } = await stored(url)
    expect(head).toBe(await tip(url))
    expect(git('merge-base', base, head)).toBe(base)
    expect(git('merge-base', base, 'main')).toBe(base)
    return head
  }

  describe('reset', () => {
    test('brings the branch back to integration, wherever that is now', async () => {
      const url = await world.workspace(owner)
      const edited = await world.edit(owner, url, 'reset/a.txt', 'mine')
      const moved = commitTo(world, 'main', { 'reset/theirs.txt': 'theirs' })
      const answer = await reset(url)
      expect(answer).toMatchObject({ status: 200, body: { data: { head_sha: moved } } })
      expect(await stored(url)).toMatchObject({ head: moved, base: moved })
      expect(await expectWhole(url)).toBe(moved)
      expect((await owner.get(url)).body.data).toMatchObject({ head_sha: moved, base_sha: moved })
      expect((await owner.get(`${url}/files?path=reset/a.txt`)).status).toBe(404)
      expect((await owner.get(`${url}/files?path=reset/theirs.txt`)).status).toBe(200)
      // The row is what names the commits that were left behind.
      expect(await audits(url, 'reset')).toMatchObject([
        {
          entity_type: 'workspace',
          actor_user_id: new ObjectId(owner.id),
          before: { head_sha: edited },
          after: { head_sha: moved, base_sha: moved },
          git_sha: moved,
        },
      ])
      const again = await world.edit(owner, url, 'reset/a.txt', 'again')
      expect(git('rev-parse', `${again}^`)).toBe(moved)
    })

    test('with nothing to do it answers the same', async () => {
      const url = await world.workspace(owner)
      const before = await stored(url)
      expect((await reset(url)).body.data.head_sha).toBe(before.head)
      expect(await stored(url)).toEqual(before)
    })

    test('makes a branch anew that somebody has deleted', async () => {
      const url = await world.workspace(owner)
      await world.edit(owner, url, 'a.txt', 'mine')
      git('update-ref', '-d', `refs/heads/${(await stored(url)).branch}`)
      expect((await sync(url)).status).toBe(404)
      expect((await owner.send('PUT', `${url}/files`, { path: 'a.txt', content: base64('x') })).status).toBe(404)
      expect((await reset(url)).body.data.head_sha).toBe(main())
      await expectWhole(url)
      await world.edit(owner, url, 'a.txt', 'mine')
    })
  })

  describe('sync', () => {
    test('replays the edits on integration', async () => {
      const url = await world.workspace(owner)
      await world.edit(owner, url, 'sync/a.txt', 'a')
      const edited = await world.edit(owner, url, 'sync/b.txt', 'b')
      const onto = commitTo(world, 'main', { 'sync/theirs.txt': 'theirs' })
      const answer = await sync(url)
      expect(answer).toMatchObject({ status: 200, body: { data: { clean: true, conflicting_paths: [] } } })
      const head = answer.body.data.head_sha
      expect(await stored(url)).toMatchObject({ head, base: onto })
      expect(await expectWhole(url)).toBe(head)
      expect(git('rev-parse', `${head}~2`)).toBe(onto)
      expect(git('log', '-1', '--format=%ae', head)).toBe(owner.email)
      expect([show(head, 'sync/a.txt'), show(head, 'sync/b.txt'), show(head, 'sync/theirs.txt')]).toEqual([
        'a',
        'b',
        'theirs',
      ])
      expect(main()).toBe(onto)
      expect(await audits(url, 'synced_integration')).toMatchObject([
        {
          entity_type: 'workspace',
          before: { head_sha: edited },
          after: { head_sha: head, base_sha: onto },
          git_sha: head,
        },
      ])
    })

    test('a conflict moves nothing and names the files', async () => {
      const url = await world.workspace(owner)
      await world.edit(owner, url, 'clash/same.txt', 'mine\n')
      await world.edit(owner, url, 'clash/only-mine.txt', 'mine\n')
      await world.edit(owner, url, 'clash/dir/file.txt', 'mine\n')
      const before = await stored(url)
      const moved = commitTo(world, 'main', {
        'clash/same.txt': 'theirs\n',
        'clash/only-theirs.txt': 'theirs\n',
        'clash/dir': 'a file here\n',
      })
      const answer = await sync(url)
      expect(answer.status).toBe(200)
      expect(answer.body.data).toEqual({
        clean: false,
        head_sha: before.head,
        conflicting_paths: ['clash/dir', 'clash/dir/file.txt', 'clash/same.txt'],
        message: expect.any(String),
      })
      expect(await stored(url)).toEqual(before)
      expect(await tip(url)).toBe(before.head)
      expect(await audits(url, 'synced_integration')).toEqual([])
      // Once the files agree it goes through.
      commitTo(world, 'main', { 'clash/same.txt': 'mine\n', 'clash/dir': null })
      expect((await sync(url)).body.data).toMatchObject({ clean: true })
      const head = await expectWhole(url)
      expect(git('merge-base', moved, head)).toBe(moved)
    })

    test('with nothing to do, or everything taken already, it is clean', async () => {
      const url = await world.workspace(owner)
      const edited = await world.edit(owner, url, 'contained.txt', 'x')
      expect((await sync(url)).body.data).toMatchObject({ clean: true, head_sha: edited })
      expect((await stored(url)).base).toBe(main())
      // Integration takes the commit itself, and goes on.
      git('update-ref', 'refs/heads/main', edited, main())
      const later = commitTo(world, 'main', { 'contained-2.txt': 'y' })
      expect((await sync(url)).body.data).toMatchObject({ clean: true, head_sha: later })
      expect(await expectWhole(url)).toBe(later)
      // Integration makes the same change in a commit of its own.
      await world.edit(owner, url, 'contained-3.txt', 'z')
      const equal = commitTo(world, 'main', { 'contained-3.txt': 'z' })
      expect((await sync(url)).body.data).toMatchObject({ clean: true, head_sha: equal })
      await expectWhole(url)
    })

    test('starts from where the branch really is', async () => {
      const url = await world.workspace(owner)
      await world.edit(owner, url, 'behind/a.txt', 'a')
      const { branch } = await stored(url)
      commitTo(world, branch, { 'behind/pushed.txt': 'pushed' })
      commitTo(world, 'main', { 'behind/theirs.txt': 'theirs' })
      const answer = await sync(url)
      expect(answer.body.data.clean).toBe(true)
      const head = await expectWhole(url)
      expect(files(head)).toEqual(expect.arrayContaining(['behind/a.txt', 'behind/pushed.txt', 'behind/theirs.txt']))
      // A conflict is then told with the head that there is.
      const pushed = commitTo(world, branch, { 'behind/clash.txt': 'pushed' })
      commitTo(world, 'main', { 'behind/clash.txt': 'theirs' })
      const refused = await sync(url)
      expect(refused.body.data).toMatchObject({
        clean: false,
        head_sha: pushed,
        conflicting_paths: ['behind/clash.txt'],
      })
      expect(await expectWhole(url)).toBe(pushed)
    })

    test('a reference that is locked is no conflict', async () => {
      const url = await world.workspace(owner)
      const edited = await world.edit(owner, url, 'locked.txt', 'x')
      commitTo(world, 'main', { 'unlocked.txt': 'y' })
      const { branch } = await stored(url)
      const lock = join(git('rev-parse', '--absolute-git-dir'), `refs/heads/${branch}.lock`)
      writeFileSync(lock, '')
      const refused = await sync(url)
      rmSync(lock)
      expect([refused.status, refused.body.error.code]).toEqual([409, 'conflict'])
      expect(await stored(url)).toMatchObject({ head: edited })
      expect((await sync(url)).body.data).toMatchObject({ clean: true })
      await expectWhole(url)
    })

    test('without an integration branch there is nothing to follow', async () => {
      const url = await world.workspace(owner)
      const before = await stored(url)
      const at = main()
      git('update-ref', '-d', 'refs/heads/main')
      try {
        expect((await sync(url)).body.error.code).toBe('conflict')
        expect((await reset(url)).body.error.code).toBe('conflict')
      } finally {
        git('update-ref', 'refs/heads/main', at)
      }
      expect(await stored(url)).toEqual(before)
    })
  })

  describe('at the same time', () => {
    test('twenty edits and a sync lose nothing', async () => {
      const url = await world.workspace(owner)
      await world.edit(owner, url, 'race/first.txt', 'first')
      commitTo(world, 'main', { 'race/theirs.txt': 'theirs' })
      const writes = Array.from({ length: 20 }, (_, n) => world.edit(owner, url, `race/${n}.txt`, `edit ${n}`))
      const [answer] = await Promise.all([sync(url), ...writes])
      expect(answer.body.data.clean).toBe(true)
      const head = await expectWhole(url)
      for (let n = 0; n < 20; n += 1) expect(show(head, `race/${n}.txt`)).toBe(`edit ${n}`)
      expect(show(head, 'race/theirs.txt')).toBe('theirs')
    })

    test('edits and syncs of two servers lose nothing', async () => {
      const url = await world.workspace(owner)
      const people = [owner, elsewhere(owner)]
      const acknowledged: string[] = []
      const write = async (who: Person, path: string) => {
        const answer = await who.send('PUT', `${url}/files`, { path, content: base64(path) })
        // Whoever is overtaken too often is told so, and nothing of it is stored.
        expect([200, 409]).toContain(answer.status)
        if (answer.status === 200) acknowledged.push(path)
      }
      for (let round = 0; round < 4; round += 1) {
        commitTo(world, 'main', { [`two/main-${round}.txt`]: 'theirs' })
        await Promise.all(
          people.flatMap((who, at) => [
            ...Array.from({ length: 6 }, (_, n) => write(who, `two/${round}-${at}-${n}.txt`)),
            sync(url, who),
          ]),
        )
        const head = await expectWhole(url)
        expect(files(head)).toEqual(expect.arrayContaining(acknowledged))
      }
      expect(acknowledged.length).toBeGreaterThan(24)
      expect((await sync(url)).body.data.clean).toBe(true)
      expect((await stored(url)).base).toBe(main())
    })

    test('resets, syncs, checkpoints and edits of two servers leave a whole workspace', async () => {
      const url = await world.workspace(owner)
      const people = [owner, elsewhere(owner)]
      for (let round = 0; round < 5; round += 1) {
        commitTo(world, 'main', { [`mix/main-${round}.txt`]: 'theirs' })
        const answers = await Promise.all(
          people.flatMap((who, at) => [
            reset(url, who),
            sync(url, who),
            checkpoint(url, {}, who),
            who.send('PUT', `${url}/files`, { path: `mix/${round}-${at}.txt`, content: base64('x') }),
          ]),
        )
        for (const { status } of answers) expect([200, 409]).toContain(status)
        await expectWhole(url)
      }
    })

    test('an edit that was acknowledged after a reset is there', async () => {
      const url = await world.workspace(owner)
      await world.edit(owner, url, 'order/before.txt', 'x')
      const done = reset(url)
      const edit = done.then(() => world.edit(elsewhere(owner), url, 'order/after.txt', 'y'))
      await Promise.all([done, edit, world.edit(owner, url, 'order/beside.txt', 'z')])
      const head = await expectWhole(url)
      expect(files(head)).toContain('order/after.txt')
      expect(files(head)).not.toContain('order/before.txt')
    })
  })

  describe('a branch that was moved behind the back', () => {
    test('an edit that would change nothing at the recorded head is made all the same', async () => {
      const url = await world.workspace(owner)
      await world.edit(owner, url, 'back/a.txt', 'one')
      commitTo(world, (await stored(url)).branch, { 'back/a.txt': 'two', 'back/b.txt': 'new' })
      await world.edit(owner, url, 'back/a.txt', 'one')
      const head = await expectWhole(url)
      expect(show(head, 'back/a.txt')).toBe('one')
      expect(files(head)).toContain('back/b.txt')
    })

    test('what is there can be deleted, and what is not is not found', async () => {
      const url = await world.workspace(owner)
      await world.edit(owner, url, 'back/c.txt', 'one')
      commitTo(world, (await stored(url)).branch, { 'back/c.txt': null, 'back/d.txt': 'new' })
      const remove = (path: string) => owner.send('DELETE', `${url}/files`, { path })
      expect((await remove('back/d.txt')).status).toBe(200)
      expect((await remove('back/c.txt')).status).toBe(404)
      expect(files(await expectWhole(url))).not.toContain('back/d.txt')
    })

    test('a checkpoint is made on top', async () => {
      const url = await world.workspace(owner)
      const pushed = commitTo(world, (await stored(url)).branch, { 'back/e.txt': 'pushed' })
      const answer = await checkpoint(url)
      expect(git('rev-parse', `${answer.body.data.commit_sha}^`)).toBe(pushed)
      expect(await expectWhole(url)).toBe(answer.body.data.commit_sha)
    })
  })

  describe('checkpoints', () => {
    test('are commits that change no file', async () => {
      const url = await world.workspace(owner)
      const edited = await world.edit(owner, url, 'point.txt', 'x')
      const answer = await checkpoint(url, { message: '  Before the storm  ' })
      expect(answer).toMatchObject({ status: 200, body: { data: { message: 'Before the storm' } } })
      const { commit_sha } = answer.body.data
      expect(git('rev-parse', `${commit_sha}^`)).toBe(edited)
      expect(git('rev-parse', `${commit_sha}^{tree}`)).toBe(git('rev-parse', `${edited}^{tree}`))
      expect(git('log', '-1', '--format=%an %s', commit_sha)).toBe(`${owner.email} Before the storm`)
      expect(await expectWhole(url)).toBe(commit_sha)
      expect(await audits(url, 'checkpoint')).toMatchObject([
        {
          entity_type: 'file',
          before: { head_sha: edited },
          after: { head_sha: commit_sha, message: 'Before the storm' },
          git_sha: commit_sha,
        },
      ])
      for (const body of [{}, { message: null }, { message: ' \n ' }]) {
        expect((await checkpoint(url, body)).body.data.message).toBe('checkpoint')
      }
    })

    test('ten at once are ten', async () => {
      const url = await world.workspace(owner)
      const before = (await stored(url)).head
      const answers = await Promise.all(Array.from({ length: 10 }, () => checkpoint(url)))
      expect(new Set(answers.map(({ body }) => body.data.commit_sha)).size).toBe(10)
      expect(git('rev-list', '--count', `${before}..${await expectWhole(url)}`)).toBe('10')
    })

    test.each([
      ['a number', { message: 1 }],
      ['a list', { message: ['x'] }],
      ['an operator', { message: { $gt: '' } }],
      ['NUL', { message: 'a\0b' }],
      ['too long', { message: 'x'.repeat(10_001) }],
      ['no object', []],
      ['no JSON', '{"message":'],
      ['no body', undefined],
    ])('a message that is %s is refused', async (_what, body) => {
      const url = await world.workspace(owner)
      const before = await stored(url)
      const answer = await owner.send('POST', `${url}/checkpoints`, body)
      expect([answer.status, answer.body.error.code]).toEqual([400, 'validation_error'])
      expect(await stored(url)).toEqual(before)
      expect(await tip(url)).toBe(before.head)
    })
  })

  test('reset and sync take no body, and mind none', async () => {
    const url = await world.workspace(owner)
    for (const action of ['reset', 'sync-integration']) {
      for (const body of [undefined, {}, { head_sha: 'x', force: true }, [], 'null']) {
        expect((await owner.send('POST', `${url}/${action}`, body)).status).toBe(200)
      }
      expect((await owner.send('POST', `${url}/${action}`, '{"a":')).status).toBe(400)
      const text = { 'content-type': 'text/plain' }
      expect((await owner.send('POST', `${url}/${action}`, 'x', text)).status).toBe(415)
      expect((await owner.get(`${url}/${action}`)).status).toBe(405)
    }
  })

  test('nobody but the owner moves a workspace, and one of another app is not there', async () => {
    const url = await world.workspace(owner)
    await world.edit(owner, url, 'own.txt', 'x')
    commitTo(world, 'main', { 'own-theirs.txt': 'y' })
    const before = await stored(url)
    const others = await Promise.all([
      world.another('user'),
      world.person('reviewer'),
      world.person('config_manager'),
      world.person('outsider'),
    ])
    for (const action of ['reset', 'sync-integration', 'checkpoints']) {
      for (const who of [...others, world.admin]) {
        const answer = await who.send('POST', `${url}/${action}`, {})
        expect([action, answer.status, answer.body.error.code]).toEqual([action, 403, 'forbidden'])
      }
      expect((await world.anonymous.send('POST', `${url}/${action}`, {})).status).toBe(401)
      const other = await world.anotherApp()
      expect((await world.admin.send('POST', `${other}/workspaces/${idOf(url)}/${action}`, {})).status).toBe(404)
      const unknown = `${world.app}/workspaces/${'f'.repeat(24)}/${action}`
      expect((await owner.send('POST', unknown, {})).status).toBe(404)
      expect((await owner.send('POST', `${world.app}/workspaces/x/${action}`, {})).status).toBe(400)
    }
    expect(await stored(url)).toEqual(before)
    expect(await tip(url)).toBe(before.head)
    expect(await audits(url, 'reset')).toEqual([])
  })
})
