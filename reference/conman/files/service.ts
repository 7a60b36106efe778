/** The files of a workspace: reading what its branch holds, and editing it commit by commit. */
import { repositoryOf } from '../apps/service.ts'
import { branchRef } from '../git/wire.ts'
import type { Caller } from '../http/context.ts'
import { notFound, validation } from '../http/errors.ts'
import type { AppDocument, WorkspaceDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import { commitMessage } from '../workspaces/commit-message.ts'
import type { Edit } from './commits.ts'
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

export function createFileService(services: Services): FileService {
  /** Commits on the workspace's branch; answers the commit. */
  async function commit(
    caller: Caller,
    app: AppDocument,
    workspace: WorkspaceDocument,
    input: { path: string; message: string },
    make: (edit: Edit) => Promise<string>,
  ): Promise<string> {
    const edit = { ...input, repository: repositoryOf(app), branch: workspace.branch_name }
    const { head } = await services.heads.move(caller, app, workspace, async (from) => ({
      head: await make({ ...edit, tip: from.head_sha }),
    }))
    return head
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
      const message = commitMessage(given.message, `update ${path}`)
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
      const message = commitMessage(given.message, `delete ${path}`)
      const commit_sha = await commit(caller, app, workspace, { path, message }, (edit) =>
        services.commits.remove(caller, edit),
      )
      await recordEdit(caller, app, workspace, 'deleted', { path, message, commit_sha })
      return { commit_sha, path }
    },
  }
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
