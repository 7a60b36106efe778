/** The files of a workspace: reading what its branch holds, and editing it commit by commit. */
import { repositoryOf } from '../apps/service.ts'
import { branchRef } from '../git/wire.ts'
import type { Caller } from '../http/context.ts'
import { notFound, validation } from '../http/errors.ts'
import { createKeyedLock } from '../keyed-lock.ts'
import type { AppDocument, WorkspaceDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import type { Edit } from './commits.ts'
import { createHeadRecorder } from './heads.ts'
import { normaliseFilePath, normalisePath, requireEditable } from './path.ts'

export interface FileService {
  /** A file with its content, or the entries of a directory, one level deep. */
  read(caller: Caller, app: AppDocument, workspaceId: string, path: string): Promise<unknown>
  write(caller: Caller, app: AppDocument, workspaceId: string, input: FileWrite): Promise<WrittenFile>
  remove(caller: Caller, app: AppDocument, workspaceId: string, input: FileRemoval): Promise<WrittenFile>
}

export interface FileRemoval {
  path: string
  message: string | undefined
}

export interface FileWrite extends FileRemoval {
  /** Base64 with padding. */
  content: string
}

export interface WrittenFile {
  commit_sha: string
  path: string
}

const MAX_MESSAGE_LENGTH = 10_000

export function createFileService(services: Services): FileService {
  const { data, causality } = services.store
  const recordHead = createHeadRecorder(services)
  // A turn's result is the commit that the workspace is at, for the next in line.
  const turns = createKeyedLock<string>()

  /** Commits and moves the workspace's head, one edit of a workspace at a time. */
  async function commit(
    caller: Caller,
    app: AppDocument,
    workspace: WorkspaceDocument,
    input: FileRemoval,
    make: (edit: Edit) => Promise<string>,
  ): Promise<string> {
    return turns.run(workspace._id.toHexString(), async (previous) => {
      const recorded = previous ?? workspace.head_sha
      const edit = {
        repository: repositoryOf(app),
        branch: workspace.branch_name,
        tip: recorded,
        path: input.path,
        message: input.message ?? '',
      }
      const head = await make(edit)
      if (head !== recorded) await moveHead(caller, app, workspace, recorded, head)
      return head
    })
  }

  async function moveHead(
    caller: Caller,
    app: AppDocument,
    workspace: WorkspaceDocument,
    from: string,
    to: string,
  ): Promise<void> {
    const move = { workspaceId: workspace._id, userId: caller.user.id, from, to }
    if (await recordHead(move)) return
    // Another process recorded its own commit in between; only the branch knows which of the two is the later one.
    const tip = await services.git.branchTip(repositoryOf(app), workspace.branch_name, caller)
    if (tip === undefined) throw notFound('branch', workspace.branch_name)
    await causality.write(caller.user.id.toHexString(), (session) =>
      data.workspaces.updateOne(
        { _id: workspace._id },
        { $set: { head_sha: tip, updated_at: new Date() } },
        { session },
      ),
    )
  }

  async function recordEdit(
    caller: Caller,
    app: AppDocument,
    workspace: WorkspaceDocument,
    action: 'written' | 'deleted',
    after: { path: string; message: string; commit_sha: string; size?: number },
  ): Promise<void> {
    await services.audit.record(caller, {
      appId: app._id,
      actor: caller.user,
      entityType: 'file',
      entityId: workspace._id.toHexString(),
      action,
      after,
      gitSha: after.commit_sha,
    })
  }

  return {
    async read(caller, app, workspaceId, givenPath) {
      const path = normalisePath(givenPath)
      const workspace = await services.workspaces.owned(caller, app, workspaceId)
      const repository = repositoryOf(app)
      const revision = branchRef(workspace.branch_name)
      if (path !== '') {
        const found = await services.git.read(repository, revision, path, caller)
        if (found === undefined) throw notFound('file', path)
        if (found.kind === 'file') {
          const { oid, content } = found
          return { path, content: content.toString('base64'), size: content.length, oid }
        }
      }
      const entries = await services.git.list(repository, revision, path, caller)
      return { path, entries: entries.map(presentEntry).sort(directoriesFirst) }
    },

    async write(caller, app, workspaceId, given) {
      const workspace = await services.workspaces.owned(caller, app, workspaceId)
      const path = normaliseFilePath(given.path)
      requireEditable(path, app.settings.blocked_paths)
      const content = decodeBase64(given.content)
      const limit = app.settings.file_size_limit_bytes
      if (content.length > limit) throw validation(`the file is larger than the app's limit of ${limit} bytes`)
      const message = messageOr(`update ${path}`, given.message)
      const commit_sha = await commit(caller, app, workspace, { path, message }, (edit) =>
        services.commits.put(caller, edit, content),
      )
      await recordEdit(caller, app, workspace, 'written', { path, message, commit_sha, size: content.length })
      return { commit_sha, path }
    },

    async remove(caller, app, workspaceId, given) {
      const workspace = await services.workspaces.owned(caller, app, workspaceId)
      const path = normaliseFilePath(given.path)
      requireEditable(path, app.settings.blocked_paths)
      const message = messageOr(`delete ${path}`, given.message)
      const commit_sha = await commit(caller, app, workspace, { path, message }, (edit) =>
        services.commits.remove(caller, edit),
      )
      await recordEdit(caller, app, workspace, 'deleted', { path, message, commit_sha })
      return { commit_sha, path }
    },
  }
}

function messageOr(fallback: string, given: string | undefined): string {
  const message = given?.trim() || fallback
  if (message.length > MAX_MESSAGE_LENGTH) {
    throw validation(`message must be at most ${MAX_MESSAGE_LENGTH} characters long`)
  }
  return message
}

function decodeBase64(text: string): Buffer {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) {
    throw validation('content must be base64 with padding')
  }
  return Buffer.from(text, 'base64')
}

function presentEntry({ path, kind, oid }: { path: string; kind: 'file' | 'dir'; oid: string }) {
  return { path, type: kind, size: 0, oid }
}

function directoriesFirst(a: ReturnType<typeof presentEntry>, b: ReturnType<typeof presentEntry>): number {
  if (a.type !== b.type) return a.type === 'dir' ? -1 : 1
  return a.path < b.path ? -1 : 1
}
