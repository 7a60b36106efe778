// The bytes on the wire, by an independent witness: requests are written by hand from the contract's numbers, and replies
// are read by hand, strictly. No proto file has a part in it, except in the server.

import { closeSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { status as Code, type ServiceError } from '@grpc/grpc-js'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { gitOn, startTemporaryBackend, type TemporaryBackend } from './temporary-backend.ts'
import { decode, encode, type Fields, noiseOf, RPCS } from './wire/messages.ts'
import { bytesField, readFields, varintField } from './wire/protobuf.ts'
import { RawClient } from './wire/raw-client.ts'

const USER = { gl_id: 'user-1', name: 'Ada', email: 'ada@example.com', gl_username: 'ada', timezone: 'UTC' }
const TIME = { seconds: 1_700_000_000 }
const ZERO = '0'.repeat(40)

let temporary: TemporaryBackend
let client: RawClient
/** Methods that have answered. */
const answered = new Set<string>()

beforeAll(async () => {
  temporary = await startTemporaryBackend()
  client = new RawClient(temporary.backend.address)
})

afterAll(async () => {
  client.close()
  await temporary[Symbol.asyncDispose]()
})

const bytes = (text: string) => Buffer.from(text)

/** A call written and read by hand. */
async function call(method: string, requests: Fields | Fields[], noise?: (message: string) => Buffer) {
  const { path, kind, request, response } = RPCS.get(method)!
  const messages = (Array.isArray(requests) ? requests : [requests]).map((fields) => encode(request, fields, noise))
  const replies = await client.call(path, kind, messages)
  answered.add(method)
  return replies.map((reply) => decode(response, reply))
}

/** The status of a call that fails, and what its detail says. */
async function refusal(method: string, requests: Fields | Fields[]) {
  const error = await call(method, requests).then(
    () => undefined,
    (error: ServiceError) => error,
  )
  if (!error) throw new Error('the call succeeded')
  return { code: error.code, detail: detailOf(error) }
}

function detailOf(error: ServiceError): { type: string; fields: Record<string, unknown> } | undefined {
  const trailer = error.metadata.get('grpc-status-details-bin')[0]
  if (trailer === undefined) return undefined
  const status = decode('Status', trailer as Buffer)
  expect(status).toMatchObject({ code: error.code, message: error.details })
  const [any] = status.details as { type_url: string; value?: Buffer }[]
  expect(any!.type_url).toMatch(/^type\.googleapis\.com\/gitaly\.\w+$/)
  const type = any!.type_url.replace(/.*\./, '')
  return { type, fields: decode(type, any!.value ?? Buffer.alloc(0)) }
}

let names = 0
let repository: { storage_name: string; relative_path: string }

const git = (...args: string[]) => gitOn(join(temporary.storage, repository.relative_path), args).trim()

beforeEach(async () => {
  repository = { storage_name: 'default', relative_path: `wire/${++names}.git` }
  expect(await call('CreateRepository', { repository })).toEqual([{}])
})

const header = (branch_name: string, fields: Fields = {}) => ({
  header: { repository, user: USER, branch_name, commit_message: 'm', timestamp: TIME, ...fields },
})
const action = (fields: Fields) => ({ action: { header: fields } })
const content = (bytes: string | Buffer) => ({ action: { content: bytes } })

async function commit(branch: string, file: string, text: string, fields: Fields = {}): Promise<string> {
  const replies = await call('UserCommitFiles', [header(branch, fields), action({ file_path: file }), content(text)])
  return (replies[0] as { branch_update: { commit_id: string } }).branch_update.commit_id
}

const person = { name: bytes('Ada'), email: bytes('ada@example.com'), date: TIME, timezone: bytes('+0000') }

/** A commit as the replies must tell it. */
const commitFields = (id: string, fields: Fields = {}) => ({
  id,
  subject: bytes('m'),
  body: bytes('m'),
  body_size: 1,
  author: person,
  committer: person,
  tree_id: git('rev-parse', `${id}^{tree}`),
  ...fields,
})

describe('every method, by numbers', () => {
  test('RepositoryService', async () => {
    const request = { repository: { ...repository, gl_repository: 'project-1' } }
    expect(await call('RepositoryExists', request)).toEqual([{ exists: true }])
    expect(await call('RemoveRepository', request)).toEqual([{}])
    // False is no byte at all.
    expect(await call('RepositoryExists', request)).toEqual([{}])
  })

  test('UserCommitFiles', async () => {
    const replies = await call('UserCommitFiles', [
      header('main', { commit_author_name: 'Grace', commit_author_email: 'grace@example.com' }),
      action({ action: 0, file_path: 'a' }),
      content('one'),
      action({ action: 1, file_path: 'dir' }),
      action({ action: 0, file_path: 'x', execute_filemode: true }),
      content(''),
    ])
    const first = git('rev-parse', 'main')
    expect(replies).toEqual([{ branch_update: { commit_id: first, repo_created: true, branch_created: true } }])
    const next = await call('UserCommitFiles', [
      header('main', { expected_old_oid: first }),
      action({ action: 2, file_path: 'a', base64_content: true }),
      content('dHdv'),
      action({ action: 3, file_path: 'b', previous_path: 'a', infer_content: true }),
      action({ action: 5, file_path: 'b', execute_filemode: true }),
      action({ action: 4, file_path: 'x' }),
    ])
    expect(next).toEqual([{ branch_update: { commit_id: git('rev-parse', 'main') } }])
    expect(git('ls-tree', '-r', '--format=%(objectmode) %(path)', 'main')).toBe('100755 b\n100644 dir/.gitkeep')
    expect(git('show', 'main:b')).toBe('two')
    expect(git('log', '--format=%an', 'main')).toBe('Ada\nGrace')
    const started = await call('UserCommitFiles', [
      header('ws', { start_branch_name: 'main', start_repository: repository }),
    ])
    expect(started).toEqual([{ branch_update: { commit_id: git('rev-parse', 'ws'), branch_created: true } }])
    await call('UserCommitFiles', [header('ws', { start_sha: first, force: true })])
    expect(git('rev-parse', 'ws^')).toBe(first)
  })

  test('UserCreateBranch, FindBranch, FindLocalBranches, UserDeleteBranch', async () => {
    const id = await commit('main', 'a', 'a')
    const commitOf = commitFields(id)
    const branch = { name: bytes('ws/1'), target_commit: commitOf }
    expect(
      await call('UserCreateBranch', { repository, branch_name: 'ws/1', user: USER, start_point: 'main' }),
    ).toEqual([{ branch }])
    expect(await call('FindBranch', { repository, name: 'ws/1' })).toEqual([{ branch }])
    expect(await call('FindBranch', { repository, name: 'ws' })).toEqual([{}])
    expect(await call('FindLocalBranches', { repository })).toEqual([
      {
        local_branches: [
          { name: bytes('refs/heads/main'), target_commit: commitOf },
          { name: bytes('refs/heads/ws/1'), target_commit: commitOf },
        ],
      },
    ])
    const page = { repository, sort_by: 2, pagination_params: { page_token: 'refs/heads/main', limit: 1 } }
    expect(await call('FindLocalBranches', page)).toMatchObject([
      { local_branches: [{ name: bytes('refs/heads/ws/1') }] },
    ])
    const remove = { repository, branch_name: 'ws/1', user: USER, expected_old_oid: id }
    expect(await call('UserDeleteBranch', remove)).toEqual([{}])
    expect(await call('FindBranch', { repository, name: 'ws/1' })).toEqual([{}])
  })

  test('UpdateReferences', async () => {
    const id = await commit('main', 'a', 'a')
    const replies = await call('UpdateReferences', [
      { repository, updates: [{ reference: 'refs/heads/x', new_object_id: id }] },
      { updates: [{ reference: 'refs/heads/y', old_object_id: ZERO, new_object_id: id }] },
    ])
    expect(replies).toEqual([{}])
    await call('UpdateReferences', [
      { repository, updates: [{ reference: 'refs/heads/x', old_object_id: id, new_object_id: ZERO }] },
    ])
    expect(git('for-each-ref', '--format=%(refname)')).toBe('refs/heads/main\nrefs/heads/y')
  })

  test('UserCreateTag, FindTag, FindAllTags, UserDeleteTag', async () => {
    const id = await commit('main', 'a', 'a')
    const [light] = await call('UserCreateTag', { repository, tag_name: 'light', user: USER, target_revision: 'main' })
    expect(light).toEqual({ tag: { name: bytes('light'), id, target_commit: commitFields(id) } })
    const request = {
      repository,
      tag_name: 'r1',
      user: USER,
      target_revision: id,
      message: 'Release r1',
      timestamp: TIME,
    }
    const tag = {
      name: bytes('r1'),
      id: expect.stringMatching(/^[0-9a-f]{40}$/),
      target_commit: commitFields(id),
      message: bytes('Release r1'),
      message_size: 10,
      tagger: person,
    }
    expect(await call('UserCreateTag', request)).toEqual([{ tag }])
    expect(await call('FindTag', { repository, tag_name: 'r1' })).toEqual([{ tag }])
    expect(await call('FindAllTags', { repository })).toEqual([{ tags: [light!.tag, tag] }])
    const page = { repository, pagination_params: { page_token: 'refs/tags/light', limit: 1 } }
    expect(await call('FindAllTags', page)).toEqual([{ tags: [tag] }])
    const remove = { repository, tag_name: 'light', user: USER, expected_old_oid: id }
    expect(await call('UserDeleteTag', remove)).toEqual([{}])
  })

  test('FindCommit, ListCommits, CommitIsAncestor', async () => {
    const first = await commit('main', 'a', 'a')
    const second = await commit('main', 'b', 'b')
    const commits = [commitFields(second, { parent_ids: [first] }), commitFields(first)]
    expect(await call('FindCommit', { repository, revision: 'main', trailers: true })).toEqual([{ commit: commits[0] }])
    expect(await call('FindCommit', { repository, revision: 'none' })).toEqual([{}])
    const list = { repository, revisions: ['--all', `^${ZERO.replace(/^0/, 'f')}`] }
    expect(await refusal('ListCommits', list)).toEqual({ code: Code.NOT_FOUND, detail: undefined })
    expect(await call('ListCommits', { repository, revisions: ['main'] })).toEqual([{ commits }])
    const page = { page_token: second, limit: 1 }
    const fields = { revisions: ['main'], pagination_params: page, order: 1, first_parent: true, paths: ['a', 'b'] }
    expect(await call('ListCommits', { repository, ...fields })).toEqual([{ commits: [commits[1]] }])
    const skip = { repository, revisions: ['main'], reverse: true, skip: 1 }
    expect(await call('ListCommits', skip)).toEqual([{ commits: [commits[1]] }])
    expect(await call('CommitIsAncestor', { repository, ancestor_id: first, child_id: second })).toEqual([
      { value: true },
    ])
    expect(await call('CommitIsAncestor', { repository, ancestor_id: second, child_id: first })).toEqual([{}])
  })

  test('GetTreeEntries: a blob is no byte, a submodule is 3', async () => {
    const id = await commit('main', 'dir/ü', 'a')
    const blob = git('rev-parse', 'main:dir/ü')
    const [reply] = await call('GetTreeEntries', { repository, revision: 'main', path: 'dir' })
    expect(reply).toEqual({
      entries: [{ oid: blob, path: bytes('dir/ü'), mode: 33188, commit_oid: id, flat_path: bytes('dir/ü') }],
    })
    const listing = `160000 commit ${id}\tsub\n040000 tree ${git('rev-parse', 'main:dir')}\tdir\n`
    const tree = gitOn(join(temporary.storage, repository.relative_path), ['mktree', '--missing'], listing).trim()
    const seeded = git('commit-tree', '-m', 'm', tree)
    const request = { repository, revision: seeded, path: '', recursive: true, sort: 1, skip_flat_paths: true }
    const pagination_params = { limit: 2 }
    expect(await call('GetTreeEntries', { ...request, pagination_params })).toMatchObject([
      {
        entries: [
          { path: bytes('dir'), type: 1, mode: 16384 },
          { path: bytes('dir/ü'), mode: 33188 },
        ],
        pagination_cursor: { next_cursor: Buffer.from('{"file_name":"dir/ü"}').toString('base64') },
      },
    ])
    expect(await call('GetTreeEntries', { repository, revision: seeded, path: '.' })).toMatchObject([
      { entries: [{}, { path: bytes('sub'), type: 3, mode: 57344, oid: id }] },
    ])
  })

  test('GetBlobs: the revision is a string, the path is bytes', async () => {
    await commit('main', 'ü', 'content')
    const oid = git('rev-parse', 'main:ü')
    const ask = (path: string, limit = -1) => ({ repository, revision_paths: [{ revision: 'main', path }], limit })
    expect(await call('GetBlobs', ask('ü'))).toEqual([
      { size: 7, data: bytes('content'), oid, mode: 33188, revision: 'main', path: bytes('ü'), type: 2 },
    ])
    expect(await call('GetBlobs', ask('ü', 3))).toMatchObject([{ size: 7, data: bytes('con') }])
    expect(await call('GetBlobs', ask('none'))).toEqual([{ revision: 'main', path: bytes('none') }])
    await commit('main', 'large', 'l'.repeat(300_000))
    const replies = await call('GetBlobs', ask('large'))
    expect(replies.slice(1).map((reply) => Object.keys(reply))).toEqual([['data'], ['data']])
  })

  test('DiffStats, RawDiff, CommitDiff', async () => {
    const left = await commit('main', 'a', 'one\ntwo\nthree\nfour\nfive\n')
    await call('UserCommitFiles', [
      header('main'),
      action({ action: 3, file_path: 'b', previous_path: 'a' }),
      content('one\ntwo\nthree\nfour\nsix\n'),
    ])
    const sides = { repository, left_commit_id: left, right_commit_id: 'main' }
    expect(await call('DiffStats', sides)).toEqual([
      { stats: [{ path: bytes('b'), additions: 1, deletions: 1, old_path: bytes('a') }] },
    ])
    expect(await call('RawDiff', sides)).toEqual([
      { data: bytes(`${git('diff', '--full-index', '-M', left, 'main')}\n`) },
    ])
    const file = {
      from_path: bytes('a'),
      to_path: bytes('b'),
      from_id: git('rev-parse', `${left}:a`),
      to_id: git('rev-parse', 'main:b'),
      old_mode: 33188,
      new_mode: 33188,
      raw_patch_data: bytes('@@ -2,4 +2,4 @@ one\n two\n three\n four\n-five\n+six\n'),
      end_of_patch: true,
      lines_added: 1,
      lines_removed: 1,
    }
    const request = { ...sides, max_patch_bytes: 2147483647, diff_mode: 0 }
    expect(await call('CommitDiff', request)).toEqual([file])
    const limited = { ...sides, enforce_limits: true, max_lines: 1, collapse_diffs: true, whitespace_changes: 1 }
    expect(await call('CommitDiff', limited)).toEqual([{ end_of_patch: true, overflow_marker: true }])
    expect(await call('CommitDiff', { ...sides, paths: ['none'] })).toEqual([])
    expect(await call('DiffStats', { ...sides, left_commit_id: 'main' })).toEqual([])
  })

  test('UserMergeToRef, UserRebaseToRef, UserMergeBranch, UserRevert', async () => {
    const base = await commit('main', 'a', 'a')
    const side = await commit('side', 'b', 'b', { start_sha: base })
    const main = await commit('main', 'c', 'c')
    const [merged] = await call('UserMergeToRef', {
      repository,
      user: USER,
      source_sha: side,
      target_ref: 'refs/merge-requests/1/merge',
      message: 'merge',
      first_parent_ref: 'refs/heads/main',
      timestamp: TIME,
      expected_old_oid: ZERO,
    })
    expect(merged).toEqual({ commit_id: git('rev-parse', 'refs/merge-requests/1/merge') })
    const [rebased] = await call('UserRebaseToRef', {
      repository,
      user: USER,
      source_sha: side,
      target_ref: 'refs/heads/side',
      first_parent_ref: 'refs/heads/main',
      timestamp: TIME,
      expected_old_oid: side,
    })
    expect(rebased).toEqual({ commit_id: git('rev-parse', 'side') })
    expect(git('rev-parse', 'side^')).toBe(main)
    const request = {
      repository,
      user: USER,
      commit_id: side,
      branch: 'main',
      message: 'merge',
      expected_old_oid: main,
    }
    const replies = await call('UserMergeBranch', [request, { apply: true }])
    const tip = git('rev-parse', 'main')
    expect(replies).toEqual([{ commit_id: tip }, { branch_update: { commit_id: tip } }])
    const [reverted] = await call('UserRevert', {
      repository,
      user: USER,
      commit: { id: main },
      branch_name: 'main',
      message: 'revert',
      timestamp: TIME,
      expected_old_oid: tip,
    })
    expect(reverted).toEqual({ branch_update: { commit_id: git('rev-parse', 'main') } })
    expect(git('ls-tree', '--name-only', 'main')).toBe('a\nb')
    const started = { branch_name: 'new', start_branch_name: 'main', commit: { id: side }, message: 'm' }
    expect(await call('UserRevert', { repository, user: USER, ...started })).toEqual([
      { branch_update: { commit_id: git('rev-parse', 'new'), branch_created: true } },
    ])
  })

  test('ServerService and the health service', async () => {
    const [info] = await call('ServerInfo', {})
    expect(info).toEqual({
      server_version: expect.any(String),
      git_version: expect.stringMatching(/^2\./),
      storage_statuses: [{ storage_name: 'default', readable: true, writeable: true, replication_factor: 1 }],
    })
    // An empty message that is there.
    expect(await call('ReadinessCheck', { timeout: { seconds: 5 } })).toEqual([{ ok_response: {} }])
    const check = (service: string) =>
      client.call('/grpc.health.v1.Health/Check', 'unary', [encode('HealthCheckRequest', { service })])
    expect(decode('HealthCheckResponse', (await check(''))[0]!)).toEqual({ status: 1 })
    expect(decode('HealthCheckResponse', (await check('gitaly.RefService'))[0]!)).toEqual({ status: 1 })
  })

  test('all 25 and the two of the server have answered', () => {
    expect(RPCS.size).toBe(27)
    expect([...RPCS.keys()].filter((method) => !answered.has(method))).toEqual([])
  })
})

describe('2.8: the details of errors', () => {
  test('UserCommitFilesError', async () => {
    await commit('main', 'dir/a', 'a')
    const path = (code: Code, text: string, error_type: number) => ({
      code,
      detail: {
        type: 'UserCommitFilesError',
        fields: { index_update: { ...(text === '' ? {} : { path: bytes(text) }), error_type } },
      },
    })
    const tell = (fields: Fields) => refusal('UserCommitFiles', [header('main'), action(fields)])
    expect(await tell({ file_path: '' })).toEqual(path(Code.INVALID_ARGUMENT, '', 1))
    expect(await tell({ file_path: '/a' })).toEqual(path(Code.INVALID_ARGUMENT, '/a', 2))
    expect(await tell({ file_path: '.git/x' })).toEqual(path(Code.INTERNAL, '.git/x', 2))
    expect(await tell({ action: 1, file_path: 'dir' })).toEqual(path(Code.ALREADY_EXISTS, 'dir', 3))
    expect(await tell({ file_path: '../a' })).toEqual(path(Code.INVALID_ARGUMENT, '../a', 4))
    expect(await tell({ file_path: 'dir/a' })).toEqual(path(Code.ALREADY_EXISTS, 'dir/a', 5))
    expect(await tell({ action: 4, file_path: 'ü' })).toEqual(path(Code.NOT_FOUND, 'ü', 6))
  })

  test('UpdateReferencesError', async () => {
    const first = await commit('main', 'a', 'a')
    const second = await commit('main', 'b', 'b')
    const tell = (reference: string, old_object_id: string) =>
      refusal('UpdateReferences', [{ repository, updates: [{ reference, old_object_id, new_object_id: first }] }])
    const detail = (fields: Fields) => ({ type: 'UpdateReferencesError', fields })
    expect(await tell('refs/heads/a b', '')).toEqual({
      code: Code.INVALID_ARGUMENT,
      detail: detail({ invalid_format: { refs: [bytes('refs/heads/a b')] } }),
    })
    expect(await tell('refs/heads/main', first)).toEqual({
      code: Code.ABORTED,
      detail: detail({
        reference_state_mismatch: {
          reference_name: bytes('refs/heads/main'),
          expected_object_id: bytes(first),
          actual_object_id: bytes(second),
        },
      }),
    })
    const lock = join(temporary.storage, repository.relative_path, 'refs/heads/main.lock')
    closeSync(openSync(lock, 'w'))
    expect(await tell('refs/heads/main', second)).toEqual({
      code: Code.ABORTED,
      detail: detail({ references_locked: { refs: [bytes('refs/heads/main')] } }),
    })
    rmSync(lock)
  })

  test('UserDeleteBranchError, UserCreateTagError, FindTagError', async () => {
    const id = await commit('main', 'a', 'a')
    const lock = join(temporary.storage, repository.relative_path, 'refs/heads/main.lock')
    closeSync(openSync(lock, 'w'))
    expect(await refusal('UserDeleteBranch', { repository, branch_name: 'main', user: USER })).toEqual({
      code: Code.FAILED_PRECONDITION,
      detail: {
        type: 'UserDeleteBranchError',
        fields: { reference_update: { reference_name: bytes('refs/heads/main'), old_oid: id, new_oid: ZERO } },
      },
    })
    rmSync(lock)
    const create = (tag_name: string) => ({ repository, tag_name, user: USER, target_revision: 'main' })
    await call('UserCreateTag', create('t'))
    expect(await refusal('UserCreateTag', create('t'))).toEqual({
      code: Code.ALREADY_EXISTS,
      detail: {
        type: 'UserCreateTagError',
        fields: { reference_exists: { reference_name: bytes('refs/tags/t'), oid: id } },
      },
    })
    expect(await refusal('UserCreateTag', create('t/below'))).toEqual({
      code: Code.FAILED_PRECONDITION,
      detail: {
        type: 'UserCreateTagError',
        fields: { reference_update: { reference_name: bytes('refs/tags/t/below'), old_oid: ZERO, new_oid: id } },
      },
    })
    expect(await refusal('FindTag', { repository, tag_name: 'x' })).toEqual({
      code: Code.NOT_FOUND,
      detail: { type: 'FindTagError', fields: { tag_not_found: { reference_name: bytes('refs/tags/x') } } },
    })
  })

  test('GetTreeEntriesError', async () => {
    await commit('main', 'a', 'a')
    expect(await refusal('GetTreeEntries', { repository, revision: 'x' })).toEqual({
      code: Code.NOT_FOUND,
      detail: { type: 'GetTreeEntriesError', fields: { resolve_tree: { revision: bytes('x') } } },
    })
    const path = (text: string) => refusal('GetTreeEntries', { repository, revision: 'main', path: text })
    for (const [text, error_type] of [
      ['../x', 2],
      ['/x', 3],
      ['x'.repeat(5000), 4],
      ['a//b', 5],
    ] as const) {
      expect(await path(text)).toEqual({
        code: Code.INVALID_ARGUMENT,
        detail: { type: 'GetTreeEntriesError', fields: { path: { path: bytes(text), error_type } } },
      })
    }
    expect(await path('none')).toEqual({
      code: Code.NOT_FOUND,
      detail: { type: 'GetTreeEntriesError', fields: { path: { path: bytes('none') } } },
    })
  })

  test('UserMergeBranchError and UserRevertError', async () => {
    const base = await commit('main', 'a', 'base\n')
    const update = (branch: string, text: string, fields: Fields = {}) =>
      call('UserCommitFiles', [header(branch, fields), action({ action: 2, file_path: 'a' }), content(text)])
    await update('side', 'side\n', { start_sha: base })
    await update('main', 'main\n')
    const [main, side] = [git('rev-parse', 'main'), git('rev-parse', 'side')]
    const request = { repository, user: USER, commit_id: side, branch: 'main', message: 'm' }
    expect(await refusal('UserMergeBranch', [request, { apply: true }])).toEqual({
      code: Code.FAILED_PRECONDITION,
      detail: {
        type: 'UserMergeBranchError',
        fields: { merge_conflict: { conflicting_files: [bytes('a')], conflicting_commit_ids: [main, side] } },
      },
    })
    const revert = (id: string, branch_name: string, fields: Fields = {}) =>
      refusal('UserRevert', { repository, user: USER, commit: { id }, branch_name, message: 'm', ...fields })
    const detail = (fields: Fields) => ({
      code: Code.FAILED_PRECONDITION,
      detail: { type: 'UserRevertError', fields },
    })
    expect(await revert(side, 'main')).toEqual(
      detail({ merge_conflict: { conflicting_files: [bytes('a')], conflicting_commit_ids: [main, side] } }),
    )
    expect(await revert(main, 'side', { start_branch_name: 'main' })).toEqual(
      detail({ not_ancestor: { parent_revision: bytes(side), child_revision: bytes(main) } }),
    )
    await call('UserRevert', { repository, user: USER, commit: { id: main }, branch_name: 'main', message: 'm' })
    expect(await revert(main, 'main')).toEqual(detail({ changes_already_applied: {} }))
  })

  test('none where the contract has none', async () => {
    await commit('main', 'a', 'a')
    const create = { repository, branch_name: 'main', user: USER, start_point: 'main' }
    expect(await refusal('UserCreateBranch', create)).toEqual({ code: Code.FAILED_PRECONDITION, detail: undefined })
    expect(await refusal('RepositoryExists', {})).toEqual({ code: Code.INVALID_ARGUMENT, detail: undefined })
  })
})

describe('W4: noise in a request', () => {
  test('of every method changes nothing', async () => {
    const base = await commit('main', 'a', 'a')
    await commit('side', 'b', 'b', { start_sha: base })
    await commit('main', 'c', 'c')
    const sides = { repository, left_commit_id: 'main', right_commit_id: 'side' }
    const reads: [string, Fields][] = [
      ['RepositoryExists', { repository }],
      ['FindBranch', { repository, name: 'main' }],
      ['FindLocalBranches', { repository, pagination_params: { limit: 1 } }],
      ['FindAllTags', { repository }],
      ['FindCommit', { repository, revision: 'main' }],
      ['ListCommits', { repository, revisions: ['main'], pagination_params: { limit: 1 } }],
      ['CommitIsAncestor', { repository, ancestor_id: base, child_id: 'main' }],
      ['GetTreeEntries', { repository, revision: 'main', recursive: true }],
      ['GetBlobs', { repository, revision_paths: [{ revision: 'main', path: 'a' }], limit: -1 }],
      ['CommitDiff', sides],
      ['RawDiff', sides],
      ['DiffStats', sides],
      ['ServerInfo', {}],
      ['ReadinessCheck', { timeout: { seconds: 1 } }],
    ]
    for (const [method, request] of reads) {
      const replies = await call(method, request)
      expect(await call(method, request, noiseOf), method).toEqual(replies)
    }
    const noisy = (method: string, requests: Fields | Fields[]) => call(method, requests, noiseOf)
    const user = USER
    await noisy('UserCommitFiles', [header('main'), action({ action: 0, file_path: 'noisy' }), content('x')])
    expect(git('show', 'main:noisy')).toBe('x')
    await noisy('UserCreateBranch', { repository, branch_name: 'noisy', user, start_point: 'main' })
    await noisy('UpdateReferences', [{ repository, updates: [{ reference: 'refs/heads/noisy', new_object_id: base }] }])
    expect(git('rev-parse', 'noisy')).toBe(base)
    await noisy('UserDeleteBranch', { repository, branch_name: 'noisy', user })
    const target = { target_ref: 'refs/merge-requests/1/merge', first_parent_ref: 'main' }
    await noisy('UserMergeToRef', { repository, user, source_sha: 'side', message: 'm', ...target })
    await noisy('UserRebaseToRef', { repository, user, source_sha: 'side', ...target })
    await noisy('UserMergeBranch', [
      { repository, user, commit_id: 'side', branch: 'main', message: 'm' },
      { apply: true },
    ])
    await noisy('UserRevert', { repository, user, commit: { id: 'main' }, branch_name: 'main', message: 'm' })
    await noisy('UserCreateTag', { repository, tag_name: 't', user, target_revision: 'main', message: 'm' })
    expect(await noisy('FindTag', { repository, tag_name: 't' })).toMatchObject([{ tag: { message: bytes('m') } }])
    await noisy('UserDeleteTag', { repository, tag_name: 't', user })
    await noisy('RemoveRepository', { repository })
    await noisy('CreateRepository', { repository, default_branch: 'trunk' })
    expect(git('symbolic-ref', 'HEAD')).toBe('refs/heads/trunk')
  })

  test('fields in another order, and scalars given twice, are read as the format says', async () => {
    const id = await commit('main', 'a', 'a')
    const parts = [
      bytesField(2, bytes('none')),
      bytesField(2, bytes('main')),
      varintField(3, 0),
      bytesField(1, encode('Repository', repository)),
    ]
    // The last one counts.
    const [reply] = await client.call('/gitaly.CommitService/FindCommit', 'unary', [Buffer.concat(parts)])
    expect(decode('FindCommitResponse', reply!)).toMatchObject({ commit: { id } })
  })
})

const FIXTURES = fileURLToPath(new URL('../../fixtures/git-backend/', import.meta.url))

/** What a recorded reply must hold: numbers with texts, integers or further fields; `*` is anything. */
type Expected = [number, string | number | Expected][]

interface Recording {
  title: string
  source: string
  calls: { method: string; requests: [string, string][][]; replies?: Expected[]; status?: keyof typeof Code }[]
}

function expectFields(bytes: Buffer, expected: Expected, where: string): void {
  const fields = readFields(bytes)
  expect(
    fields.map(({ number }) => number),
    where,
  ).toEqual(expected.map(([number]) => number))
  for (const [index, [number, value]] of expected.entries()) {
    const actual = fields[index]!.value
    if (value === '*') continue
    if (Array.isArray(value)) expectFields(actual as Buffer, value, `${where}.${number}`)
    else if (typeof value === 'number') expect(actual, `${where}.${number}`).toBe(BigInt(value))
    else expect((actual as Buffer).toString(), `${where}.${number}`).toBe(value)
  }
}

describe("Conman's calls, as recorded", () => {
  const recordings = readdirSync(FIXTURES)
    .filter((name) => name.endsWith('.json'))
    .map((name): [string, Recording] => [name, JSON.parse(readFileSync(join(FIXTURES, name), 'utf8'))])

  test.each(recordings)('%s', async (_, { calls }) => {
    // Requests carry ids: the repository is the same one, to the byte, each time.
    const relative_path = 'apps/shop.git'
    const storage = join(temporary.storage, relative_path)
    rmSync(storage, { recursive: true, force: true })
    await call('CreateRepository', { repository: { storage_name: 'default', relative_path } })
    gitOn(storage, ['fast-import', '--quiet'], readFileSync(join(FIXTURES, 'repository.fast-import')))
    for (const { method, requests, replies = [], status } of calls) {
      const { kind } = RPCS.get(method.replace(/.*\//, ''))!
      const messages = requests.map((pieces) => Buffer.from(pieces.map(([hex]) => hex).join(''), 'hex'))
      const outcome = await client.call(method, kind, messages).then(
        (replies) => ({ replies }),
        (error: ServiceError) => ({ error }),
      )
      if ('error' in outcome) {
        expect(Code[outcome.error.code], `${method}: ${outcome.error.details}`).toBe(status)
        continue
      }
      expect(status, method).toBeUndefined()
      expect(outcome.replies, method).toHaveLength(replies.length)
      for (const [index, reply] of outcome.replies.entries()) expectFields(reply, replies[index]!, method)
    }
  })

  test('W1 and W3: a PUT is three messages; CREATE is no byte, empty content is there, ids are text', () => {
    const message = (name: string, call: number, index: number) => {
      const pieces = recordings.find(([file]) => file === name)![1].calls[call]!.requests[index]!
      return Buffer.from(pieces.map(([hex]) => hex).join(''), 'hex')
    }
    /** What stands in the fields of these numbers, one in the other. */
    const inside = (bytes: Buffer, ...numbers: number[]) =>
      numbers.reduce((at, number) => readFields(at).find((field) => field.number === number)!.value as Buffer, bytes)
    for (const name of ['put-create.json', 'put-update.json', 'put-empty.json']) {
      expect([0, 1, 2].map((index) => readFields(message(name, 1, index)).map(({ number }) => number))).toEqual([
        [1],
        [2],
        [2],
      ])
    }
    const action = (name: string) => readFields(inside(message(name, 1, 1), 2, 1)).map(({ number }) => number)
    expect(action('put-create.json')).toEqual([2])
    expect(action('put-update.json')).toEqual([1, 2])
    expect(message('put-empty.json', 1, 2).toString('hex')).toBe('12021200')
    const update = inside(message('publish-release.json', 3, 0), 2)
    for (const { number, value } of readFields(update)) {
      expect(String(value)).toMatch(number === 1 ? /^refs\/heads\/main$/ : /^[0-9a-f]{40}$/)
    }
    expect(inside(message('read-file.json', 0, 0), 2, 1).toString()).toBe('ws/u1/shop')
  })

  test('every method of the contract is among them', () => {
    const recorded = new Set(recordings.flatMap(([, { calls }]) => calls.map(({ method }) => method)))
    const paths = [...RPCS.values()].map(({ path }) => path).filter((path) => !path.includes('ServerService'))
    expect(paths.filter((path) => !recorded.has(path))).toEqual([])
  })
})
