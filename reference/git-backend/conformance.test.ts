// The git backend over real gRPC with the real git program: what the protocol's contract says of it, rule by rule.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, symlinkSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { status as Code, type ServiceError } from '@grpc/grpc-js'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { errorDetail, type FileChange, GitBackendClient, type Reply, USER } from './client.ts'
import { type GitBackend, startGitBackend } from './server.ts'

const CREATE = 0
const CREATE_DIR = 1
const UPDATE = 2
const MOVE = 3
const DELETE = 4
const CHMOD = 5
const ZERO = '0'.repeat(40)

/** Words by which clients decide, whatever the code says. Only a merge conflict may use the first. */
const DECIDING_WORDS =
  /conflict|not found|not implemented|Needed a single revision|bad revision|Not a valid object name/i

let root: string
let storage: string
let backend: GitBackend
let client: GitBackendClient
let repository: { storage_name: string; relative_path: string }
let count = 0
const failures: { code: number; message: string }[] = []

beforeAll(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'git-backend-test-')))
  storage = join(root, 'storage')
  mkdirSync(storage)
  backend = await startGitBackend({ storage, listen: '127.0.0.1:0', git: 'git', log: () => {} })
  client = new GitBackendClient(backend.address)
})

afterAll(async () => {
  client.close()
  await backend.close()
  await rm(root, { recursive: true, force: true })
})

beforeEach(async () => {
  repository = { storage_name: 'default', relative_path: `apps/app-${++count}.git` }
  await client.unary('RepositoryService', 'CreateRepository', { repository })
})

afterEach(() => {
  // W11, for every status that any test provokes.
  for (const { message } of failures.splice(0)) {
    if (!/^the (merge|rebase|revert) has a conflict$/.test(message)) expect(message).not.toMatch(DECIDING_WORDS)
  }
  // Whatever a test did, git must find the repository sound.
  if (existsSync(directory())) git('fsck', '--strict', '--no-dangling')
})

const bytes = (text: string) => Buffer.from(text)
const directory = () => join(storage, repository.relative_path)
const git = (...args: string[]) =>
  execFileSync('git', ['--git-dir', directory(), ...args], { stdio: 'pipe' }).toString()
const tip = (branch: string) => git('rev-parse', '--verify', `refs/heads/${branch}`).trim()
const refs = () => git('for-each-ref', '--format=%(refname) %(objectname)')
const commit = (branch: string, changes: FileChange[], header?: object) =>
  client.commit(repository, branch, changes, header)
const on = (fields: object) => ({ repository, user: USER, ...fields })

async function failure(promise: Promise<unknown>): Promise<ServiceError> {
  const error = await promise.then(
    () => undefined,
    (error: unknown) => error as ServiceError,
  )
  if (!error) throw new Error('the call succeeded')
  failures.push({ code: error.code, message: error.details })
  return error
}

async function expectFailure(promise: Promise<unknown>, code: Code): Promise<ServiceError> {
  const error = await failure(promise)
  expect(Code[error.code], error.details).toBe(Code[code])
  return error
}

async function read(branch: string, path: string): Promise<string | undefined> {
  const replies = await client.list('BlobService', 'GetBlobs', {
    repository,
    revision_paths: [{ revision: branch, path: bytes(path) }],
    limit: -1,
  })
  return replies[0].oid === '' ? undefined : Buffer.concat(replies.map(({ data }) => data)).toString()
}

async function tree(revision: string, path = '', recursive = false): Promise<Reply[]> {
  const request = { repository, revision: bytes(revision), path: bytes(path), recursive }
  return (await client.list('CommitService', 'GetTreeEntries', request)).flatMap(({ entries }) => entries)
}

const createBranch = (name: string, start: string) =>
  client.unary('OperationService', 'UserCreateBranch', on({ branch_name: bytes(name), start_point: bytes(start) }))

const update = (reference: string, new_object_id: string, old_object_id = '') => ({
  reference: bytes(reference),
  new_object_id: bytes(new_object_id),
  old_object_id: bytes(old_object_id),
})

const updateReferences = (...updates: object[]) =>
  client.send('RefService', 'UpdateReferences', [{ repository, updates }])

