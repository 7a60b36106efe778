// Repositories come and go, and nothing reaches outside of the storage (contract 4.1, 4.7).

import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { status as Code } from '@grpc/grpc-js'
import { describe, expect, test } from 'vitest'
import { USER } from '../client.ts'
import { gitOn } from '../temporary-backend.ts'
import {
  blobs,
  bytes,
  client,
  commit,
  createBranch,
  detailOf,
  directory,
  expectFailure,
  findBranch,
  git,
  read,
  repository,
  temporary,
  tip,
  tree,
  useBackend,
} from './backend.ts'

useBackend()

const create = (request: object) => client.unary('RepositoryService', 'CreateRepository', request)
const remove = (request: object) => client.unary('RepositoryService', 'RemoveRepository', request)
const exists = async (request: object = { repository }): Promise<boolean> =>
  (await client.unary('RepositoryService', 'RepositoryExists', request)).exists
const at = (relative_path: string) => ({ repository: { storage_name: 'default', relative_path } })

describe('a repository', () => {
  test('is created once, exists, and is removed with everything in it', async () => {
    expect(await exists()).toBe(true)
    expect(git('symbolic-ref', 'HEAD').trim()).toBe('refs/heads/main')
    // Nothing is ever collected: a run must find every commit again that it was told of.
    expect(git('config', 'gc.auto').trim()).toBe('0')
    await expectFailure(create({ repository }), Code.ALREADY_EXISTS)
    await commit('main', [{ path: 'a', content: 'a' }])
    await remove({ repository })
    expect(await exists()).toBe(false)
    expect(existsSync(directory())).toBe(false)
    await expectFailure(remove({ repository }), Code.NOT_FOUND)
  })

  test('can be created again where one was removed, and starts empty', async () => {
    await commit('main', [{ path: 'a', content: 'a' }])
    await remove({ repository })
    await create({ repository })
    expect(await findBranch('main')).toBeNull()
    await commit('main', [{ path: 'b', content: 'b' }])
    expect(await read('main', 'a')).toBeUndefined()
    expect(await read('main', 'b')).toBe('b')
  })

  test('that is replaced behind the back of the server, as from a backup, is the new one', async () => {
    const old = await commit('main', [{ path: 'a', content: 'old' }])
    rmSync(directory(), { recursive: true })
    await expectFailure(commit('main', []), Code.NOT_FOUND)
    gitOn(temporary.storage, ['init', '--quiet', '--bare', repository.relative_path])
    expect(await findBranch('main')).toBeNull()
    expect(await read(old, 'a')).toBeUndefined()
    await commit('main', [{ path: 'a', content: 'new' }])
    expect(await read('main', 'a')).toBe('new')
    expect(git('rev-list', '--count', 'main').trim()).toBe('1')
    // At once, with no call in between that finds nothing.
    rmSync(directory(), { recursive: true })
    gitOn(temporary.storage, ['init', '--quiet', '--bare', repository.relative_path])
    const stream = 'commit refs/heads/main\ncommitter C <c@example.com> 1600000000 +0000\ndata 8\nrestored\n'
    gitOn(directory(), ['fast-import', '--quiet'], stream)
    expect((await findBranch('main')).target_commit.subject).toEqual(bytes('restored'))
  })

  test('has the default branch that was asked for, whatever bytes its name has', async () => {
    const made = at('apps/default-branch.git')
    await create({ ...made, default_branch: bytes('hauptzweig-ü') })
    const head = gitOn(join(temporary.storage, 'apps/default-branch.git'), ['symbolic-ref', 'HEAD'])
    expect(head.trim()).toBe('refs/heads/hauptzweig-ü')
    await expectFailure(create({ ...at('apps/x.git'), default_branch: bytes('a b') }), Code.INVALID_ARGUMENT)
    await expectFailure(create({ ...at('apps/x.git'), object_format: 2 }), Code.INVALID_ARGUMENT)
    await create({ ...at('apps/x.git'), object_format: 1 })
  })

  test('only one of several creations at once succeeds', async () => {
    const request = at('apps/race.git')
    const results = await Promise.allSettled(Array.from({ length: 5 }, () => create(request)))
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason.code).toBe(Code.ALREADY_EXISTS)
    }
  })

  test('a name in another script is a path like any other', async () => {
    await create(at('äpps/アプリ 1.git'))
    expect(await exists(at('äpps/アプリ 1.git'))).toBe(true)
    expect(existsSync(join(temporary.storage, 'äpps/アプリ 1.git/HEAD'))).toBe(true)
  })
})

