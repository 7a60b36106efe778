// gitaly.OperationService: what users do to branches and tags.

import { status as Code } from '@grpc/grpc-js'
import { formatTag } from '../git/commit-object.ts'
import { applyChange, mergeCommits, parentTree, rebaseCommits } from '../git/merge.ts'
import { ZERO_OID } from '../git/object-id.ts'
import type { Repository } from '../git/repository.ts'
import type { Storage } from '../git/storage.ts'
import { bidirectional, type CallContext, clientStream, type Methods, unary } from '../handler.ts'
import type {
  OperationBranchUpdate,
  UserCommitFilesHeader,
  UserCommitFilesRequest,
  UserCreateBranchRequest,
  UserCreateTagRequest,
  UserDeleteBranchRequest,
  UserDeleteTagRequest,
  UserMergeBranchRequest,
  UserMergeBranchResponse,
  UserMergeToRefRequest,
  UserRebaseToRefRequest,
  UserRevertRequest,
} from '../messages.ts'
import { failedPrecondition, invalidArgument, notFound, StatusError } from '../status.ts'
import { checkHeader, collectAction, commitFiles, type FileAction } from './commit-files.ts'
import {
  branchReference,
  commitAt,
  expectedOldOid,
  fullReference,
  messageOf,
  moveReference,
  openRepository,
  requireUser,
  resolveCommit,
  revisionOf,
  signatureOf,
  tagReference,
} from './request.ts'
import { toGitCommit, toTag } from './response.ts'

/** How a reference begins where Gitaly lets a merge be tried out: nowhere that a branch or a tag could be. */
const MERGE_REFERENCES = 'refs/merge-requests'