describe('repositories', () => {
  test('are created once, exist, and are removed with everything in them', async () => {
    const exists = async () => (await client.unary('RepositoryService', 'RepositoryExists', { repository })).exists
    expect(await exists()).toBe(true)
    expect(git('symbolic-ref', 'HEAD').trim()).toBe('refs/heads/main')
    expect(git('config', 'gc.auto').trim()).toBe('0')
    await expectFailure(client.unary('RepositoryService', 'CreateRepository', { repository }), Code.ALREADY_EXISTS)
    await commit('main', [{ path: 'a', content: 'a' }])
    await client.unary('RepositoryService', 'RemoveRepository', { repository })
    expect(await exists()).toBe(false)
    expect(existsSync(directory())).toBe(false)
    await expectFailure(client.unary('RepositoryService', 'RemoveRepository', { repository }), Code.NOT_FOUND)
    await expectFailure(client.unary('RefService', 'FindBranch', { repository, name: bytes('main') }), Code.NOT_FOUND)
    await expectFailure(commit('main', []), Code.NOT_FOUND)
  })

  test('only one of several creations at once succeeds', async () => {
    const request = { repository: { storage_name: 'default', relative_path: `apps/race-${count}.git` } }
    const results = await Promise.allSettled(
      Array.from({ length: 5 }, () => client.unary('RepositoryService', 'CreateRepository', request)),
    )
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  test('W9: a relative path cannot leave the storage, nor enter a repository', async () => {
    mkdirSync(join(root, 'outside'), { recursive: true })
    if (!existsSync(join(storage, 'link'))) symlinkSync(join(root, 'outside'), join(storage, 'link'))
    const before = readdirSync(root, { recursive: true }).filter((name) => !String(name).startsWith('storage/+'))
    const paths = [
      '../outside.git',
      'a/../../outside.git',
      '/tmp/outside.git',
      './a.git',
      'a//b.git',
      'a.git/',
      '..',
      'a\\..\\b',
      'a\0b',
      '+git-backend/x.git',
      `${repository.relative_path}/objects/x.git`,
      'link/x.git',
      'x'.repeat(300),
    ]
    for (const relative_path of paths) {
      const request = { repository: { storage_name: 'default', relative_path } }
      await expectFailure(client.unary('RepositoryService', 'CreateRepository', request), Code.INVALID_ARGUMENT)
    }
    for (const relative_path of paths.filter((path) => path !== 'link/x.git')) {
      const request = { repository: { storage_name: 'default', relative_path } }
      await expectFailure(client.unary('RepositoryService', 'RepositoryExists', request), Code.INVALID_ARGUMENT)
      await expectFailure(client.unary('RepositoryService', 'RemoveRepository', request), Code.INVALID_ARGUMENT)
    }
    expect(readdirSync(root, { recursive: true }).filter((name) => !String(name).startsWith('storage/+'))).toEqual(
      before,
    )
    const elsewhere = { repository: { ...repository, storage_name: 'other' } }
    await expectFailure(client.unary('RepositoryService', 'RepositoryExists', elsewhere), Code.INVALID_ARGUMENT)
    await expectFailure(client.unary('RepositoryService', 'RepositoryExists', {}), Code.INVALID_ARGUMENT)
  })
})

describe('an empty repository', () => {
  test('has no branches, no trees, and nothing to branch from', async () => {
    expect((await client.unary('RefService', 'FindBranch', { repository, name: bytes('main') })).branch).toBeNull()
    expect(await client.list('RefService', 'FindLocalBranches', { repository })).toEqual([])
    expect(await client.list('RefService', 'FindAllTags', { repository })).toEqual([])
    const error = await expectFailure(tree('main'), Code.NOT_FOUND)
    expect(errorDetail(error)?.fields.resolve_tree.revision).toEqual(bytes('main'))
    expect(await read('main', 'a')).toBeUndefined()
    await expectFailure(createBranch('ws/a', 'main'), Code.FAILED_PRECONDITION)
  })

  test('takes a root commit, with or without a start branch', async () => {
    const { branch_update } = await client.send('OperationService', 'UserCommitFiles', [
      {
        header: {
          repository,
          user: USER,
          branch_name: bytes('main'),
          commit_message: bytes('first'),
          start_branch_name: bytes('other'),
        },
      },
      { action: { header: { action: CREATE, file_path: bytes('a/b') } } },
      { action: { content: bytes('c') } },
    ])
    expect(branch_update).toMatchObject({ commit_id: tip('main'), repo_created: true, branch_created: true })
    expect(git('rev-list', '--count', 'main').trim()).toBe('1')
  })
})

describe('commits', () => {
  let root: string

  beforeEach(async () => {
    root = await commit('main', [
      { path: 'README.md', content: 'read me\n' },
      { path: 'config/app/settings.yaml', content: 'a: 1\n' },
      { path: 'run.sh', content: '#!/bin/sh\n', fields: { execute_filemode: true } },
    ])
  })

  test('carry the author, the committer, the message and the time as given', async () => {
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
      tree_id: git('rev-parse', `${id}^{tree}`).trim(),
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

  test('W5: several edits of one branch keep each other; a stale start branch is refused', async () => {
    const first = await commit('ws/u/app', [{ path: 'A', content: 'a' }], { start_branch_name: bytes('main') })
    await expectFailure(
      commit('ws/u/app', [{ path: 'B', content: 'b' }], { start_branch_name: bytes('main') }),
      Code.FAILED_PRECONDITION,
    )
    expect(tip('ws/u/app')).toBe(first)
    const second = await commit('ws/u/app', [{ path: 'B', content: 'b' }], { expected_old_oid: first })
    await commit('ws/u/app', [{ path: 'C', content: 'c' }])
    expect(git('rev-list', '--count', 'ws/u/app').trim()).toBe('4')
    expect([await read('ws/u/app', 'A'), await read('ws/u/app', 'B'), await read('ws/u/app', 'C')]).toEqual([
      'a',
      'b',
      'c',
    ])
    await expectFailure(commit('ws/u/app', [], { expected_old_oid: second }), Code.FAILED_PRECONDITION)
  })

  test('take their parent by the strict table', async () => {
    const parent = (oid: string) => git('rev-parse', `${oid}^`).trim()
    const start = { start_branch_name: bytes('main') }
    // Missing, with a start: the start's tip. Existing at the same tip: normal.
    expect(parent(await commit('ws/1', [], start))).toBe(root)
    await createBranch('ws/2', 'main')
    const second = await commit('ws/2', [{ path: 'x', content: 'x' }], start)
    expect(parent(second)).toBe(root)
    // Forced: overwritten from the start. A start id is the parent whatever the branch.
    const forced = await commit('ws/2', [{ path: 'y', content: 'y' }], { ...start, force: true })
    expect(parent(forced)).toBe(root)
    expect(await read('ws/2', 'x')).toBeUndefined()
    expect(parent(await commit('ws/3', [], { start_sha: second }))).toBe(second)
    await expectFailure(commit('ws/2', [], { start_sha: second }), Code.FAILED_PRECONDITION)
    await expectFailure(commit('ws/4', [], { start_branch_name: bytes('gone') }), Code.FAILED_PRECONDITION)
    await expectFailure(commit('ws/4', [], { start_sha: 'abc' }), Code.INVALID_ARGUMENT)
    // All zeros: it must not exist.
    await expectFailure(commit('ws/2', [], { expected_old_oid: ZERO }), Code.FAILED_PRECONDITION)
    await expectFailure(commit('ws/5', [], { ...start, expected_old_oid: root }), Code.FAILED_PRECONDITION)
    await commit('ws/5', [], { ...start, expected_old_oid: ZERO })
    await expectFailure(commit('ws/2', [], { expected_old_oid: 'nonsense' }), Code.INVALID_ARGUMENT)
  })

  test('an unchanged content is a new commit of the same tree', async () => {
    const id = await commit('main', [{ action: UPDATE, path: 'README.md', content: 'read me\n' }])
    expect(id).not.toBe(root)
    expect(git('rev-parse', `${id}^{tree}`)).toBe(git('rev-parse', `${root}^{tree}`))
  })

  test('W12: of several at once none is lost, and losers are told', async () => {
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

  test('many branches at once each get their own', async () => {
    const branches = Array.from({ length: 30 }, (_, index) => `ws/user-${index}/app`)
    const header = { start_branch_name: bytes('main') }
    const ids = await Promise.all(branches.map((name) => commit(name, [{ path: 'own', content: name }], header)))
    expect(branches.map(tip)).toEqual(ids)
    for (const name of branches) expect(await read(name, 'own')).toBe(name)
  })

  test('refuse what is empty or out of order', async () => {
    await expectFailure(commit('', []), Code.INVALID_ARGUMENT)
    await expectFailure(commit('main', [], { commit_message: bytes('') }), Code.INVALID_ARGUMENT)
    await expectFailure(commit('main', [], { user: null }), Code.INVALID_ARGUMENT)
    await expectFailure(commit('main', [], { user: { ...USER, timezone: 'Mars/Olympus' } }), Code.INVALID_ARGUMENT)
    const header = { repository, user: USER, branch_name: bytes('main'), commit_message: bytes('m') }
    const send = (...messages: object[]) => client.send('OperationService', 'UserCommitFiles', messages)
    await expectFailure(send(), Code.INVALID_ARGUMENT)
    await expectFailure(send({ action: { content: bytes('x') } }), Code.INVALID_ARGUMENT)
    await expectFailure(send({ header }, { action: { content: bytes('x') } }), Code.INVALID_ARGUMENT)
    await expectFailure(send({ header }, { header }), Code.INVALID_ARGUMENT)
    expect(tip('main')).toBe(root)
  })
})

describe('file actions', () => {
  beforeEach(async () => {
    await commit('main', [
      { path: 'dir/file', content: 'one' },
      { path: 'dir/other', content: 'two' },
      { path: 'run.sh', content: 'x', fields: { execute_filemode: true } },
    ])
  })

  const ls = () => git('ls-tree', '-r', '--format=%(objectmode) %(path)', 'main').trim().split('\n')

  async function refused(change: FileChange, code: Code, error_type: number): Promise<void> {
    const before = refs()
    const error = await expectFailure(commit('main', [change]), code)
    expect(errorDetail(error)).toMatchObject({ type: 'UserCommitFilesError', fields: { index_update: { error_type } } })
    expect(refs()).toBe(before)
  }

  test('CREATE writes a file, and replaces a directory but no file', async () => {
    await refused({ path: 'dir/file', content: 'x' }, Code.ALREADY_EXISTS, 5)
    await refused({ path: 'dir/file/below', content: 'x' }, Code.ALREADY_EXISTS, 5)
    await commit('main', [{ path: 'dir', content: 'now a file' }])
    expect(ls()).toEqual(['100644 dir', '100755 run.sh'])
  })

  test('W1: an empty file, and one of several content messages', async () => {
    await client.send('OperationService', 'UserCommitFiles', [
      { header: { repository, user: USER, branch_name: bytes('main'), commit_message: bytes('m') } },
      { action: { header: { file_path: bytes('empty') } } },
      { action: { content: bytes('') } },
      { action: { header: { file_path: bytes('joined') } } },
      ...['one ', 'two ', 'three'].map((text) => ({ action: { content: bytes(text) } })),
      { action: { header: { action: UPDATE, file_path: bytes('run.sh'), base64_content: true } } },
      ...['aGVs', 'bG8='].map((text) => ({ action: { content: bytes(text) } })),
    ])
    expect(await read('main', 'empty')).toBe('')
    expect(await read('main', 'joined')).toBe('one two three')
    expect(await read('main', 'run.sh')).toBe('hello')
    expect(ls()).toContain('100755 run.sh')
    await expectFailure(
      commit('main', [{ path: 'bad', content: '*', fields: { base64_content: true } }]),
      Code.INVALID_ARGUMENT,
    )
  })

  test('UPDATE needs a file', async () => {
    await refused({ action: UPDATE, path: 'none', content: 'x' }, Code.NOT_FOUND, 6)
    await refused({ action: UPDATE, path: 'dir', content: 'x' }, Code.NOT_FOUND, 6)
  })

  test('DELETE takes emptied directories along', async () => {
    await refused({ action: DELETE, path: 'none' }, Code.NOT_FOUND, 6)
    await refused({ action: DELETE, path: 'dir' }, Code.NOT_FOUND, 6)
    await commit('main', [
      { action: DELETE, path: 'dir/file' },
      { action: DELETE, path: 'dir/other' },
    ])
    expect(ls()).toEqual(['100755 run.sh'])
    await commit('main', [{ action: DELETE, path: 'run.sh' }])
    expect(git('rev-parse', 'main^{tree}').trim()).toBe('4b825dc642cb6eb9a060e54bf8d69288fbee4904')
  })

  test('MOVE keeps the mode, and the content when told to', async () => {
    const move = (path: string, from: string, content?: string): FileChange => ({
      action: MOVE,
      path,
      ...(content === undefined ? {} : { content }),
      fields: { previous_path: bytes(from), infer_content: content === undefined },
    })
    await refused(move('x', 'none'), Code.NOT_FOUND, 6)
    await refused(move('dir/other', 'dir/file'), Code.ALREADY_EXISTS, 5)
    await commit('main', [move('bin/run', 'run.sh'), move('file', 'dir/file', 'changed')])
    expect(ls()).toEqual(['100755 bin/run', '100644 dir/other', '100644 file'])
    expect(await read('main', 'bin/run')).toBe('x')
    expect(await read('main', 'file')).toBe('changed')
  })

  test('CHMOD and CREATE_DIR', async () => {
    await refused({ action: CHMOD, path: 'none', fields: { execute_filemode: true } }, Code.NOT_FOUND, 6)
    await refused({ action: CREATE_DIR, path: 'dir' }, Code.ALREADY_EXISTS, 3)
    await refused({ action: CREATE_DIR, path: 'run.sh' }, Code.ALREADY_EXISTS, 5)
    await commit('main', [
      { action: CHMOD, path: 'run.sh' },
      { action: CHMOD, path: 'dir/file', fields: { execute_filemode: true } },
      { action: CREATE_DIR, path: 'new/deep' },
    ])
    expect(ls()).toEqual(['100755 dir/file', '100644 dir/other', '100644 new/deep/.gitkeep', '100644 run.sh'])
  })

  test('paths stay inside the tree and outside of .git', async () => {
    for (const [path, type] of [
      ['', 1],
      ['/abs', 2],
      ['a//b', 2],
      ['a/', 2],
      ['a/./b', 2],
      ['a\0b', 2],
      ['../up', 4],
      ['a/../b', 4],
    ] as const) {
      await refused({ path, content: 'x' }, Code.INVALID_ARGUMENT, type)
    }
    for (const path of [
      '.git/config',
      'a/.GIT/hooks/x',
      'GIT~1/x',
      '.git ./x',
      '.git::$INDEX_ALLOCATION/x',
      '.g\u200cit/x',
      'a\\.git\\x',
    ]) {
      await refused({ path, content: 'x' }, Code.INTERNAL, 2)
    }
    await commit('main', [
      { path: '.gitignore', content: 'x' },
      { path: 'späce and\ttab\n', content: 'y' },
    ])
    expect(await read('main', 'späce and\ttab\n')).toBe('y')
  })

  test('an unknown action is refused', async () => {
    await expectFailure(commit('main', [{ action: 17, path: 'x' }]), Code.INVALID_ARGUMENT)
  })
})

describe('branches and references', () => {
  let main: string
  let other: string

  beforeEach(async () => {
    main = await commit('main', [{ path: 'a', content: 'a' }])
    other = await commit('other', [{ path: 'b', content: 'b' }], { start_branch_name: bytes('main') })
  })

  test('a branch is created once, from any revision', async () => {
    const { branch } = await createBranch('ws/u/app', 'main')
    expect(branch).toMatchObject({ name: bytes('ws/u/app'), target_commit: { id: main } })
    await expectFailure(createBranch('ws/u/app', 'other'), Code.FAILED_PRECONDITION)
    expect(tip('ws/u/app')).toBe(main)
    await createBranch('refs/heads/full', other)
    expect(tip('full')).toBe(other)
    await expectFailure(createBranch('x', 'none'), Code.FAILED_PRECONDITION)
    await expectFailure(createBranch('ws/u/app/below', 'main'), Code.FAILED_PRECONDITION)
    await expectFailure(createBranch('ws/u', 'main'), Code.FAILED_PRECONDITION)
  })

  test('W8: invalid branch names are refused, and create nothing', async () => {
    const before = refs()
    const names = [
      'a b',
      'a..b',
      'a~1',
      'a^',
      'a:b',
      '-x',
      'a.lock',
      'a/.b',
      'a//b',
      '/a',
      'a/',
      'a.',
      'a@{1}',
      'a\\b',
      'a?',
      'a*',
      'a[',
      'HEAD',
      'a\x7fb',
      'x\ncreate refs/heads/injected',
      'x\0create refs/heads/injected',
      'y'.repeat(300),
    ]
    for (const name of names) {
      await expectFailure(createBranch(name, 'main'), Code.INVALID_ARGUMENT)
      await expectFailure(commit(name, []), Code.INVALID_ARGUMENT)
      await expectFailure(
        updateReferences(update(`refs/heads/${name === 'HEAD' || name === '-x' ? '..' : name}`, main)),
        Code.INVALID_ARGUMENT,
      )
    }
    expect(refs()).toBe(before)
  })

  test('FindBranch matches exactly and answers the short name', async () => {
    await createBranch('ws/a', 'main')
    const find = async (name: string) =>
      (await client.unary('RefService', 'FindBranch', { repository, name: bytes(name) })).branch
    expect(await find('ws/a')).toMatchObject({ name: bytes('ws/a'), target_commit: { id: main } })
    expect(await find('ws')).toBeNull()
  })

  test('FindLocalBranches lists full names, sorted and by pages', async () => {
    const list = async (fields = {}) =>
      (await client.list('RefService', 'FindLocalBranches', { repository, ...fields }))
        .flatMap(({ local_branches }) => local_branches)
        .map(({ name }) => name.toString())
    expect(await list()).toEqual(['refs/heads/main', 'refs/heads/other'])
    const pagination_params = { page_token: 'refs/heads/main', limit: 1 }
    expect(await list({ pagination_params })).toEqual(['refs/heads/other'])
  })

  test('a branch is deleted at the expected commit only', async () => {
    const remove = (name: string, expected_old_oid = '') =>
      client.unary('OperationService', 'UserDeleteBranch', on({ branch_name: bytes(name), expected_old_oid }))
    await expectFailure(remove('none'), Code.FAILED_PRECONDITION)
    await expectFailure(remove('other', main), Code.FAILED_PRECONDITION)
    await remove('other', other)
    expect(refs()).toBe(`refs/heads/main ${main}\n`)
  })

  test('W7: references are moved all or none', async () => {
    const before = refs()
    const error = await expectFailure(
      updateReferences(update('refs/heads/main', other, main), update('refs/heads/other', main, main)),
      Code.ABORTED,
    )
    expect(errorDetail(error)?.fields.reference_state_mismatch).toMatchObject({
      reference_name: bytes('refs/heads/other'),
      expected_object_id: bytes(main),
      actual_object_id: bytes(other),
    })
    expect(refs()).toBe(before)
    await client.send('RefService', 'UpdateReferences', [
      { repository, updates: [update('refs/heads/main', other, main)] },
      { updates: [update('refs/heads/other', ZERO, other), update('refs/conman/x', main, ZERO)] },
    ])
    expect(refs()).toBe(`refs/conman/x ${main}\nrefs/heads/main ${other}\n`)
    await updateReferences(update('refs/heads/main', main))
    expect(tip('main')).toBe(main)
  })

  test('UpdateReferences refuses what cannot be', async () => {
    const before = refs()
    await expectFailure(updateReferences(), Code.INVALID_ARGUMENT)
    await expectFailure(updateReferences(update('refs/heads/x', 'f'.repeat(40))), Code.NOT_FOUND)
    await expectFailure(updateReferences(update('refs/heads/x', 'nonsense')), Code.INVALID_ARGUMENT)
    await expectFailure(updateReferences(update('HEAD', main)), Code.INVALID_ARGUMENT)
    const tree = git('rev-parse', 'main^{tree}').trim()
    await expectFailure(updateReferences(update('refs/heads/x', tree)), Code.INVALID_ARGUMENT)
    await expectFailure(
      updateReferences(update('refs/heads/x', main, ZERO), update('refs/heads/x', main)),
      Code.INVALID_ARGUMENT,
    )
    await expectFailure(
      client.send('RefService', 'UpdateReferences', [
        { repository },
        { repository, updates: [update('refs/heads/x', main)] },
      ]),
      Code.INVALID_ARGUMENT,
    )
    await expectFailure(updateReferences(update('refs/heads/main/x', main)), Code.FAILED_PRECONDITION)
    expect(refs()).toBe(before)
    const invalid = await expectFailure(updateReferences(update('refs/heads/a b', main)), Code.INVALID_ARGUMENT)
    expect(errorDetail(invalid)?.fields.invalid_format.refs).toEqual([bytes('refs/heads/a b')])
  })

  test('tags are annotated by a message, and kept', async () => {
    const create = (tag_name: string, message = '', target = main) =>
      client.unary(
        'OperationService',
        'UserCreateTag',
        on({ tag_name: bytes(tag_name), target_revision: bytes(target), message: bytes(message) }),
      )
    const { tag } = await create('r2025.01.01.1', 'Release r2025.01.01.1')
    expect(tag).toMatchObject({
      name: bytes('r2025.01.01.1'),
      target_commit: { id: main },
      message: bytes('Release r2025.01.01.1'),
      tagger: { name: USER.name },
    })
    expect(git('cat-file', '-t', tag.id).trim()).toBe('tag')
    expect((await create('light', ' ')).tag).toMatchObject({ id: main, message: bytes('') })
    const error = await expectFailure(create('light'), Code.ALREADY_EXISTS)
    expect(errorDetail(error)?.fields.reference_exists.oid).toBe(main)
    await expectFailure(create('x', '', 'none'), Code.FAILED_PRECONDITION)
    await expectFailure(create('a b'), Code.INVALID_ARGUMENT)

    const found = await client.unary('RefService', 'FindTag', { repository, tag_name: bytes('r2025.01.01.1') })
    expect(found.tag).toEqual(tag)
    const none = await expectFailure(
      client.unary('RefService', 'FindTag', { repository, tag_name: bytes('x') }),
      Code.NOT_FOUND,
    )
    expect(errorDetail(none)?.type).toBe('FindTagError')
    const all = await client.list('RefService', 'FindAllTags', { repository })
    expect(all[0].tags.map(({ name }: { name: Buffer }) => name.toString())).toEqual(['light', 'r2025.01.01.1'])

    const remove = (tag_name: string) =>
      client.unary('OperationService', 'UserDeleteTag', on({ tag_name: bytes(tag_name) }))
    await remove('light')
    await expectFailure(remove('light'), Code.FAILED_PRECONDITION)
  })
})

describe('reading', () => {
  let main: string

  beforeEach(async () => {
    main = await commit('main', [
      { path: 'a/b/c', content: 'deep' },
      { path: 'a.txt', content: 'text' },
      { path: 'a0', content: 'zero' },
      { path: 'run', content: 'x', fields: { execute_filemode: true } },
    ])
  })

  const paths = (entries: Reply[]) => entries.map(({ path }) => path.toString())

  test('W3: trees in their order, with types, modes and full paths', async () => {
    const entries = await tree('main')
    expect(paths(entries)).toEqual(['a.txt', 'a', 'a0', 'run'])
    expect(entries.map(({ mode, type }) => [mode, type])).toEqual([
      [33188, 0],
      [16384, 1],
      [33188, 0],
      [33261, 0],
    ])
    expect(entries[1]).toMatchObject({
      oid: git('rev-parse', 'main:a').trim(),
      commit_oid: main,
      flat_path: bytes('a'),
    })
    expect(await tree('main', '.')).toEqual(entries)
    expect(await tree('main', '/')).toEqual(entries)
    expect(paths(await tree('main', 'a'))).toEqual(['a/b'])
    expect(paths(await tree('main', '', true))).toEqual(['a.txt', 'a', 'a/b', 'a/b/c', 'a0', 'run'])
    expect(await tree('main', 'a0')).toEqual([])
    await expectFailure(tree('main', 'none'), Code.NOT_FOUND)
    await expectFailure(tree('none'), Code.NOT_FOUND)
    await expectFailure(tree('main', '../x'), Code.INVALID_ARGUMENT)
    await expectFailure(tree('main', '/a'), Code.INVALID_ARGUMENT)
    await expectFailure(tree(''), Code.INVALID_ARGUMENT)
    await expectFailure(tree('--all'), Code.INVALID_ARGUMENT)
  })

  test('trees by pages', async () => {
    const list = (pagination_params: object) =>
      client.list('CommitService', 'GetTreeEntries', { repository, revision: bytes('main'), pagination_params })
    const [first] = await list({ limit: 3 })
    expect(paths(first.entries)).toEqual(['a.txt', 'a', 'a0'])
    const [second] = await list({ limit: 3, page_token: first.pagination_cursor.next_cursor })
    expect(paths(second.entries)).toEqual(['run'])
    expect(await list({ limit: 0 })).toEqual([])
    await expectFailure(list({ limit: 3, page_token: 'x' }), Code.INVALID_ARGUMENT)
  })

  test('a submodule is a commit, with number 3', async () => {
    const input = `160000 commit ${main}\tsub\n100644 blob ${git('rev-parse', 'main:a0').trim()}\tf\n`
    const treeOid = execFileSync('git', ['--git-dir', directory(), 'mktree', '--missing'], { input }).toString().trim()
    const id = git('-c', 'user.name=x', '-c', 'user.email=x', 'commit-tree', '-m', 'm', treeOid).trim()
    const entries = await tree(id)
    expect(entries[1]).toMatchObject({ type: 3, mode: 57344, oid: main })
    const [blob] = await client.list('BlobService', 'GetBlobs', {
      repository,
      revision_paths: [{ revision: id, path: bytes('sub') }],
      limit: -1,
    })
    expect(blob).toMatchObject({ oid: main, is_submodule: true, type: 1 })
  })

  test('blobs: files, directories, and what is missing', async () => {
    const get = (revision: string, path: string, limit = -1) =>
      client.list('BlobService', 'GetBlobs', { repository, revision_paths: [{ revision, path: bytes(path) }], limit })
    expect(await get('main', 'a/b/c')).toEqual([
      {
        oid: git('rev-parse', 'main:a/b/c').trim(),
        data: bytes('deep'),
        size: 4,
        mode: 33188,
        is_submodule: false,
        revision: 'main',
        path: bytes('a/b/c'),
        type: 2,
      },
    ])
    expect((await get('main', 'a0', 2))[0]).toMatchObject({ data: bytes('ze'), size: 4 })
    expect((await get('main', 'a0', 0))[0]).toMatchObject({ data: bytes(''), size: 4 })
    expect((await get('main', 'a'))[0]).toMatchObject({ type: 3, data: bytes(''), mode: 16384 })
    expect((await get('main', 'none'))[0]).toMatchObject({ oid: '', revision: 'main', path: bytes('none') })
    expect((await get('none', 'a'))[0]).toMatchObject({ oid: '' })
    await expectFailure(get('-x', 'a'), Code.INVALID_ARGUMENT)
  })

  test('W2: 7.5 MiB in one message are taken, and 6 MiB come back in messages of at most 128 KiB', async () => {
    const large = Buffer.alloc(7.5 * 1024 * 1024, 'large content of a file\n')
    const six = Buffer.alloc(6 * 1024 * 1024, 'six mebibytes\n')
    await commit('main', [{ path: 'large', content: large }])
    await commit('main', [{ path: 'six', content: six }])
    const replies = await client.list('BlobService', 'GetBlobs', {
      repository,
      revision_paths: [{ revision: 'main', path: bytes('six') }],
      limit: -1,
    })
    expect(Math.max(...replies.map(({ data }) => data.length))).toBeLessThanOrEqual(128 * 1024)
    expect(Buffer.concat(replies.map(({ data }) => data)).equals(six)).toBe(true)
    expect(replies.slice(1).every(({ oid }) => oid === '')).toBe(true)
    expect(Number(git('cat-file', '-s', 'main:large'))).toBe(large.length)
    await commit('main', [{ path: 'twelve', content: Buffer.alloc(12 * 1024 * 1024, 'x') }])
  })

  test('lists stay below 1 MiB a message', async () => {
    const changes = Array.from({ length: 8000 }, (_, index) => ({
      path: `many/${'n'.repeat(80)}-${index}`,
      content: '',
    }))
    await commit('main', changes)
    const replies = await client.list('CommitService', 'GetTreeEntries', {
      repository,
      revision: bytes('main'),
      path: bytes('many'),
    })
    expect(replies.length).toBeGreaterThan(1)
    expect(replies.flatMap(({ entries }) => entries)).toHaveLength(8000)
  })

  test('commits: found, listed, related', async () => {
    const second = await commit('main', [{ path: 'n', content: 'n' }])
    const find = async (revision: string) =>
      (await client.unary('CommitService', 'FindCommit', { repository, revision: bytes(revision) })).commit?.id
    expect([await find('main'), await find(second), await find('main~1'), await find('HEAD')]).toEqual([
      second,
      second,
      main,
      second,
    ])
    expect(await find('none')).toBeUndefined()
    await expectFailure(find(''), Code.INVALID_ARGUMENT)
    await expectFailure(find('main:a0'), Code.INVALID_ARGUMENT)

    const list = async (revisions: string[], fields = {}) =>
      (await client.list('CommitService', 'ListCommits', { repository, revisions, ...fields }))
        .flatMap(({ commits }) => commits)
        .map(({ id }) => id)
    expect(await list(['main'])).toEqual([second, main])
    expect(await list(['--all'])).toEqual([second, main])
    expect(await list(['main', '--not', main])).toEqual([second])
    expect(await list([`${main}..main`])).toEqual([second])
    expect(await list(['main', `^${main}`])).toEqual([second])
    expect(await list(['main'], { pagination_params: { limit: 1 } })).toEqual([second])
    expect(await list(['main'], { pagination_params: { page_token: second, limit: 1 } })).toEqual([main])
    expect(await list(['main'], { reverse: true, paths: [bytes('a0')] })).toEqual([main])
    await expectFailure(list(['none']), Code.NOT_FOUND)
    await expectFailure(list(['--output=/tmp/x']), Code.INVALID_ARGUMENT)
    await expectFailure(list([]), Code.INVALID_ARGUMENT)

    const isAncestor = async (ancestor_id: string, child_id: string) =>
      (await client.unary('CommitService', 'CommitIsAncestor', { repository, ancestor_id, child_id })).value
    expect(await isAncestor(main, second)).toBe(true)
    expect(await isAncestor(second, main)).toBe(false)
    expect(await isAncestor('f'.repeat(40), main)).toBe(false)
  })

  test('W4: fields of the protocol that nothing here uses are ignored', async () => {
    const request = {
      repository: { ...repository, gl_repository: 'project-1', gl_project_path: 'x' },
      revision: bytes('main'),
      trailers: true,
    }
    expect((await client.unary('CommitService', 'FindCommit', request)).commit.id).toBe(main)
  })
})

describe('diffs', () => {
  const sides = (left: string, right: string) => ({ repository, left_commit_id: left, right_commit_id: right })

  beforeEach(async () => {
    await commit('main', [
      { path: 'kept', content: 'line\n'.repeat(50) },
      { path: 'gone', content: 'gone\n' },
      { path: 'edited', content: 'old\n' },
    ])
    await commit(
      'ws',
      [
        { action: MOVE, path: 'renämed', fields: { previous_path: bytes('kept'), infer_content: true } },
        { action: DELETE, path: 'gone' },
        { action: UPDATE, path: 'edited', content: 'new\nlines\n' },
        { path: 'binary', content: Buffer.from([0, 1, 2, 255]) },
      ],
      { start_branch_name: bytes('main') },
    )
  })

  test('as text, with whole ids in the index lines', async () => {
    const replies = await client.list('DiffService', 'RawDiff', sides('main', tip('ws')))
    const text = Buffer.concat(replies.map(({ data }) => data)).toString()
    expect(text).toMatch(
      /index [0-9a-f]{40}\.\.[0-9a-f]{40} 100644\n--- a\/edited\n\+\+\+ b\/edited\n@@ -1 \+1,2 @@\n-old\n\+new\n\+lines\n/,
    )
    expect(await client.list('DiffService', 'RawDiff', sides('main', 'main'))).toEqual([])
    await expectFailure(client.list('DiffService', 'RawDiff', sides('main', 'none')), Code.NOT_FOUND)
    await expectFailure(client.list('DiffService', 'RawDiff', sides('main', '--output=x')), Code.INVALID_ARGUMENT)
    await expectFailure(client.list('DiffService', 'DiffStats', sides('', 'ws')), Code.INVALID_ARGUMENT)
  })

  test('as counts, with both names of what was renamed', async () => {
    const [{ stats }] = await client.list('DiffService', 'DiffStats', sides('main', 'ws'))
    const none = bytes('')
    expect(stats).toEqual([
      { path: bytes('binary'), additions: 0, deletions: 0, old_path: none },
      { path: bytes('edited'), additions: 2, deletions: 1, old_path: none },
      { path: bytes('gone'), additions: 0, deletions: 1, old_path: none },
      { path: bytes('renämed'), additions: 0, deletions: 0, old_path: bytes('kept') },
    ])
  })

  test('file by file, the patch from its first hunk on', async () => {
    const replies = await client.list('DiffService', 'CommitDiff', {
      ...sides('main', 'ws'),
      max_patch_bytes: 2147483647,
    })
    expect(replies.map(({ to_path }) => to_path.toString())).toEqual(['binary', 'edited', 'gone', 'renämed'])
    const [binary, edited, gone, renamed] = replies
    expect(binary).toMatchObject({ binary: true, from_id: ZERO, from_path: bytes('binary') })
    expect(edited.raw_patch_data.toString()).toBe('@@ -1 +1,2 @@\n-old\n+new\n+lines\n')
    expect(edited).toMatchObject({ lines_added: 2, lines_removed: 1, old_mode: 33188, end_of_patch: true })
    expect(gone).toMatchObject({ to_id: ZERO, to_path: bytes('gone'), new_mode: 0 })
    expect(renamed).toMatchObject({ from_path: bytes('kept'), raw_patch_data: bytes('') })
  })

  test('CommitDiff repeats the fields of a file with each part of a large patch', async () => {
    await commit('ws', [{ path: 'large', content: 'x'.repeat(100).concat('\n').repeat(4000) }])
    const replies = (await client.list('DiffService', 'CommitDiff', sides('main', 'ws'))).filter(({ to_path }) =>
      to_path.equals(bytes('large')),
    )
    expect(replies.length).toBeGreaterThan(1)
    expect(replies.map(({ end_of_patch }) => end_of_patch).lastIndexOf(false)).toBe(replies.length - 2)
    expect(Math.max(...replies.map(({ raw_patch_data }) => raw_patch_data.length))).toBeLessThanOrEqual(128 * 1024)
  })
})

describe('merges', () => {
  let main: string
  let feature: string

  beforeEach(async () => {
    const base = await commit('main', [
      { path: 'a', content: '1\n2\n3\n4\n5\n' },
      { path: 'b', content: 'b\n' },
    ])
    feature = await commit('feature', [{ action: UPDATE, path: 'a', content: '1\n2\n3\n4\nfeature\n' }], {
      start_sha: base,
    })
    main = await commit('main', [{ action: UPDATE, path: 'a', content: 'main\n2\n3\n4\n5\n' }])
    await commit('clash', [{ action: UPDATE, path: 'a', content: 'clash\n2\n3\n4\n5\n' }], { start_sha: base })
  })

  const TARGET = 'refs/merge-requests/1/merge'
  const mergeToRef = (fields: object) =>
    client.unary(
      'OperationService',
      'UserMergeToRef',
      on({
        source_sha: feature,
        target_ref: bytes(TARGET),
        first_parent_ref: bytes('refs/heads/main'),
        message: bytes('merge'),
        ...fields,
      }),
    )

  test('UserMergeToRef makes a commit of two parents and moves the target alone', async () => {
    const { commit_id } = await mergeToRef({})
    expect(git('rev-parse', TARGET).trim()).toBe(commit_id)
    expect(git('log', '-1', '--format=%P', commit_id).trim()).toBe(`${main} ${feature}`)
    expect(git('show', `${commit_id}:a`)).toBe('main\n2\n3\n4\nfeature\n')
    expect(tip('main')).toBe(main)
    await expectFailure(mergeToRef({ expected_old_oid: main }), Code.FAILED_PRECONDITION)
    await mergeToRef({ expected_old_oid: commit_id, message: bytes('again') })
    await expectFailure(mergeToRef({ target_ref: bytes('refs/heads/main') }), Code.INVALID_ARGUMENT)
    await expectFailure(mergeToRef({ source_sha: 'f'.repeat(40) }), Code.INVALID_ARGUMENT)
  })

  test('W6: a merge conflict says so and leaves everything as it was', async () => {
    const before = refs()
    const error = await expectFailure(mergeToRef({ source_sha: tip('clash') }), Code.FAILED_PRECONDITION)
    expect(error.details).toContain('conflict')
    expect(refs()).toBe(before)
  })

  const rebase = (source: string, onto: string, target: string, fields = {}) =>
    client.unary(
      'OperationService',
      'UserRebaseToRef',
      on({ source_sha: source, first_parent_ref: bytes(onto), target_ref: bytes(target), ...fields }),
    )

  test('UserRebaseToRef replays what is missing, keeps authors, and drops what is there already', async () => {
    const author = { commit_author_name: bytes('Grace'), commit_author_email: bytes('g@example.com') }
    // The same change as main's own: applied already.
    await commit('feature', [{ action: UPDATE, path: 'b', content: 'B\n' }], author)
    await commit('main', [{ action: UPDATE, path: 'b', content: 'B\n' }])
    await commit('feature', [{ path: 'c', content: 'c\n' }], author)
    const { commit_id } = await rebase(tip('feature'), 'refs/heads/main', 'refs/heads/feature', {
      expected_old_oid: tip('feature'),
    })
    expect(tip('feature')).toBe(commit_id)
    expect(git('log', '--format=%an|%cn', 'main..feature').trim().split('\n')).toEqual([
      'Grace|Ada Lovelace',
      'Ada Lovelace|Ada Lovelace',
    ])
    expect(git('show', 'feature:a')).toBe('main\n2\n3\n4\nfeature\n')
    // Onto an ancestor: the source as it is. The source an ancestor: onto.
    expect((await rebase(tip('feature'), 'main', 'refs/heads/x')).commit_id).toBe(tip('feature'))
    expect((await rebase(tip('main'), 'feature', 'refs/heads/y')).commit_id).toBe(tip('feature'))
    const before = refs()
    const error = await expectFailure(rebase(tip('clash'), 'main', 'refs/heads/clash'), Code.FAILED_PRECONDITION)
    expect(error.details).toContain('conflict')
    expect(refs()).toBe(before)
  })

  test('W10: UserMergeBranch with both requests at once', async () => {
    const first = on({ commit_id: feature, branch: bytes('main'), message: bytes('merge') })
    await expectFailure(client.exchange('OperationService', 'UserMergeBranch', [first]), Code.FAILED_PRECONDITION)
    expect(tip('main')).toBe(main)
    const replies = await client.exchange('OperationService', 'UserMergeBranch', [first, { apply: true }])
    expect(replies).toHaveLength(2)
    expect(replies[1].branch_update.commit_id).toBe(replies[0].commit_id)
    expect(tip('main')).toBe(replies[0].commit_id)
    const error = await expectFailure(
      client.exchange('OperationService', 'UserMergeBranch', [{ ...first, commit_id: tip('clash') }, { apply: true }]),
      Code.FAILED_PRECONDITION,
    )
    expect(errorDetail(error)?.fields.merge_conflict.conflicting_files).toEqual([bytes('a')])
  })

  test('UserRevert takes a change back, or says why not', async () => {
    const revert = (id: string) =>
      client.unary(
        'OperationService',
        'UserRevert',
        on({ commit: { id }, branch_name: bytes('main'), message: bytes('revert') }),
      )
    const { branch_update } = await revert(main)
    expect(tip('main')).toBe(branch_update.commit_id)
    expect(git('show', 'main:a')).toBe('1\n2\n3\n4\n5\n')
    const again = await expectFailure(revert(main), Code.FAILED_PRECONDITION)
    expect(errorDetail(again)?.fields.error).toBe('changes_already_applied')
    await commit('main', [{ action: UPDATE, path: 'a', content: 'other\n2\n3\n4\n5\n' }])
    const clash = await expectFailure(revert(main), Code.FAILED_PRECONDITION)
    expect(errorDetail(clash)?.fields.error).toBe('merge_conflict')
  })
})

describe('the server', () => {
  test('tells its health, its versions and its readiness', async () => {
    const check = (service: string) => client.unary('grpc.health.v1.Health', 'Check', { service })
    expect((await check('')).status).toBe(1)
    expect((await check('gitaly.CommitService')).status).toBe(1)
    await expectFailure(check('nonsense'), Code.NOT_FOUND)
    const info = await client.unary('ServerService', 'ServerInfo', {})
    expect(info.git_version).toMatch(/^2\.\d+/)
    expect(info.storage_statuses[0]).toMatchObject({ storage_name: 'default', readable: true, writeable: true })
    expect((await client.unary('ServerService', 'ReadinessCheck', {})).ok_response).toEqual({})
  })
})
