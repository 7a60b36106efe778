// UserCommitFiles: who commits, on which parent, and what the branch must be at (contract 4.1 to 4.4).

import { status as Code } from '@grpc/grpc-js'
import { beforeEach, describe, expect, test } from 'vitest'
import { USER } from '../client.ts'
import {
  bytes,
  CREATE,
  client,
  commit,
  createBranch,
  expectFailure,
  expectRefused,
  git,
  MOVE,
  NO_OBJECT,
  oidOf,
  read,
  refs,
  repository,
  tip,
  tree,
  UPDATE,
  update,
  updateReferences,
  useBackend,
  ZERO,
} from './backend.ts'

useBackend()

let root: string

beforeEach(async () => {
  root = await commit('main', [
    { path: 'README.md', content: 'read me\n' },
    { path: 'config/app/settings.yaml', content: 'a: 1\n' },
    { path: 'run.sh', content: '#!/bin/sh\n', fields: { execute_filemode: true } },
  ])
})

const parents = (oid: string) => git('rev-list', '--parents', '-1', oid).trim().split(' ').slice(1)
const send = (...messages: object[]) => client.send('OperationService', 'UserCommitFiles', messages)
const headerOf = (branch: string, fields: object = {}) => ({
  header: { repository, user: USER, branch_name: bytes(branch), commit_message: bytes('m'), ...fields },
})
const start = { start_branch_name: bytes('main') }

describe('a commit', () => {
  test('carries the author, the committer, the message and the time as given', async () => {
    const id = await commit('main', [{ path: 'b', content: 'b' }], {
      commit_message: bytes('subject\n\nbody ü\n'),
      commit_author_name: bytes('Grace <Hopper>\n'),
      commit_author_email: bytes('grace@example.com'),
      timestamp: { seconds: 1_700_000_000 },
      user: { ...USER, timezone: 'Asia/Kolkata' },
    })
    const { commit: found } = await client.unary('CommitService', 'FindCommit', { repository, revision: bytes(id) })
    expect(found).toMatchObject({
      id,
      parent_ids: [root],
      tree_id: oidOf(`${id}^{tree}`),
      subject: bytes('subject'),
      body: bytes('subject\n\nbody ü\n'),
      author: {
        name: bytes('Grace Hopper'),
        email: bytes('grace@example.com'),
        date: { seconds: 1_700_000_000 },
        timezone: bytes('+0530'),
      },
      committer: { name: USER.name, email: USER.email, date: { seconds: 1_700_000_000 } },
    })
    expect(git('log', '-1', '--format=%an|%cn|%ad', '--date=raw', id).trim()).toBe(
      'Grace Hopper|Ada Lovelace|1700000000 +0530',
    )
  })

  test("is, byte for byte, the one that GitLab's Gitaly makes of the same request", async () => {
    // Gitaly's TestUserCommitFilesStableCommitID expects this id of a root commit, for these people at this time.
    await client.unary('RepositoryService', 'RemoveRepository', { repository })
    await client.unary('RepositoryService', 'CreateRepository', { repository })
    const user = {
      gl_id: 'user-123',
      name: bytes('Jane Doe'),
      email: bytes('janedoe@gitlab.com'),
      gl_username: 'janedoe',
      timezone: 'Asia/Shanghai',
    }
    const id = await commit('master', [{ path: 'file.txt', content: 'content' }], {
      user,
      commit_message: bytes('commit message'),
      commit_author_name: bytes('Author Name'),
      commit_author_email: bytes('author.email@example.com'),
      timestamp: { seconds: 12345 },
    })
    expect(id).toBe('23ec4ccd7fcc6ecf39431805bbff1cbcb6c23b9d')
  })

  test('is by the user, now and in UTC, if nothing else is said', async () => {
    const before = Math.floor(Date.now() / 1000)
    const id = await commit('main', [])
    const [author, committer, date, zone] = git('log', '-1', '--format=%an <%ae>|%cn <%ce>|%at|%ad', '--date=raw', id)
      .trim()
      .split('|')
    expect(author).toBe('Ada Lovelace <ada@example.com>')
    expect(committer).toBe(author)
    expect(Number(date)).toBeGreaterThanOrEqual(before)
    expect(Number(date)).toBeLessThanOrEqual(Math.ceil(Date.now() / 1000))
    expect(zone).toMatch(/ \+0000$/)
  })

  test('of an unchanged content is a new commit of the same tree', async () => {
    const id = await commit('main', [{ action: UPDATE, path: 'README.md', content: 'read me\n' }])
    expect(id).not.toBe(root)
    expect(oidOf(`${id}^{tree}`)).toBe(oidOf(`${root}^{tree}`))
    expect(parents(id)).toEqual([root])
  })

  test('of several actions applies them in order, all or none', async () => {
    const move = (from: string, path: string) => ({
      action: MOVE,
      path,
      fields: { previous_path: bytes(from), infer_content: true },
    })
    const id = await commit('main', [
      { path: 'a', content: 'one' },
      { action: UPDATE, path: 'a', content: 'two' },
      move('a', 'b'),
      { path: 'a', content: 'three' },
    ])
    expect(parents(id)).toEqual([root])
    expect([await read('main', 'a'), await read('main', 'b')]).toEqual(['three', 'two'])
    await expectRefused(commit('main', [{ path: 'c', content: 'c' }, move('none', 'd')]), Code.NOT_FOUND)
    expect(await read('main', 'c')).toBeUndefined()
  })
})