export function operationService(storage: Storage): Methods {
  return {
    UserCreateBranch: unary(async (request: UserCreateBranchRequest, { confirm }) => {
      const repository = await openRepository(storage, request.repository)
      requireUser(request.user)
      const name = branchReference(request.branch_name)
      if (request.start_point.length === 0) throw invalidArgument('the start point is empty')
      const commit = await resolveCommit(repository, request.start_point, () =>
        failedPrecondition('the start point does not exist'),
      )
      if ((await repository.referenceOid(name)) !== undefined) throw failedPrecondition('the branch exists already')
      await moveReference(repository, { name, newOid: commit.oid, oldOid: ZERO_OID }, confirm)
      const short = Buffer.from(name.slice('refs/heads/'.length), 'latin1')
      return { branch: { name: short, target_commit: toGitCommit(commit) } }
    }),

    UserDeleteBranch: unary(async (request: UserDeleteBranchRequest, { confirm }) => {
      const repository = await openRepository(storage, request.repository)
      requireUser(request.user)
      const name = branchReference(request.branch_name)
      const oldOid = await oidToDelete(repository, name, request.expected_old_oid)
      await moveReference(repository, { name, newOid: ZERO_OID, oldOid }, confirm, (reference_update) => ({
        type: 'UserDeleteBranchError',
        fields: { reference_update },
      }))
      return {}
    }),

    UserCommitFiles: clientStream(async (requests: AsyncIterable<UserCommitFilesRequest>, { confirm }) => {
      let target: { repository: Repository; header: UserCommitFilesHeader } | undefined
      const actions: FileAction[] = []
      for await (const message of requests) {
        if (target) {
          collectAction(actions, message)
          continue
        }
        const { header } = message
        if (!header) throw invalidArgument('the first message is not the header')
        checkHeader(header)
        target = { repository: await openRepository(storage, header.repository), header }
      }
      if (!target) throw invalidArgument('the stream is empty')
      return { branch_update: await commitFiles(target.repository, target.header, actions, confirm) }
    }),

    UserMergeToRef: unary(async (request: UserMergeToRefRequest, { signal, confirm }) => {
      const repository = await openRepository(storage, request.repository)
      const signature = signatureOf(requireUser(request.user), request.timestamp)
      const name = fullReference(request.target_ref)
      if (!name.startsWith(MERGE_REFERENCES)) throw invalidArgument('the target is not a reference for merges')
      if (request.message.includes(0)) throw invalidArgument('the message holds a NUL byte')
      const onto = request.first_parent_ref.length > 0 ? request.first_parent_ref : request.branch
      const [first, source, oldOid] = await Promise.all([
        resolveCommit(repository, onto, () => invalidArgument('the first parent does not exist')),
        resolveCommit(repository, request.source_sha, () => invalidArgument('the source does not exist')),
        oidToReplace(repository, name, request.expected_old_oid),
      ])
      const merge = await mergeCommits(repository, first.oid, source.oid, signal)
      if ('conflictingFiles' in merge) throw failedPrecondition('the merge has a conflict')
      const newOid = await repository.writeCommit({
        tree: merge.tree,
        parents: [first.oid, source.oid],
        author: signature,
        committer: signature,
        message: request.message,
      })
      await moveReference(repository, { name, newOid, oldOid }, confirm)
      return { commit_id: newOid }
    }),

    UserRebaseToRef: unary(async (request: UserRebaseToRefRequest, { signal, confirm }) => {
      const repository = await openRepository(storage, request.repository)
      const committer = signatureOf(requireUser(request.user), request.timestamp)
      const name = fullReference(request.target_ref)
      const [onto, source, oldOid] = await Promise.all([
        resolveCommit(repository, request.first_parent_ref, () => invalidArgument('the first parent does not exist')),
        resolveCommit(repository, request.source_sha, () => invalidArgument('the source does not exist')),
        oidToReplace(repository, name, request.expected_old_oid),
      ])
      const rebase = await rebaseCommits(repository, source, onto, committer, signal)
      if ('conflictingFiles' in rebase) throw failedPrecondition('the rebase has a conflict')
      await moveReference(repository, { name, newOid: rebase.oid, oldOid }, confirm)
      return { commit_id: rebase.oid }
    }),

    UserMergeBranch: bidirectional((requests: AsyncIterable<UserMergeBranchRequest>, context) =>
      mergeBranch(storage, requests, context),
    ),

    UserRevert: unary(async (request: UserRevertRequest, context) => {
      const repository = await openRepository(storage, request.repository)
      return { branch_update: await revert(repository, request, context) }
    }),

    UserCreateTag: unary(async (request: UserCreateTagRequest, { confirm }) => {
      const repository = await openRepository(storage, request.repository)
      const tagger = signatureOf(requireUser(request.user), request.timestamp)
      const name = tagReference(request.tag_name)
      const annotated = request.message.toString('latin1').trim() !== ''
      const revision = revisionOf(request.target_revision)
      // A tag may be one of a tag; without a message there is nothing to be one, and it is of what that one is of.
      const target = await repository.reader.info(annotated ? revision : `${revision}^{}`)
      if (!target) throw failedPrecondition('the target does not exist')
      const existing = await repository.referenceOid(name)
      if (existing !== undefined) throw tagExists(name, existing)
      let oid = target.oid
      if (annotated) {
        const message = messageOf(request.message)
        const tag = {
          target: target.oid,
          targetKind: target.kind,
          name: name.slice('refs/tags/'.length),
          tagger,
          message,
        }
        const object = repository.write('tag', formatTag(tag))
        await object.stored
        oid = object.oid
      }
      try {
        await moveReference(repository, { name, newOid: oid, oldOid: ZERO_OID }, confirm, (reference_update) => ({
          type: 'UserCreateTagError',
          fields: { reference_update },
        }))
      } catch (error) {
        // Somebody else may have made it since.
        const existing = await repository.referenceOid(name)
        throw existing === undefined ? error : tagExists(name, existing)
      }
      return { tag: await toTag(repository, { name, oid }) }
    }),

    UserDeleteTag: unary(async (request: UserDeleteTagRequest, { confirm }) => {
      const repository = await openRepository(storage, request.repository)
      requireUser(request.user)
      const name = tagReference(request.tag_name)
      const oldOid = await oidToDelete(repository, name, request.expected_old_oid)
      await moveReference(repository, { name, newOid: ZERO_OID, oldOid }, confirm)
      return {}
    }),
  }
}

async function oidToDelete(repository: Repository, name: string, expected: string): Promise<string> {
  const expectedOid = expectedOldOid(expected)
  const oid = await repository.referenceOid(name)
  if (oid === undefined) throw failedPrecondition('the reference does not exist')
  if (expectedOid !== undefined && expectedOid !== oid) {
    throw failedPrecondition('the reference is not at the expected object id')
  }
  return oid
}

/** What the reference must still be at when the result is there: what the caller expects, else what it is at now. */
async function oidToReplace(repository: Repository, name: string, expected: string): Promise<string> {
  const expectedOid = expectedOldOid(expected)
  const oid = (await repository.referenceOid(name)) ?? ZERO_OID
  if (expectedOid !== undefined && expectedOid !== oid) {
    throw failedPrecondition('the reference is not at the expected object id')
  }
  return oid
}

function tagExists(name: string, oid: string): StatusError {
  const reference_exists = { reference_name: Buffer.from(name, 'latin1'), oid }
  const detail = { type: 'UserCreateTagError', fields: { reference_exists } }
  return new StatusError(Code.ALREADY_EXISTS, 'the tag exists already', detail)
}

