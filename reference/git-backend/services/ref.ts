// gitaly.RefService: branches and tags are found and listed, references moved together.

import { status as Code } from '@grpc/grpc-js'
import { isObjectId, ZERO_OID } from '../git/object-id.ts'
import { isReferenceName } from '../git/reference-name.ts'
import { ReferenceRefusal, type ReferenceUpdate } from '../git/reference-updater.ts'
import type { Reference, Repository } from '../git/repository.ts'
import type { Storage } from '../git/storage.ts'
import { type CallContext, clientStream, type Methods, serverStream, unary } from '../handler.ts'
import type {
  Branch,
  FindAllTagsRequest,
  FindBranchRequest,
  FindLocalBranchesRequest,
  FindTagRequest,
  Pagination,
  Tag,
  UpdateReferencesRequest,
} from '../messages.ts'
import { invalidArgument, notFound, type StatusDetail, StatusError } from '../status.ts'
import { branchReference, openRepository, tagReference } from './request.ts'
import { batches, commitBytes, toGitCommit, toTag } from './response.ts'

/** FindLocalBranchesRequest.SortBy */
const BRANCH_SORT = ['refname', 'committerdate', '-committerdate']

export function refService(storage: Storage): Methods {
  return {
    FindBranch: unary(async (request: FindBranchRequest) => {
      const repository = await openRepository(storage, request.repository)
      const reference = branchReference(request.name)
      const commit = await repository.commitAt(reference)
      if (!commit) return {}
      const name = Buffer.from(reference.slice('refs/heads/'.length), 'latin1')
      return { branch: { name, target_commit: toGitCommit(commit) } }
    }),

    FindLocalBranches: serverStream(async function* (request: FindLocalBranchesRequest, { signal }) {
      const repository = await openRepository(storage, request.repository)
      const sort = BRANCH_SORT[request.sort_by]
      if (sort === undefined) throw invalidArgument('the sort order is unknown')
      const references = page(
        await repository.listReferences('refs/heads/', { sort, signal }),
        request.pagination_params,
      )
      for await (const local_branches of batches(branches(repository, references), branchBytes))
        yield { local_branches }
    }),

    FindTag: unary(async (request: FindTagRequest) => {
      const repository = await openRepository(storage, request.repository)
      const name = tagReference(request.tag_name)
      const oid = await repository.referenceOid(name)
      if (oid === undefined) {
        const fields = { tag_not_found: { reference_name: Buffer.from(name, 'latin1') } }
        throw notFound('the tag does not exist', { type: 'FindTagError', fields })
      }
      return { tag: await toTag(repository, { name, oid }) }
    }),

    FindAllTags: serverStream(async function* (request: FindAllTagsRequest, { signal }) {
      const repository = await openRepository(storage, request.repository)
      const references = page(await repository.listReferences('refs/tags/', { signal }), request.pagination_params)
      for await (const tags of batches(allTags(repository, references), tagBytes)) yield { tags }
    }),

    UpdateReferences: clientStream(async (requests: AsyncIterable<UpdateReferencesRequest>, { confirm }) => {
      let repository: Repository | undefined
      const updates: UpdateReferencesRequest['updates'] = []
      for await (const request of requests) {
        if (!repository) repository = await openRepository(storage, request.repository)
        else if (request.repository) throw invalidArgument('the repository is set again in a later message')
        updates.push(...request.updates)
      }
      if (!repository) throw invalidArgument('the stream is empty')
      await updateReferences(repository, updates, confirm)
      return {}
    }),
  }
}

async function updateReferences(
  repository: Repository,
  messages: UpdateReferencesRequest['updates'],
  confirm: CallContext['confirm'],
): Promise<void> {
  if (messages.length === 0) throw invalidArgument('there are no updates')
  const updates = messages.map(toUpdate)
  const invalid = updates.filter(({ name }) => !isReferenceName(name)).map(({ name }) => bytes(name))
  if (invalid.length > 0) {
    throw invalidArgument('a reference name is invalid', detail({ invalid_format: { refs: invalid } }))
  }
  if (new Set(updates.map(({ name }) => name)).size < updates.length) {
    throw invalidArgument('a reference is updated more than once')
  }
  await Promise.all(updates.map((update) => checkNewObject(repository, update)))
  await confirm()
  try {
    await repository.references.update(updates)
  } catch (error) {
    if (!(error instanceof ReferenceRefusal)) throw error
    // That it exists already is all that git says of a reference that must not.
    const actual =
      error.actualOid ?? (error.reference === undefined ? undefined : await repository.referenceOid(error.reference))
    throw refused(error, updates, actual ?? '')
  }
}