describe('W1: content', () => {
  test('an empty file, and one of several content messages', async () => {
    await send(
      headerOf('main'),
      { action: { header: { file_path: bytes('empty') } } },
      { action: { content: bytes('') } },
      { action: { header: { file_path: bytes('joined') } } },
      ...['one ', '', 'two ', 'three'].map((text) => ({ action: { content: bytes(text) } })),
      { action: { header: { action: UPDATE, file_path: bytes('run.sh'), base64_content: true } } },
      ...['aGVs', 'bG8='].map((text) => ({ action: { content: bytes(text) } })),
      { action: { header: { file_path: bytes('none') } } },
    )
    expect(await read('main', 'empty')).toBe('')
    expect(await read('main', 'joined')).toBe('one two three')
    expect(await read('main', 'run.sh')).toBe('hello')
    expect(await read('main', 'none')).toBe('')
    expect((await tree('main')).find(({ path }) => path.equals(bytes('run.sh'))).mode).toBe(0o100755)
    await expectRefused(
      commit('main', [{ path: 'bad', content: '*', fields: { base64_content: true } }]),
      Code.INVALID_ARGUMENT,
    )
  })
})

describe('W5, 4.3: the parent', () => {
  test('several edits of one branch keep each other; a stale start branch is refused', async () => {
    const first = await commit('ws/u/app', [{ path: 'A', content: 'a' }], start)
    await expectRefused(commit('ws/u/app', [{ path: 'B', content: 'b' }], start), Code.FAILED_PRECONDITION)
    expect(tip('ws/u/app')).toBe(first)
    const second = await commit('ws/u/app', [{ path: 'B', content: 'b' }], { expected_old_oid: first })
    await commit('ws/u/app', [{ path: 'C', content: 'c' }])
    expect(git('rev-list', '--count', 'ws/u/app').trim()).toBe('4')
    expect([await read('ws/u/app', 'A'), await read('ws/u/app', 'B'), await read('ws/u/app', 'C')]).toEqual([
      'a',
      'b',
      'c',
    ])
    await expectRefused(commit('ws/u/app', [], { expected_old_oid: second }), Code.FAILED_PRECONDITION)
  })

  test('no start, the branch exists: its tip', async () => {
    const id = await commit('main', [])
    expect(parents(id)).toEqual([root])
    expect(tip('main')).toBe(id)
  })

  test('no start, the branch is missing, others exist: a root commit', async () => {
    const { branch_update } = await send(headerOf('orphan'))
    expect(branch_update).toMatchObject({ commit_id: tip('orphan'), repo_created: false, branch_created: true })
    expect(parents(tip('orphan'))).toEqual([])
  })

  test('a start, the branch is missing: the tip of the start', async () => {
    const { branch_update } = await send(headerOf('ws/1', start))
    expect(branch_update).toMatchObject({ commit_id: tip('ws/1'), repo_created: false, branch_created: true })
    expect(parents(tip('ws/1'))).toEqual([root])
    expect(tip('main')).toBe(root)
    await expectRefused(commit('ws/4', [], { start_branch_name: bytes('gone') }), Code.FAILED_PRECONDITION)
  })

  test('a start, the branch exists at the same tip: that tip', async () => {
    await createBranch('ws/2', 'main')
    const { branch_update } = await send(headerOf('ws/2', start))
    expect(branch_update).toMatchObject({ repo_created: false, branch_created: false })
    expect(parents(tip('ws/2'))).toEqual([root])
  })

  test('a start, the branch exists at another tip: refused, unless forced', async () => {
    const second = await commit('ws/2', [{ path: 'x', content: 'x' }], start)
    await expectRefused(commit('ws/2', [], start), Code.FAILED_PRECONDITION)
    const forced = await commit('ws/2', [{ path: 'y', content: 'y' }], { ...start, force: true })
    expect(parents(forced)).toEqual([root])
    expect(tip('ws/2')).toBe(forced)
    expect(await read('ws/2', 'x')).toBeUndefined()
    // Forced at an expected commit: only from there.
    await expectRefused(
      commit('ws/2', [], { ...start, force: true, expected_old_oid: second }),
      Code.FAILED_PRECONDITION,
    )
    await commit('ws/2', [], { ...start, force: true, expected_old_oid: forced })
    expect(parents(tip('ws/2'))).toEqual([root])
    // Force has nothing to do where the parent is the tip.
    const next = await commit('ws/2', [], { force: true })
    expect(parents(next)).toHaveLength(1)
  })

  test('a start id: that commit, whatever the branch', async () => {
    const second = await commit('ws/2', [{ path: 'x', content: 'x' }], start)
    expect(parents(await commit('ws/3', [], { start_sha: second }))).toEqual([second])
    expect(parents(await commit('ws/2', [], { start_sha: second, start_branch_name: bytes('main') }))).toEqual([second])
    await expectRefused(commit('ws/2', [], { start_sha: second }), Code.FAILED_PRECONDITION)
    await expectRefused(commit('ws/4', [], { start_sha: NO_OBJECT }), Code.FAILED_PRECONDITION)
    await expectRefused(commit('ws/4', [], { start_sha: 'abc' }), Code.INVALID_ARGUMENT)
  })

  test('names in full are accepted, and mean the same branch', async () => {
    const id = await commit('refs/heads/ws/full', [], { start_branch_name: bytes('refs/heads/main') })
    expect(tip('ws/full')).toBe(id)
    expect(parents(id)).toEqual([root])
  })

  test('a start repository is the repository itself', async () => {
    await commit('ws/5', [], { ...start, start_repository: repository })
    await expectRefused(
      commit('ws/6', [], { ...start, start_repository: { ...repository, relative_path: 'apps/other.git' } }),
      Code.INVALID_ARGUMENT,
    )
  })

  test('what only looks like the branch is not the branch', async () => {
    // A tag with the branch's full name, and a name that ends as `git describe` ends: git itself would take the first for
    // refs/heads/ghost, and the second for the commit.
    await updateReferences(update('refs/tags/refs/heads/ghost', root))
    const ghost = await commit('ghost', [{ path: 'g', content: 'g' }])
    expect(parents(ghost)).toEqual([])
    const described = `fix-g${root.slice(0, 10)}`
    expect(parents(await commit(described, []))).toEqual([])
    await expectRefused(
      commit('ws/7', [], { start_branch_name: bytes(`none-g${root.slice(0, 10)}`) }),
      Code.FAILED_PRECONDITION,
    )
  })
})