/** Everything beside the storage, and everything in it but what the backend keeps there for itself. */
const world = () =>
  readdirSync(temporary.root, { recursive: true })
    .map(String)
    .filter((name) => !name.startsWith('storage/+') && !name.startsWith('storage/apps'))

describe('W9: a relative path', () => {
  test('cannot leave the storage, nor enter a repository', async () => {
    mkdirSync(join(temporary.root, 'outside'), { recursive: true })
    symlinkSync(join(temporary.root, 'outside'), join(temporary.storage, 'link'))
    const before = world()
    const paths = [
      '../outside.git',
      'a/../../outside.git',
      '/tmp/outside.git',
      './a.git',
      'a/./b.git',
      'a//b.git',
      'a.git/',
      '..',
      '.',
      'a\\..\\b',
      'a\0b',
      'a\nb',
      '+git-backend/x.git',
      `${repository.relative_path}/objects/x.git`,
      'link/x.git',
      'link/deep/x.git',
      'x'.repeat(300),
      'x/'.repeat(600).concat('x'),
    ]
    for (const relative_path of paths) await expectFailure(create(at(relative_path)), Code.INVALID_ARGUMENT)
    for (const relative_path of paths.filter((path) => !path.startsWith('link'))) {
      await expectFailure(exists(at(relative_path)), Code.INVALID_ARGUMENT)
      await expectFailure(remove(at(relative_path)), Code.INVALID_ARGUMENT)
      await expectFailure(
        client.unary('RefService', 'FindBranch', { ...at(relative_path), name: bytes('main') }),
        Code.INVALID_ARGUMENT,
      )
    }
    expect(world()).toEqual(before)
  })

  test('through a link does not reach a repository outside, nor remove it', async () => {
    const outside = join(temporary.root, 'outside')
    mkdirSync(outside, { recursive: true })
    gitOn(outside, ['init', '--quiet', '--bare', 'victim.git'])
    symlinkSync(outside, join(temporary.storage, 'way-out'))
    symlinkSync(join(outside, 'victim.git'), join(temporary.storage, 'alias.git'))
    for (const path of ['way-out/victim.git', 'alias.git']) {
      await expectFailure(exists(at(path)), Code.INVALID_ARGUMENT)
      await expectFailure(remove(at(path)), Code.INVALID_ARGUMENT)
      await expectFailure(
        client.commit({ storage_name: 'default', relative_path: path }, 'main', []),
        Code.INVALID_ARGUMENT,
      )
    }
    expect(existsSync(join(outside, 'victim.git/HEAD'))).toBe(true)
  })

  test('must be set, as must the storage, and there is one storage', async () => {
    await expectFailure(exists({ repository: { ...repository, storage_name: 'other' } }), Code.INVALID_ARGUMENT)
    await expectFailure(exists({ repository: { ...repository, storage_name: '' } }), Code.INVALID_ARGUMENT)
    await expectFailure(exists(at('')), Code.INVALID_ARGUMENT)
    await expectFailure(exists({}), Code.INVALID_ARGUMENT)
  })
})

