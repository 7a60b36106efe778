// W13's ground: what must hold on every implementation of the protocol, tried on a real one. It runs where there is one:
//
//   READINESS_TEST_GITALY_ADDRESS   `http://host:port` or `host:port`; a storage `default`, no token
//   READINESS_TEST_GITALY_KIND      `gitaly` (if it is not set) or `gitaly-rs`
//   READINESS_TEST_GITALY_STORAGE   the storage's directory, where it is on this machine; gitaly-rs needs it, for it takes
//                                   the first commit of a repository by a push alone
//
// A Gitaly without GitLab needs GITALY_TESTING_NO_GIT_HOOKS=1 in its environment.

import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { status as Code, type ServiceError } from '@grpc/grpc-js'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, type TestContext, test } from 'vitest'
import { errorDetail, type FileChange, GitBackendClient, type Reply, USER } from './client.ts'
import { gitOn } from './temporary-backend.ts'

const address = process.env.READINESS_TEST_GITALY_ADDRESS?.replace(/^http:\/\//, '')
const kind = process.env.READINESS_TEST_GITALY_KIND ?? 'gitaly'
const storage = process.env.READINESS_TEST_GITALY_STORAGE

const title =
  address === undefined
    ? 'not run: set READINESS_TEST_GITALY_ADDRESS to the address of a Gitaly or a gitaly-rs'
    : `a ${kind} at ${address}`

const CREATE = 0
const UPDATE = 2
const MOVE = 3
const DELETE = 4
const CHMOD = 5

/** What gitaly-rs answers OK to without doing it (contract 5.2): nothing can be said of it. */
const wholeProtocol = describe.skipIf(kind === 'gitaly-rs')

const bytes = (text: string) => Buffer.from(text)

describe.skipIf(address === undefined)(title, () => {
  let client: GitBackendClient
  let repository: { storage_name: string; relative_path: string; gl_repository: string }
  let main: string

  beforeAll(() => {
    client = new GitBackendClient(address!)
  })

  afterAll(() => client.close())

  beforeEach(async () => {
    const relative_path = `readiness/${randomBytes(8).toString('hex')}.git`
    repository = { storage_name: 'default', relative_path, gl_repository: 'project-readiness' }
    await client.unary('RepositoryService', 'CreateRepository', { repository })
    main = await seed()
  })

  afterEach(() => client.unary('RepositoryService', 'RemoveRepository', { repository }))

  /** The first commit of `main`. */
  async function seed(): Promise<string> {
    const files = { 'README.md': 'read me\n', 'config/app.yaml': 'replicas: 1\n', 'config/ünï.yaml': 'ü\n' }
    if (kind !== 'gitaly-rs') {
      return client.commit(
        repository,
        'main',
        Object.entries(files).map(([path, content]) => ({ path, content })),
      )
    }
    if (storage === undefined)
      throw new Error('set READINESS_TEST_GITALY_STORAGE to the directory of the storage `default`')
    const source = mkdtempSync(join(tmpdir(), 'git-backend-test-'))
    try {
      gitOn(source, ['init', '--quiet', '--bare'])
      const changes = Object.entries(files).map(
        ([path, content]) => `M 100644 inline ${path}\ndata ${Buffer.byteLength(content)}\n${content}\n`,
      )
      const stream = [
        'commit refs/heads/main\ncommitter Seed <seed@example.com> 1700000000 +0000\ndata 5\nfirst\n',
        ...changes,
      ]
      gitOn(source, ['fast-import', '--quiet'], stream.join(''))
      gitOn(source, ['push', '--quiet', join(storage, repository.relative_path), 'main'])
      return gitOn(source, ['rev-parse', 'main']).trim()
    } finally {
      rmSync(source, { recursive: true, force: true })
    }
  }

  const on = (fields: object) => ({ repository, user: USER, ...fields })

  async function failure(promise: Promise<unknown>, ...codes: Code[]): Promise<ServiceError> {
    const error = await promise.then(
      () => undefined,
      (error: unknown) => error as ServiceError,
    )
    if (!error) throw new Error('the call succeeded')
    expect(codes.map((code) => Code[code])).toContain(Code[error.code])
    return error
  }

  /** A method that came later than this server: nothing can be said of it. */
  async function orSkip<Result>(context: TestContext, method: string, promise: Promise<Result>): Promise<Result> {
    try {
      return await promise
    } catch (error) {
      if ((error as ServiceError).code === Code.UNIMPLEMENTED) context.skip(`this server has no ${method}`)
      throw error
    }
  }

  // GC4: no start branch once the branch exists, and the commit that it is expected to be at.
  const commit = (branch: string, changes: FileChange[], expected_old_oid: string) =>
    client.commit(repository, branch, changes, { expected_old_oid })

  const createBranch = (name: string, start = 'main') =>
    client.unary('OperationService', 'UserCreateBranch', on({ branch_name: bytes(name), start_point: bytes(start) }))

  /** GC1: some answer the full name, or the first branch whose name begins so; Gitaly finds such a name ambiguous. */
  async function findBranch(name: string): Promise<string | undefined> {
    const reply = await client.unary('RefService', 'FindBranch', { repository, name: bytes(name) }).catch((error) => {
      if (error.code === Code.NOT_FOUND || /ambiguous/.test(error.details)) return { branch: null }
      throw error
    })
    const found = reply.branch?.name.toString().replace(/^refs\/heads\//, '')
    return found === name ? reply.branch.target_commit.id : undefined
  }

  /** GC2: the root is the empty path, or a dot. */
  async function tree(revision: string, path = ''): Promise<Reply[]> {
    const list = (path: string) =>
      client.list('CommitService', 'GetTreeEntries', { repository, revision: bytes(revision), path: bytes(path) })
    const replies = await list(path).catch((error) => {
      if (path === '' && error.code === Code.INVALID_ARGUMENT) return list('.')
      throw error
    })
    return replies.flatMap(({ entries }) => entries)
  }

  /** GC3: what is missing has neither an id nor data, or is an error. */
  async function read(revision: string, path: string): Promise<string | undefined> {
    const request = { repository, revision_paths: [{ revision, path: bytes(path) }], limit: -1 }
    try {
      const replies = await client.list('BlobService', 'GetBlobs', request)
      if (replies.every(({ oid, data }) => oid === '' && data.length === 0)) return undefined
      return Buffer.concat(replies.map(({ data }) => data)).toString()
    } catch (error) {
      const { code, details } = error as ServiceError
      if (code === Code.NOT_FOUND || /Needed a single revision/.test(details)) return undefined
      throw error
    }
  }

  test('repositories exist, and are created once', async () => {
    expect((await client.unary('RepositoryService', 'RepositoryExists', { repository })).exists).toBe(true)
    const none = { repository: { ...repository, relative_path: 'readiness/none.git' } }
    expect((await client.unary('RepositoryService', 'RepositoryExists', none)).exists).toBe(false)
    await failure(client.unary('RepositoryService', 'CreateRepository', { repository }), Code.ALREADY_EXISTS)
  })

  test('a branch is created from a start, once', async () => {
    const { branch } = await createBranch('ws/u1/app')
    expect(branch.target_commit.id).toBe(main)
    expect(await findBranch('ws/u1/app')).toBe(main)
    expect(await findBranch('ws/u1')).toBeUndefined()
    await failure(createBranch('ws/u1/app'), Code.FAILED_PRECONDITION, Code.ALREADY_EXISTS)
    expect(await findBranch('ws/u1/app')).toBe(main)
  })

  test('W5: edits of a workspace keep each other', async () => {
    await createBranch('ws/u1/app')
    const first = await commit('ws/u1/app', [{ action: CREATE, path: 'A', content: 'a' }], main)
    const second = await commit('ws/u1/app', [{ action: CREATE, path: 'B', content: 'b' }], first)
    const third = await commit(
      'ws/u1/app',
      [{ action: UPDATE, path: 'config/app.yaml', content: 'replicas: 2\n' }],
      second,
    )
    const last = await commit('ws/u1/app', [{ action: DELETE, path: 'README.md' }], third)
    expect(await findBranch('ws/u1/app')).toBe(last)
    expect([await read('ws/u1/app', 'A'), await read('ws/u1/app', 'B')]).toEqual(['a', 'b'])
    expect(await read('ws/u1/app', 'config/app.yaml')).toBe('replicas: 2\n')
    expect(await read('ws/u1/app', 'README.md')).toBeUndefined()
    expect(await read('main', 'README.md')).toBe('read me\n')
    // What is stale is refused, and changes nothing.
    await failure(commit('ws/u1/app', [{ path: 'C', content: 'c' }], second), Code.FAILED_PRECONDITION)
    expect(await findBranch('ws/u1/app')).toBe(last)
  })

  test('W2: a file of 3 MiB goes there and back', async () => {
    await createBranch('ws/u1/app')
    const content = 'a line of a large file\n'.repeat(137_000)
    await commit('ws/u1/app', [{ path: 'large', content }], main)
    expect(await read('ws/u1/app', 'large')).toBe(content)
  })

  test('W3: a tree in its order, with types, modes and full paths', async () => {
    const entries = await tree('main')
    expect(entries.map(({ path, type, mode }) => [path.toString(), type, mode])).toEqual([
      ['README.md', 0, 33188],
      ['config', 1, 16384],
    ])
    const below = await tree('main', 'config')
    expect(below.map(({ path }) => path.toString())).toEqual(['config/app.yaml', 'config/ünï.yaml'])
    expect(await read('main', 'config/ünï.yaml')).toBe('ü\n')
    // Older Gitalys answer nothing, without an error.
    const refusals = [Code.NOT_FOUND, Code.INVALID_ARGUMENT]
    for (const [revision, path] of [
      ['main', 'none'],
      ['none', ''],
    ] as const) {
      expect(await tree(revision, path).catch(({ code }) => (refusals.includes(code) ? [] : code))).toEqual([])
    }
  })

  test('a diff, as counts and as text', async () => {
    await createBranch('ws/u1/app')
    const right_commit_id = await commit(
      'ws/u1/app',
      [
        { action: UPDATE, path: 'config/app.yaml', content: 'replicas: 2\nmore: true\n' },
        { path: 'new', content: 'new\n' },
      ],
      main,
    )
    const sides = { repository, left_commit_id: 'main', right_commit_id }
    const stats = (await client.list('DiffService', 'DiffStats', sides)).flatMap((reply) => reply.stats)
    expect(stats.map(({ path, additions, deletions }) => [path.toString(), additions, deletions])).toEqual([
      ['config/app.yaml', 2, 1],
      ['new', 1, 0],
    ])
    const raw = Buffer.concat((await client.list('DiffService', 'RawDiff', sides)).map(({ data }) => data)).toString()
    expect(raw).toContain('@@ -1 +1,2 @@\n-replicas: 1\n+replicas: 2\n+more: true\n')
  })

  test('W7: references are moved from where they are, all or none', async (context) => {
    await createBranch('a')
    await createBranch('b')
    const next = await commit('a', [{ path: 'x', content: 'x' }], main)
    const update = (name: string, old: string, to: string) => ({
      reference: bytes(name),
      old_object_id: bytes(old),
      new_object_id: bytes(to),
    })
    const send = (...updates: object[]) => client.send('RefService', 'UpdateReferences', [{ repository, updates }])
    await orSkip(context, 'UpdateReferences', send(update('refs/heads/b', main, next)))
    expect(await findBranch('b')).toBe(next)
    await failure(
      send(update('refs/heads/a', next, main), update('refs/heads/b', main, main)),
      Code.ABORTED,
      Code.FAILED_PRECONDITION,
      Code.INTERNAL,
    )
    expect([await findBranch('a'), await findBranch('b')]).toEqual([next, next])
  })

  test('an annotated tag is made once, and found', async () => {
    const create = () =>
      client.unary(
        'OperationService',
        'UserCreateTag',
        on({ tag_name: bytes('r2025.01.01.1'), target_revision: bytes(main), message: bytes('Release r2025.01.01.1') }),
      )
    const { tag } = await create()
    expect(tag.target_commit.id).toBe(main)
    expect(tag.id).not.toBe(main)
    await failure(create(), Code.ALREADY_EXISTS)
    const found = await client.unary('RefService', 'FindTag', { repository, tag_name: bytes('r2025.01.01.1') })
    expect(found.tag.name.toString().replace(/^refs\/tags\//, '')).toBe('r2025.01.01.1')
    expect(found.tag.target_commit.id).toBe(main)
    const all = (await client.list('RefService', 'FindAllTags', { repository })).flatMap(({ tags }) => tags)
    expect(all).toHaveLength(1)
    await failure(client.unary('RefService', 'FindTag', { repository, tag_name: bytes('none') }), Code.NOT_FOUND)
  })

  test('commits are found, listed and related', async () => {
    await createBranch('ws')
    const next = await commit('ws', [{ path: 'x', content: 'x' }], main)
    const find = async (revision: string) =>
      (await client.unary('CommitService', 'FindCommit', { repository, revision: bytes(revision) })).commit?.id
    expect([await find('ws'), await find(main), await find('none')]).toEqual([next, main, undefined])
    const page = { page_token: '', limit: 10 }
    const request = { repository, revisions: ['ws'], pagination_params: page }
    const listed = (await client.list('CommitService', 'ListCommits', request)).flatMap(({ commits }) => commits)
    expect(listed.map(({ id }) => id)).toEqual([next, main])
    const related = { repository, ancestor_id: main, child_id: next }
    expect((await client.unary('CommitService', 'CommitIsAncestor', related)).value).toBe(true)
  })

  describe('a merge into a reference for it', () => {
    const mergeToRef = (source_sha: string, first_parent_ref: string) =>
      client.unary(
        'OperationService',
        'UserMergeToRef',
        on({
          source_sha,
          target_ref: bytes('refs/merge-requests/1/merge'),
          first_parent_ref: bytes(first_parent_ref),
          message: bytes('merge'),
        }),
      )

    test('GC5: makes a commit of both', async () => {
      await createBranch('a')
      await createBranch('b')
      const ours = await commit('a', [{ path: 'x', content: 'x' }], main)
      const theirs = await commit('b', [{ path: 'y', content: 'y' }], main)
      const { commit_id } = await mergeToRef(theirs, ours)
      expect([await read(commit_id, 'x'), await read(commit_id, 'y')]).toEqual(['x', 'y'])
      expect([await findBranch('a'), await findBranch('b')]).toEqual([ours, theirs])
    })

    test('W6, GC6: of a conflict is refused', async () => {
      await createBranch('a')
      await createBranch('b')
      const change = (content: string) => [{ action: UPDATE, path: 'config/app.yaml', content }]
      const ours = await commit('a', change('replicas: 2\n'), main)
      const theirs = await commit('b', change('replicas: 3\n'), main)
      await failure(mergeToRef(theirs, ours), Code.FAILED_PRECONDITION, Code.ABORTED, Code.INTERNAL)
      expect([await findBranch('a'), await findBranch('b')]).toEqual([ours, theirs])
    })
  })

  wholeProtocol('what gitaly-rs has no more than an answer for', () => {
    test('files are moved and made executable, and an unchanged content is a commit', async () => {
      await createBranch('ws')
      const moved = await commit(
        'ws',
        [
          { action: MOVE, path: 'docs/README.md', fields: { previous_path: bytes('README.md'), infer_content: true } },
          { action: CHMOD, path: 'config/app.yaml', fields: { execute_filemode: true } },
        ],
        main,
      )
      expect(await read('ws', 'docs/README.md')).toBe('read me\n')
      expect((await tree('ws', 'config'))[0].mode).toBe(33261)
      const same = await commit('ws', [{ action: UPDATE, path: 'docs/README.md', content: 'read me\n' }], moved)
      expect(same).not.toBe(moved)
    })

    test('W12: of several commits at once to one branch one is done', async () => {
      await createBranch('ws')
      const results = await Promise.allSettled(
        Array.from({ length: 5 }, (_, index) => commit('ws', [{ path: `f${index}`, content: '' }], main)),
      )
      const done = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
      expect(done).toEqual([await findBranch('ws')])
    })

    test('branches and tags are deleted', async () => {
      await createBranch('ws')
      await client.unary('OperationService', 'UserDeleteBranch', on({ branch_name: bytes('ws') }))
      expect(await findBranch('ws')).toBeUndefined()
      await failure(
        client.unary('OperationService', 'UserDeleteBranch', on({ branch_name: bytes('ws') })),
        Code.FAILED_PRECONDITION,
      )
      const tag = on({ tag_name: bytes('t'), target_revision: bytes(main) })
      await client.unary('OperationService', 'UserCreateTag', tag)
      await client.unary('OperationService', 'UserDeleteTag', on({ tag_name: bytes('t') }))
      await failure(client.unary('RefService', 'FindTag', { repository, tag_name: bytes('t') }), Code.NOT_FOUND)
    })

    test('a workspace is rebased onto the integration branch', async (context) => {
      await createBranch('ws')
      const head = await commit('ws', [{ path: 'x', content: 'x' }], main)
      const next = await commit('main', [{ path: 'y', content: 'y' }], main)
      const rebase = on({
        source_sha: head,
        first_parent_ref: bytes('refs/heads/main'),
        target_ref: bytes('refs/merge-requests/1/rebase'),
      })
      const { commit_id } = await orSkip(
        context,
        'UserRebaseToRef',
        client.unary('OperationService', 'UserRebaseToRef', rebase),
      )
      const { commit: rebased } = await client.unary('CommitService', 'FindCommit', {
        repository,
        revision: bytes(commit_id),
      })
      expect(rebased.parent_ids).toEqual([next])
    })

    test('W10: a branch is merged, both requests at once; a conflict names the files', async () => {
      await createBranch('ws')
      const head = await commit('ws', [{ path: 'x', content: 'x' }], main)
      const merge = (commit_id: string) =>
        client.exchange('OperationService', 'UserMergeBranch', [
          on({ commit_id, branch: bytes('main'), message: bytes('merge') }),
          { apply: true },
        ])
      const replies = await merge(head)
      const tip = await findBranch('main')
      expect(replies.map(({ branch_update }) => branch_update?.commit_id).filter(Boolean)).toEqual([tip])
      await createBranch('clash', main)
      const clash = await commit('clash', [{ path: 'x', content: 'other' }], main)
      const error = await failure(merge(clash), Code.FAILED_PRECONDITION)
      expect(errorDetail(error)?.fields.merge_conflict?.conflicting_files).toEqual([bytes('x')])
      expect(await findBranch('main')).toBe(tip)
    })

    test('a commit is reverted', async () => {
      const next = await commit('main', [{ path: 'x', content: 'x' }], main)
      const { branch_update } = await client.unary(
        'OperationService',
        'UserRevert',
        on({ commit: { id: next }, branch_name: bytes('main'), message: bytes('revert') }),
      )
      expect(await findBranch('main')).toBe(branch_update.commit_id)
      expect(await read('main', 'x')).toBeUndefined()
    })

    test('names that are no references are refused', async () => {
      for (const name of ['a b', 'a..b', '-x/..', 'a.lock', 'x\ncreate refs/heads/injected']) {
        await failure(createBranch(name), Code.INVALID_ARGUMENT, Code.FAILED_PRECONDITION, Code.INTERNAL)
      }
      expect(await findBranch('injected')).toBeUndefined()
    })
  })
})