describe('what is refused', () => {
  test('what is empty or out of order', async () => {
    await expectRefused(commit('', []), Code.INVALID_ARGUMENT)
    await expectRefused(commit('main', [], { commit_message: bytes('') }), Code.INVALID_ARGUMENT)
    await expectRefused(commit('main', [], { commit_message: bytes('a\0b') }), Code.INVALID_ARGUMENT)
    await expectRefused(commit('main', [], { user: null }), Code.INVALID_ARGUMENT)
    await expectRefused(commit('main', [], { user: { ...USER, name: bytes(' <>\n') } }), Code.INVALID_ARGUMENT)
    await expectRefused(commit('main', [], { user: { ...USER, timezone: 'Mars/Olympus' } }), Code.INVALID_ARGUMENT)
    await expectRefused(send(), Code.INVALID_ARGUMENT)
    await expectRefused(send({}), Code.INVALID_ARGUMENT)
    await expectRefused(send({ action: { content: bytes('x') } }), Code.INVALID_ARGUMENT)
    await expectRefused(send({ action: { header: { file_path: bytes('x') } } }), Code.INVALID_ARGUMENT)
    await expectRefused(send(headerOf('main'), { action: { content: bytes('x') } }), Code.INVALID_ARGUMENT)
    await expectRefused(send(headerOf('main'), headerOf('main')), Code.INVALID_ARGUMENT)
    await expectRefused(send(headerOf('main'), { action: {} }), Code.INVALID_ARGUMENT)
    await expectRefused(send(headerOf('main'), {}), Code.INVALID_ARGUMENT)
    expect(tip('main')).toBe(root)
  })

  test('a branch whose name is a directory of another, or the other way round', async () => {
    await createBranch('ws/u/app', 'main')
    await expectRefused(commit('ws/u', [], start), Code.FAILED_PRECONDITION)
    await expectRefused(commit('ws/u/app/below', [], start), Code.FAILED_PRECONDITION)
  })
})

