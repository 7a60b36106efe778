// What the requests of several services have in common: a repository, a user, names and ids, all checked the same way.

import type { Commit } from '../git/commit-object.ts'
import { isObjectId } from '../git/object-id.ts'
import { isReferenceName, isShortName } from '../git/reference-name.ts'
import { ReferenceRefusal, type ReferenceUpdate } from '../git/reference-updater.ts'
import type { Repository } from '../git/repository.ts'
import { isRevision } from '../git/revision.ts'
import { cleanIdentity, type Signature, timezoneOffset } from '../git/signature.ts'
import { RelativePathError, type Storage } from '../git/storage.ts'
import type { CallContext } from '../handler.ts'
import type { RepositoryMessage, Timestamp, UserMessage } from '../messages.ts'
import { failedPrecondition, invalidArgument, notFound, type StatusDetail } from '../status.ts'

/** The only storage there is. */
export const STORAGE_NAME = 'default'

export function relativePathOf(message: RepositoryMessage | null): string {
  if (!message) throw invalidArgument('the repository is not set')
  if (message.storage_name === '') throw invalidArgument('the storage is not set')
  if (message.storage_name !== STORAGE_NAME) throw invalidArgument('there is no storage of this name')
  if (message.relative_path === '') throw invalidArgument('the relative path is not set')
  return message.relative_path
}

export async function inStorage<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof RelativePathError) throw invalidArgument('the relative path is not one inside the storage')
    throw error
  }
}

export async function openRepository(storage: Storage, message: RepositoryMessage | null): Promise<Repository> {
  const relativePath = relativePathOf(message)
  const repository = await inStorage(() => storage.open(relativePath))
  if (!repository) throw notFound('the repository does not exist')
  return repository
}

/** The full name of a branch. Branches are named in short; in full is accepted too. */
export function branchReference(name: Buffer): string {
  if (name.length === 0) throw invalidArgument('the branch name is empty')
  return referenceOf(name, 'refs/heads/', 'the branch name is invalid')
}

export function tagReference(name: Buffer): string {
  if (name.length === 0) throw invalidArgument('the tag name is empty')
  return referenceOf(name, 'refs/tags/', 'the tag name is invalid')
}

function referenceOf(name: Buffer, prefix: string, fault: string): string {
  const text = name.toString('latin1')
  const short = text.startsWith(prefix) ? text.slice(prefix.length) : text
  if (!isShortName(short) || !isReferenceName(prefix + short)) throw invalidArgument(fault)
  return prefix + short
}

export function fullReference(name: Buffer): string {
  const text = name.toString('latin1')
  if (!isReferenceName(text)) throw invalidArgument('the reference name is invalid')
  return text
}

/** A revision's text as latin1. Strings of the protocol are UTF-8; git gets the same bytes. */
export function revisionOf(revision: Buffer | string): string {
  const text = (typeof revision === 'string' ? Buffer.from(revision) : revision).toString('latin1')
  if (text === '') throw invalidArgument('the revision is empty')
  if (!isRevision(text)) throw invalidArgument('the revision is malformed')
  return text
}

export async function resolveCommit(
  repository: Repository,
  revision: Buffer | string,
  missing: () => Error,
): Promise<Commit> {
  const commit = await repository.commit(revisionOf(revision))
  if (!commit) throw missing()
  return commit
}

/** The commit that a reference holds: no revision, and nothing that is only named like one. */
export async function commitAt(repository: Repository, reference: string, missing: () => Error): Promise<Commit> {
  const commit = await repository.commitAt(reference)
  if (!commit) throw missing()
  return commit
}

/** The old value a caller counts on; undefined if it names none. All zeros: the reference must not exist. */
export function expectedOldOid(oid: string): string | undefined {
  if (oid === '') return undefined
  if (!isObjectId(oid)) throw invalidArgument('the expected old object id is malformed')
  return oid
}

export function requireUser(user: UserMessage | null): UserMessage {
  if (!user) throw invalidArgument('the user is not set')
  return user
}

/** 9999-12-31: what git's own date functions can still print. */
const SECONDS_MAX = 253_402_300_799

export function signatureOf(
  user: UserMessage,
  timestamp: Timestamp | null,
  identity: { name: Buffer; email: Buffer } = user,
): Signature {
  const seconds = timestamp ? timestamp.seconds : Math.floor(Date.now() / 1000)
  if (!(seconds >= 0 && seconds <= SECONDS_MAX)) throw invalidArgument('the timestamp is out of range')
  const offset = timezoneOffset(user.timezone, seconds)
  if (offset === undefined) throw invalidArgument('the timezone is unknown')
  const name = cleanIdentity(identity.name.toString('latin1'))
  if (name === '') throw invalidArgument('the name of the user is empty')
  return { name, email: cleanIdentity(identity.email.toString('latin1')), seconds, offset }
}

/** A commit message. Git ends one at a NUL byte. */
export function messageOf(message: Buffer): Buffer {
  if (message.length === 0) throw invalidArgument('the message is empty')
  if (message.includes(0)) throw invalidArgument('the message holds a NUL byte')
  return message
}

/** Moves one reference. What git refuses is FAILED_PRECONDITION, with the detail that the method gives for it. */
export async function moveReference(
  repository: Repository,
  update: ReferenceUpdate,
  confirm: CallContext['confirm'],
  detail?: (fields: { reference_name: Buffer; old_oid: string; new_oid: string }) => StatusDetail,
): Promise<void> {
  await confirm()
  try {
    await repository.references.update([update])
  } catch (error) {
    if (!(error instanceof ReferenceRefusal)) throw error
    const fields = {
      reference_name: Buffer.from(update.name, 'latin1'),
      old_oid: update.oldOid ?? '',
      new_oid: update.newOid,
    }
    throw failedPrecondition(REFUSALS[error.reason], detail?.(fields))
  }
}

const REFUSALS = {
  mismatch: 'the reference is not at the expected object id',
  locked: 'the reference is being updated by somebody else',
  'name-taken': 'a reference exists whose name is a directory of this one, or the other way round',
  object: 'the reference cannot point to this object',
} as const