function toUpdate(message: UpdateReferencesRequest['updates'][number]): ReferenceUpdate {
  const newOid = message.new_object_id.toString('latin1')
  const oldOid = message.old_object_id.toString('latin1')
  if (!isObjectId(newOid)) throw invalidArgument('a new object id is malformed')
  if (oldOid !== '' && !isObjectId(oldOid)) throw invalidArgument('an old object id is malformed')
  return { name: message.reference.toString('latin1'), newOid, oldOid: oldOid === '' ? undefined : oldOid }
}

async function checkNewObject(repository: Repository, { name, newOid }: ReferenceUpdate): Promise<void> {
  if (newOid === ZERO_OID) return
  const object = await repository.reader.info(newOid)
  if (!object) throw notFound('a new object does not exist')
  if (name.startsWith('refs/heads/') && object.kind !== 'commit') throw invalidArgument('a branch needs a commit')
}

function refused(refusal: ReferenceRefusal, updates: ReferenceUpdate[], actualOid: string): StatusError {
  const update = updates.find(({ name }) => name === refusal.reference)
  switch (refusal.reason) {
    case 'mismatch': {
      const fields = {
        reference_name: bytes(refusal.reference ?? ''),
        expected_object_id: bytes(update?.oldOid ?? ''),
        actual_object_id: bytes(actualOid),
      }
      const reason = 'a reference is not at its old object id'
      return new StatusError(Code.ABORTED, reason, detail({ reference_state_mismatch: fields }))
    }
    case 'locked': {
      const refs = refusal.reference === undefined ? [] : [bytes(refusal.reference)]
      return new StatusError(Code.ABORTED, 'a reference is locked', detail({ references_locked: { refs } }))
    }
    case 'name-taken':
      return new StatusError(
        Code.FAILED_PRECONDITION,
        'a reference exists whose name is a directory of another one, or the other way round',
      )
    case 'object':
      return invalidArgument('a reference cannot point to this object')
  }
}

function detail(fields: object): StatusDetail {
  return { type: 'UpdateReferencesError', fields }
}

function bytes(name: string): Buffer {
  return Buffer.from(name, 'latin1')
}

/** The references after the token, which is a full name. Without parameters: all of them. */
function page(references: Reference[], pagination: Pagination | null): Reference[] {
  if (!pagination) return references
  const token = Buffer.from(pagination.page_token).toString('latin1')
  const at = token === '' ? -1 : references.findIndex(({ name }) => name === token)
  if (token !== '' && at < 0) throw invalidArgument('the page token names no reference')
  const rest = references.slice(at + 1)
  return pagination.limit < 0 ? rest : rest.slice(0, pagination.limit)
}

/** Read ahead of the reply, so that reading and sending overlap; a bound, so that memory does too. */
const READ_AHEAD = 64

async function* branches(repository: Repository, references: Reference[]): AsyncGenerator<Branch> {
  for (let at = 0; at < references.length; at += READ_AHEAD) {
    const group = references.slice(at, at + READ_AHEAD)
    const commits = await Promise.all(group.map(({ oid }) => repository.commit(oid)))
    for (const [index, reference] of group.entries()) {
      const commit = commits[index]
      if (commit) yield { name: bytes(reference.name), target_commit: toGitCommit(commit) }
    }
  }
}

async function* allTags(repository: Repository, references: Reference[]): AsyncGenerator<Tag> {
  for (let at = 0; at < references.length; at += READ_AHEAD) {
    yield* await Promise.all(references.slice(at, at + READ_AHEAD).map((reference) => toTag(repository, reference)))
  }
}

function branchBytes({ name, target_commit }: Branch): number {
  return name.length + commitBytes(target_commit)
}

/** A tagger, an id and the framing around them. */
const TAG_BYTES = 512

function tagBytes({ name, message, target_commit }: Tag): number {
  return TAG_BYTES + name.length + message.length + (target_commit ? commitBytes(target_commit) : 0)
}
