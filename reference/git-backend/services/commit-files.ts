// UserCommitFiles: what a stream of actions makes of a branch.

import { status as Code } from '@grpc/grpc-js'
import { type Commit, formatCommit } from '../git/commit-object.ts'
import { EMPTY_TREE_OID, isObjectId, ZERO_OID } from '../git/object-id.ts'
import { objectId } from '../git/object-writer.ts'
import type { Repository } from '../git/repository.ts'
import { TreeEditor } from '../git/tree-editor.ts'
import { MODE_EXECUTABLE, MODE_FILE, MODE_SUBMODULE, type TreeEntry } from '../git/tree-object.ts'
import { type PathFault, pathFault } from '../git/tree-path.ts'
import type { CallContext } from '../handler.ts'
import {
  ActionType,
  IndexErrorType,
  type OperationBranchUpdate,
  type UserCommitFilesActionHeader,
  type UserCommitFilesHeader,
  type UserCommitFilesRequest,
} from '../messages.ts'
import { failedPrecondition, invalidArgument, StatusError } from '../status.ts'
import {
  branchReference,
  expectedOldOid,
  messageOf,
  moveReference,
  requireUser,
  resolveCommit,
  signatureOf,
} from './request.ts'

export interface FileAction {
  header: UserCommitFilesActionHeader
  content: Buffer[]
}

/** Checks the header before the files arrive: a call that cannot succeed need not send them all. */
export function checkHeader(header: UserCommitFilesHeader): void {
  signatureOf(requireUser(header.user), header.timestamp)
  branchReference(header.branch_name)
  messageOf(header.commit_message)
  if (header.start_branch_name.length > 0) branchReference(header.start_branch_name)
  if (header.start_sha !== '' && !isObjectId(header.start_sha)) throw invalidArgument('the start id is malformed')
  expectedOldOid(header.expected_old_oid)
  const { repository, start_repository: start } = header
  if (start && start.relative_path !== repository?.relative_path) {
    throw invalidArgument('a start repository other than the repository itself is not supported')
  }
}

export function collectAction(actions: FileAction[], message: UserCommitFilesRequest): void {
  if (message.header) throw invalidArgument('there is a second header')
  if (message.action?.header) {
    actions.push({ header: message.action.header, content: [] })
    return
  }
  if (!message.action?.content) throw invalidArgument('a message holds neither an action nor content')
  const last = actions.at(-1)
  if (!last) throw invalidArgument('content comes before any action')
  last.content.push(message.action.content)
}

export async function commitFiles(
  repository: Repository,
  header: UserCommitFilesHeader,
  actions: readonly FileAction[],
  confirm: CallContext['confirm'],
): Promise<OperationBranchUpdate> {
  const target = branchReference(header.branch_name)
  const tip = await repository.commitAt(target)
  const parent = await parentCommit(repository, header, tip)
  const hadBranches = !!tip || !!parent || (await repository.hasBranches())

  // As Gitaly does: what is malformed is refused before anything is looked for.
  for (const { header } of actions) checkAction(header)
  const editor = new TreeEditor(repository, parent?.tree ?? EMPTY_TREE_OID)
  const blobs = new Map<string, Buffer>()
  for (const action of actions) await apply(editor, action, blobs)

  // What the branch must be at. Without an expectation it is the parent; so a parent taken from elsewhere is refused if
  // the branch has moved on, unless that is forced.
  const oldOid =
    expectedOldOid(header.expected_old_oid) ?? (tip ? (header.force ? tip.oid : (parent?.oid ?? ZERO_OID)) : ZERO_OID)
  if (oldOid !== (tip?.oid ?? ZERO_OID)) throw failedPrecondition('the branch is not at the expected commit')

  const oid = await write(repository, header, editor, blobs, parent)
  await moveReference(repository, { name: target, newOid: oid, oldOid }, confirm)
  return { commit_id: oid, repo_created: !hadBranches, branch_created: oldOid === ZERO_OID }
}

async function parentCommit(
  repository: Repository,
  header: UserCommitFilesHeader,
  tip: Commit | undefined,
): Promise<Commit | undefined> {
  if (header.start_sha !== '') {
    return resolveCommit(repository, header.start_sha, () => failedPrecondition('the start commit does not exist'))
  }
  if (header.start_branch_name.length === 0) return tip
  const start = await repository.commitAt(branchReference(header.start_branch_name))
  if (!start && (await repository.hasBranches())) throw failedPrecondition('the start branch does not exist')
  return start
}

/** Blobs, trees and the commit are stored side by side. The branch is moved after the last of them. */
async function write(
  repository: Repository,
  header: UserCommitFilesHeader,
  editor: TreeEditor,
  blobs: ReadonlyMap<string, Buffer>,
  parent: Commit | undefined,
): Promise<string> {
  const user = requireUser(header.user)
  const identity = {
    name: header.commit_author_name.length > 0 ? header.commit_author_name : user.name,
    email: header.commit_author_email.length > 0 ? header.commit_author_email : user.email,
  }
  const author = signatureOf(user, header.timestamp, identity)
  const committer = { ...signatureOf(user, header.timestamp), seconds: author.seconds, offset: author.offset }
  const { oid: tree, written } = editor.write()
  if (tree === EMPTY_TREE_OID) written.push(repository.write('tree', Buffer.alloc(0)))
  for (const [oid, content] of blobs) written.push(repository.write('blob', content, oid))
  const parents = parent ? [parent.oid] : []
  const commit = repository.write(
    'commit',
    formatCommit({ tree, parents, author, committer, message: messageOf(header.commit_message) }),
  )
  await Promise.all([...written, commit].map(({ stored }) => stored))
  return commit.oid
}

