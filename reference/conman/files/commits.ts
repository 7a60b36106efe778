/**
 * Writing to a workspace's branch.
 *
 * Every commit is bound to the one that it was made on, so none can be lost: when the branch has moved meanwhile, the edit is
 * made again on the new tip. An edit whose outcome stayed unknown (the connection broke after the commit) thus finds itself
 * done already, and is not made twice.
 */
import { status } from '@grpc/grpc-js'
import { blobId } from '../git/backend.ts'
import type { GitError } from '../git/call.ts'
import { isGitStatus } from '../git/errors.ts'
import type { Repository } from '../git/wire.ts'
import type { Caller } from '../http/context.ts'
import { ApiError, notFound, validation } from '../http/errors.ts'
import type { Services } from '../services.ts'

export interface Edit {
  repository: Repository
  branch: string
  /** Where the branch is believed to be. */
  tip: string
  path: string
  message: string
}

export interface CommitWriter {
  /** Makes the file have this content; answers the commit in which it has. */
  put(caller: Caller, edit: Edit, content: Buffer): Promise<string>
  remove(caller: Caller, edit: Edit): Promise<string>
}

/** Others can move a branch only by writing to the same workspace at the same time from another process. */
const MAX_TRIES = 5

export function createCommitWriter(services: Services): CommitWriter {
  /** `step` answers the commit, or throws what the backend said; it is told whether an earlier try may have succeeded. */
  async function onMovingTip(caller: Caller, edit: Edit, step: (tip: string, retried: boolean) => Promise<string>) {
    let tip = edit.tip
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await step(tip, attempt > 1)
      } catch (error) {
        if (!tipMoved(error)) throw error
        if (attempt === MAX_TRIES) {
          throw new ApiError('conflict', 'conflict: the workspace is being edited elsewhere', { cause: error })
        }
        const now = await services.git.branchTip(edit.repository, edit.branch, caller)
        if (now === undefined) throw notFound('branch', edit.branch)
        // The branch is where it was: the edit itself is what the backend refuses.
        if (now === tip) throw error
        tip = now
      }
    }
  }

  return {
    async put(caller, edit, content) {
      const { repository, branch, path, message } = edit
      return onMovingTip(caller, edit, async (tip) => {
        const present = await services.git.stat(repository, tip, path, caller)
        if (present?.kind === 'dir') throw validation('path is a directory')
        if (present?.oid === blobId(content)) return tip
        const action = present === undefined ? 'create' : 'update'
        const commit = { branch, action, path, content, message, expectedTip: tip } as const
        return services.git.commitFile(repository, commit, caller.user, caller)
      })
    },

    async remove(caller, edit) {
      const { repository, branch, path, message } = edit
      return onMovingTip(caller, edit, async (tip, retried) => {
        const present = await services.git.stat(repository, tip, path, caller)
        if (present?.kind === 'dir') throw validation('path is a directory')
        if (present === undefined) {
          if (retried) return tip
          throw notFound('file', path)
        }
        const commit = { branch, action: 'delete', path, content: Buffer.alloc(0), message, expectedTip: tip } as const
        return services.git.commitFile(repository, commit, caller.user, caller)
      })
    },
  }
}

/** What backends answer when the branch, or the file on it, is no longer as it was when the edit was prepared. */
function tipMoved(error: unknown): error is GitError {
  return isGitStatus(error, status.FAILED_PRECONDITION, status.ABORTED, status.ALREADY_EXISTS, status.NOT_FOUND)
}