/** Merges on the first message, tells the result, and moves the branch when the second message says so. */
async function* mergeBranch(
  storage: Storage,
  requests: AsyncIterable<UserMergeBranchRequest>,
  { signal, confirm }: CallContext,
): AsyncGenerator<UserMergeBranchResponse> {
  const messages = requests[Symbol.asyncIterator]()
  const first = await messages.next()
  if (first.done) throw invalidArgument('the stream is empty')
  const request = first.value
  const repository = await openRepository(storage, request.repository)
  const signature = signatureOf(requireUser(request.user), request.timestamp)
  const name = branchReference(request.branch)
  const message = messageOf(request.message)
  const [tip, source, expectedOid] = await Promise.all([
    commitAt(repository, name, () => notFound('the branch does not exist')),
    resolveCommit(repository, request.commit_id, () => invalidArgument('the commit does not exist')),
    expectedOldOid(request.expected_old_oid),
  ])
  if (expectedOid !== undefined && expectedOid !== tip.oid) {
    throw failedPrecondition('the branch is not at the expected commit')
  }
  const merge = await mergeCommits(repository, tip.oid, source.oid, signal)
  if ('conflictingFiles' in merge) {
    const merge_conflict = {
      conflicting_files: merge.conflictingFiles.map((path) => Buffer.from(path, 'latin1')),
      conflicting_commit_ids: [tip.oid, source.oid],
    }
    throw failedPrecondition('the merge has a conflict', { type: 'UserMergeBranchError', fields: { merge_conflict } })
  }
  const newOid = await repository.writeCommit({
    tree: merge.tree,
    parents: request.squash ? [tip.oid] : [tip.oid, source.oid],
    author: signature,
    committer: signature,
    message,
  })
  yield { commit_id: newOid }
  const second = await messages.next()
  if (second.done || !second.value.apply) throw failedPrecondition('the merge was not applied by the client')
  await moveReference(repository, { name, newOid, oldOid: tip.oid }, confirm, (reference_update) => ({
    type: 'UserMergeBranchError',
    fields: { reference_update },
  }))
  yield { branch_update: { commit_id: newOid, repo_created: false, branch_created: false } }
}

async function revert(
  repository: Repository,
  request: UserRevertRequest,
  { signal, confirm }: CallContext,
): Promise<OperationBranchUpdate> {
  const signature = signatureOf(requireUser(request.user), request.timestamp)
  const name = branchReference(request.branch_name)
  const message = messageOf(request.message)
  if (!request.commit) throw invalidArgument('the commit is not set')
  if (request.start_repository && request.start_repository.relative_path !== request.repository?.relative_path) {
    throw invalidArgument('a start repository other than the repository itself is not supported')
  }
  const startName = request.start_branch_name.length > 0 ? branchReference(request.start_branch_name) : name
  const [commit, start, oldOid] = await Promise.all([
    resolveCommit(repository, request.commit.id, () => notFound('the commit does not exist')),
    commitAt(repository, startName, () => failedPrecondition('the start branch does not exist')),
    oidToReplace(repository, name, request.expected_old_oid),
  ])
  if (oldOid !== ZERO_OID && !(await repository.isAncestor(oldOid, start.oid, signal))) {
    const not_ancestor = { parent_revision: Buffer.from(oldOid), child_revision: Buffer.from(start.oid) }
    throw failedPrecondition('the branch has commits that the start branch has not', {
      type: 'UserRevertError',
      fields: { not_ancestor },
    })
  }
  const parent = await parentTree(repository, commit)
  const change = { base: commit.tree, ours: start.tree, theirs: parent }
  const result = await applyChange(repository, change, signature, signal)
  if ('conflictingFiles' in result) {
    const merge_conflict = {
      conflicting_files: result.conflictingFiles.map((path) => Buffer.from(path, 'latin1')),
      conflicting_commit_ids: [start.oid, commit.oid],
    }
    throw failedPrecondition('the revert does not apply to the branch', {
      type: 'UserRevertError',
      fields: { merge_conflict },
    })
  }
  if (result.tree === start.tree) {
    throw failedPrecondition('the revert changes nothing', {
      type: 'UserRevertError',
      fields: { changes_already_applied: {} },
    })
  }
  const update = { repo_created: false, branch_created: oldOid === ZERO_OID }
  if (request.dry_run) return { ...update, commit_id: start.oid }
  const newOid = await repository.writeCommit({
    tree: result.tree,
    parents: [start.oid],
    author: signature,
    committer: signature,
    message,
  })
  await moveReference(repository, { name, newOid, oldOid }, confirm)
  return { ...update, commit_id: newOid }
}