describe('W12: at the same time', () => {
  test('on one branch none is lost, and losers are told', async () => {
    const writers = Array.from({ length: 12 }, (_, index) => `file-${index}`)
    const pending = new Set(writers)
    let rounds = 0
    while (pending.size > 0) {
      expect(++rounds).toBeLessThanOrEqual(writers.length)
      const results = await Promise.allSettled([...pending].map((path) => commit('main', [{ path, content: path }])))
      const done = [...pending].filter((_, index) => results[index]!.status === 'fulfilled')
      expect(done.length).toBeGreaterThanOrEqual(1)
      for (const result of results) {
        if (result.status === 'rejected') expect(result.reason.code).toBe(Code.FAILED_PRECONDITION)
      }
      for (const path of done) pending.delete(path)
    }
    expect(git('rev-list', '--count', 'main').trim()).toBe(String(writers.length + 1))
    for (const path of writers) expect(await read('main', path)).toBe(path)
  })

  test('on many branches each gets its own', async () => {
    const branches = Array.from({ length: 30 }, (_, index) => `ws/user-${index}/app`)
    const ids = await Promise.all(branches.map((name) => commit(name, [{ path: 'own', content: name }], start)))
    expect(branches.map(tip)).toEqual(ids)
    for (const name of branches) expect(await read(name, 'own')).toBe(name)
  })

  test('the first commit of an empty repository is made once', async () => {
    await client.unary('RepositoryService', 'RemoveRepository', { repository })
    await client.unary('RepositoryService', 'CreateRepository', { repository })
    const results = await Promise.allSettled(
      Array.from({ length: 6 }, (_, index) => commit('main', [{ path: `f${index}`, content: '' }])),
    )
    expect(results.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThanOrEqual(1)
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason.code).toBe(Code.FAILED_PRECONDITION)
    }
    expect(git('rev-list', '--max-parents=0', 'main').trim().split('\n')).toHaveLength(1)
    expect(refs().trim().split('\n')).toHaveLength(1)
  })
})

test('4.2: what the branch must be at', async () => {
  const next = await commit('main', [], { expected_old_oid: root })
  await expectRefused(commit('main', [], { expected_old_oid: root }), Code.FAILED_PRECONDITION)
  // All zeros: it must not exist.
  await expectRefused(commit('main', [], { expected_old_oid: ZERO }), Code.FAILED_PRECONDITION)
  const { branch_update } = await send(headerOf('ws/5', { ...start, expected_old_oid: ZERO }), {
    action: { header: { action: CREATE, file_path: bytes('x') } },
  })
  expect(branch_update.branch_created).toBe(true)
  expect(parents(tip('ws/5'))).toEqual([next])
  await expectRefused(commit('ws/6', [], { ...start, expected_old_oid: root }), Code.FAILED_PRECONDITION)
  await expectFailure(commit('ws/5', [], { expected_old_oid: 'nonsense' }), Code.INVALID_ARGUMENT)
})