function checkAction(header: UserCommitFilesActionHeader): void {
  if (!ACTIONS.has(header.action)) throw invalidArgument('the action is unknown')
  checkPath(header.file_path)
  if (header.action === ActionType.MOVE) checkPath(header.previous_path)
}

const ACTIONS = new Set<number>(Object.values(ActionType))

async function apply(editor: TreeEditor, action: FileAction, blobs: Map<string, Buffer>): Promise<void> {
  const { header } = action
  const path = header.file_path.toString('latin1')
  const found = await editor.find(path)
  const addBlob = () => {
    const content = contentOf(action)
    const oid = objectId('blob', content)
    blobs.set(oid, content)
    return oid
  }
  const create = async (at: string, entry: () => TreeEntry) => {
    const obstacle = await editor.fileOnTheWay(at)
    if (obstacle !== undefined) throw indexError('FILE_EXISTS', 'a file stands where a directory is needed', obstacle)
    await editor.put(at, entry())
  }
  switch (header.action) {
    case ActionType.CREATE: {
      if (isFile(found)) throw indexError('FILE_EXISTS', 'a file with this path exists already', path)
      const mode = header.execute_filemode ? MODE_EXECUTABLE : MODE_FILE
      return create(path, () => ({ mode, oid: addBlob() }))
    }
    case ActionType.CREATE_DIR: {
      if (found === 'directory') throw indexError('DIRECTORY_EXISTS', 'the directory exists already', path)
      if (found) throw indexError('FILE_EXISTS', 'a file with this path exists already', path)
      return create(`${path}/.gitkeep`, () => ({ mode: MODE_FILE, oid: addBlob() }))
    }
    case ActionType.UPDATE: {
      if (!isFile(found) || found.mode === MODE_SUBMODULE) throw missing(path)
      return editor.put(path, { mode: found.mode, oid: addBlob() })
    }
    case ActionType.MOVE: {
      const previousPath = header.previous_path.toString('latin1')
      const previous = await editor.find(previousPath)
      if (!isFile(previous)) throw missing(previousPath)
      if (isFile(found)) throw indexError('FILE_EXISTS', 'a file with this path exists already', path)
      await editor.remove(previousPath)
      return create(path, () => (header.infer_content ? previous : { mode: previous.mode, oid: addBlob() }))
    }
    case ActionType.DELETE: {
      if (!isFile(found)) throw missing(path)
      return editor.remove(path)
    }
    case ActionType.CHMOD: {
      if (!isFile(found) || !(found.mode === MODE_FILE || found.mode === MODE_EXECUTABLE)) throw missing(path)
      return editor.put(path, { mode: header.execute_filemode ? MODE_EXECUTABLE : MODE_FILE, oid: found.oid })
    }
  }
}

function isFile(found: TreeEntry | 'directory' | undefined): found is TreeEntry {
  return found !== undefined && found !== 'directory'
}

function contentOf({ header, content }: FileAction): Buffer {
  // A directory's keeper is empty whatever is sent with it.
  if (header.action === ActionType.CREATE_DIR) return Buffer.alloc(0)
  const bytes = content.length === 1 ? content[0]! : Buffer.concat(content)
  if (!header.base64_content) return bytes
  const text = bytes.toString('latin1').replace(/[\r\n]/g, '')
  // Node's decoder takes anything and skips what it does not know.
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw invalidArgument('the content is not base64')
  return Buffer.from(text, 'base64')
}

const PATH_FAULTS: Record<PathFault, { type: keyof typeof IndexErrorType; message: string }> = {
  empty: { type: 'EMPTY_PATH', message: 'a path is empty' },
  absolute: { type: 'INVALID_PATH', message: 'a path is absolute' },
  traversal: { type: 'DIRECTORY_TRAVERSAL', message: 'a path leads upwards' },
  'git-directory': { type: 'INVALID_PATH', message: 'a path names the git directory' },
  invalid: { type: 'INVALID_PATH', message: 'a path is malformed' },
  long: { type: 'INVALID_PATH', message: 'a path is too long' },
}

function checkPath(bytes: Buffer): void {
  const path = bytes.toString('latin1')
  const fault = pathFault(path)
  if (fault === undefined) return
  const { type, message } = PATH_FAULTS[fault]
  // Gitaly reports this one as an error of its own.
  const code = fault === 'git-directory' ? Code.INTERNAL : Code.INVALID_ARGUMENT
  throw new StatusError(code, message, indexDetail(type, path))
}

function missing(path: string): StatusError {
  return indexError('FILE_NOT_FOUND', 'the file does not exist', path)
}

function indexError(
  type: 'FILE_EXISTS' | 'DIRECTORY_EXISTS' | 'FILE_NOT_FOUND',
  message: string,
  path: string,
): StatusError {
  const code = type === 'FILE_NOT_FOUND' ? Code.NOT_FOUND : Code.ALREADY_EXISTS
  return new StatusError(code, message, indexDetail(type, path))
}

function indexDetail(type: keyof typeof IndexErrorType, path: string) {
  const index_update = { path: Buffer.from(path, 'latin1'), error_type: IndexErrorType[type] }
  return { type: 'UserCommitFilesError', fields: { index_update } }
}