describe('4.7: a repository that does not exist', () => {
  const missing = { repository: { storage_name: 'default', relative_path: 'apps/none.git' }, user: USER }
  const name = bytes('main')
  const id = 'a'.repeat(40)
  const calls: [string, string, 'unary' | 'list' | 'send' | 'exchange', object][] = [
    ['RepositoryService', 'RemoveRepository', 'unary', missing],
    ['RefService', 'FindBranch', 'unary', { ...missing, name }],
    ['RefService', 'FindLocalBranches', 'list', missing],
    ['RefService', 'FindTag', 'unary', { ...missing, tag_name: name }],
    ['RefService', 'FindAllTags', 'list', missing],
    ['RefService', 'UpdateReferences', 'send', missing],
    ['CommitService', 'FindCommit', 'unary', { ...missing, revision: name }],
    ['CommitService', 'ListCommits', 'list', { ...missing, revisions: ['main'] }],
    ['CommitService', 'CommitIsAncestor', 'unary', { ...missing, ancestor_id: id, child_id: id }],
    ['CommitService', 'GetTreeEntries', 'list', { ...missing, revision: name }],
    [
      'BlobService',
      'GetBlobs',
      'list',
      { ...missing, revision_paths: [{ revision: 'main', path: bytes('a') }], limit: -1 },
    ],
    ['DiffService', 'CommitDiff', 'list', { ...missing, left_commit_id: id, right_commit_id: id }],
    ['DiffService', 'RawDiff', 'list', { ...missing, left_commit_id: id, right_commit_id: id }],
    ['DiffService', 'DiffStats', 'list', { ...missing, left_commit_id: id, right_commit_id: id }],
    ['OperationService', 'UserCreateBranch', 'unary', { ...missing, branch_name: name, start_point: name }],
    ['OperationService', 'UserDeleteBranch', 'unary', { ...missing, branch_name: name }],
    [
      'OperationService',
      'UserCommitFiles',
      'send',
      { header: { ...missing, branch_name: name, commit_message: bytes('m') } },
    ],
    [
      'OperationService',
      'UserMergeToRef',
      'unary',
      { ...missing, source_sha: id, target_ref: bytes('refs/merge-requests/1/merge'), first_parent_ref: name },
    ],
    [
      'OperationService',
      'UserRebaseToRef',
      'unary',
      { ...missing, source_sha: id, target_ref: bytes('refs/heads/x'), first_parent_ref: name },
    ],
    [
      'OperationService',
      'UserMergeBranch',
      'exchange',
      { ...missing, commit_id: id, branch: name, message: bytes('m') },
    ],
    ['OperationService', 'UserRevert', 'unary', { ...missing, commit: { id }, branch_name: name, message: bytes('m') }],
    ['OperationService', 'UserCreateTag', 'unary', { ...missing, tag_name: bytes('t'), target_revision: name }],
    ['OperationService', 'UserDeleteTag', 'unary', { ...missing, tag_name: bytes('t') }],
  ]

  test.each(calls)('%s.%s answers NOT_FOUND', async (service, method, kind, request) => {
    const streamed = kind === 'send' || kind === 'exchange'
    const send = client[kind].bind(client) as (service: string, method: string, request: object) => Promise<unknown>
    await expectFailure(send(service, method, streamed ? [request] : request), Code.NOT_FOUND)
  })

  test('and RepositoryExists says no', async () => {
    expect(await exists(at('apps/none.git'))).toBe(false)
    expect(await exists(at('apps'))).toBe(false)
  })
})

describe('4.7: an empty repository', () => {
  test('has no branches, no trees, and nothing to branch from', async () => {
    expect(await findBranch('main')).toBeNull()
    expect(await client.list('RefService', 'FindLocalBranches', { repository })).toEqual([])
    expect(await client.list('RefService', 'FindAllTags', { repository })).toEqual([])
    const error = await expectFailure(tree('main'), Code.NOT_FOUND)
    expect(detailOf(error)).toMatchObject({ case: 'resolve_tree', fields: { revision: bytes('main') } })
    expect(await read('main', 'a')).toBeUndefined()
    expect(await blobs('main', 'a')).toHaveLength(1)
    expect((await client.unary('CommitService', 'FindCommit', { repository, revision: bytes('main') })).commit).toBe(
      null,
    )
    await expectFailure(createBranch('ws/a', 'main'), Code.FAILED_PRECONDITION)
  })

  test.each(['', 'other', 'main'])('takes a root commit with the start branch %j', async (start) => {
    const { branch_update } = await client.send('OperationService', 'UserCommitFiles', [
      {
        header: {
          repository,
          user: USER,
          branch_name: bytes('main'),
          commit_message: bytes('first'),
          start_branch_name: bytes(start),
        },
      },
      { action: { header: { action: 0, file_path: bytes('a/b') } } },
      { action: { content: bytes('c') } },
    ])
    expect(branch_update).toMatchObject({ commit_id: tip('main'), repo_created: true, branch_created: true })
    expect(git('rev-list', '--count', 'main').trim()).toBe('1')
    expect(await read('main', 'a/b')).toBe('c')
  })
})
