// What the conformance tests share: a backend over real gRPC with the real git program, a new repository for each test,
// and what must hold after every one of them.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { status as Code, type ServiceError } from '@grpc/grpc-js'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { errorDetail, type FileChange, type GitBackendClient, type Reply, USER } from '../client.ts'
import type { RepositoryMessage } from '../messages.ts'
import { gitOn, startTemporaryBackend, type TemporaryBackend } from '../temporary-backend.ts'

export const CREATE = 0
export const CREATE_DIR = 1
export const UPDATE = 2
export const MOVE = 3
export const DELETE = 4
export const CHMOD = 5

export const ZERO = '0'.repeat(40)
/** A well-formed id that no object has. */
export const NO_OBJECT = 'f'.repeat(40)

/** Words by which clients decide, whatever the code says (contract 3.6). */
export const DECIDING_WORDS =
  /conflict|not found|not implemented|Needed a single revision|bad revision|Not a valid object name/i

/** The only messages that may hold one of them. */
const CONFLICTS = ['the merge has a conflict', 'the rebase has a conflict']

export let temporary: TemporaryBackend
export let client: GitBackendClient
/** The repository of the test that is running. */
export let repository: RepositoryMessage
const messages: string[] = []

/** Starts a backend for a test file, and checks after each test what no test may break. */
export function useBackend(): void {
  beforeAll(async () => {
    temporary = await startTemporaryBackend()
    client = temporary.client
  })

  afterAll(() => temporary[Symbol.asyncDispose]())

  beforeEach(async () => {
    repository = await temporary.createRepository()
  })

  afterEach(() => {
    // W11: no error text holds the words of 3.6 by accident. What the server logs is what it answered, for every failed
    // call of the test, whether the test looked at it or not.
    const texts = [...messages.splice(0), ...temporary.failures.splice(0).map(({ reason }) => reason)]
    for (const text of texts) if (!CONFLICTS.includes(text)) expect(text).not.toMatch(DECIDING_WORDS)
    // Whatever a test did, git must find the repository sound.
    if (existsSync(directory())) git('fsck', '--strict', '--no-dangling')
  })
}

export const bytes = (text: string) => Buffer.from(text)
export const directory = () => join(temporary.storage, repository.relative_path)
export const git = (...args: string[]) => gitOn(directory(), args)
export const oidOf = (revision: string) => git('rev-parse', '--verify', revision).trim()
export const tip = (branch: string) => oidOf(`refs/heads/${branch}`)
export const refs = () => git('for-each-ref', '--format=%(refname) %(objectname)')
export const on = (fields: object) => ({ repository, user: USER, ...fields })

export const commit = (branch: string, changes: FileChange[], header?: object) =>
  client.commit(repository, branch, changes, header)

/** The error of a call that must fail. */
export async function failure(promise: Promise<unknown>): Promise<ServiceError> {
  const error = await promise.then(
    () => undefined,
    (error: unknown) => error as ServiceError,
  )
  if (!error) throw new Error('the call succeeded')
  messages.push(error.details)
  return error
}

export async function expectFailure(promise: Promise<unknown>, code: Code): Promise<ServiceError> {
  const error = await failure(promise)
  expect(Code[error.code], error.details).toBe(Code[code])
  return error
}

/** A failure after which every reference is where it was. */
export async function expectRefused(promise: Promise<unknown>, code: Code): Promise<ServiceError> {
  const before = refs()
  const error = await expectFailure(promise, code)
  expect(refs()).toBe(before)
  return error
}

/** The case of an error's detail and its fields, such as `['index_update', {…}]`. */
export function detailOf(error: ServiceError): { type: string; case: string; fields: Reply } | undefined {
  const detail = errorDetail(error)
  return detail && { type: detail.type, case: detail.fields.error, fields: detail.fields[detail.fields.error] }
}

export function blobs(revision: string, path: string, limit = -1): Promise<Reply[]> {
  return client.list('BlobService', 'GetBlobs', {
    repository,
    revision_paths: [{ revision, path: bytes(path) }],
    limit,
  })
}

/** A file's text; undefined if there is none. */
export async function read(revision: string, path: string): Promise<string | undefined> {
  const replies = await blobs(revision, path)
  return replies[0].oid === '' ? undefined : Buffer.concat(replies.map(({ data }) => data)).toString()
}

export async function tree(revision: string, path = '', recursive = false): Promise<Reply[]> {
  const request = { repository, revision: bytes(revision), path: bytes(path), recursive }
  return (await client.list('CommitService', 'GetTreeEntries', request)).flatMap(({ entries }) => entries)
}

export const paths = (entries: Reply[]): string[] => entries.map(({ path }) => path.toString())

export const createBranch = (name: string, start: string) =>
  client.unary('OperationService', 'UserCreateBranch', on({ branch_name: bytes(name), start_point: bytes(start) }))

export const deleteBranch = (name: string, expected_old_oid = '') =>
  client.unary('OperationService', 'UserDeleteBranch', on({ branch_name: bytes(name), expected_old_oid }))

export const findBranch = async (name: string): Promise<Reply> =>
  (await client.unary('RefService', 'FindBranch', { repository, name: bytes(name) })).branch

export const createTag = (tag_name: string, target: string, message = '') =>
  client.unary(
    'OperationService',
    'UserCreateTag',
    on({ tag_name: bytes(tag_name), target_revision: bytes(target), message: bytes(message) }),
  )

export const deleteTag = (tag_name: string, expected_old_oid = '') =>
  client.unary('OperationService', 'UserDeleteTag', on({ tag_name: bytes(tag_name), expected_old_oid }))

export const update = (reference: string, new_object_id: string, old_object_id = '') => ({
  reference: bytes(reference),
  new_object_id: bytes(new_object_id),
  old_object_id: bytes(old_object_id),
})

export const updateReferences = (...updates: object[]) =>
  client.send('RefService', 'UpdateReferences', [{ repository, updates }])

/** Where Gitaly lets a merge be tried out. */
export const MERGE_REF = 'refs/merge-requests/1/merge'

export const mergeToRef = (source_sha: string, first_parent: string, fields: object = {}) =>
  client.unary(
    'OperationService',
    'UserMergeToRef',
    on({
      source_sha,
      target_ref: bytes(MERGE_REF),
      first_parent_ref: bytes(first_parent),
      message: bytes('merge'),
      ...fields,
    }),
  )

export const rebaseToRef = (source_sha: string, onto: string, target: string, fields: object = {}) =>
  client.unary(
    'OperationService',
    'UserRebaseToRef',
    on({ source_sha, first_parent_ref: bytes(onto), target_ref: bytes(target), ...fields }),
  )

export const revert = (id: string, branch: string, fields: object = {}) =>
  client.unary(
    'OperationService',
    'UserRevert',
    on({ commit: { id }, branch_name: bytes(branch), message: bytes('revert'), ...fields }),
  )

/** The first request of a UserMergeBranch. */
export const mergeBranchRequest = (commit_id: string, branch: string, fields: object = {}) =>
  on({ commit_id, branch: bytes(branch), message: bytes('merge'), ...fields })

export const mergeBranch = (commit_id: string, branch: string, fields: object = {}): Promise<Reply[]> =>
  client.exchange('OperationService', 'UserMergeBranch', [
    mergeBranchRequest(commit_id, branch, fields),
    { apply: true },
  ])
