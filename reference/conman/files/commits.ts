/**
 * Writing to a workspace's branch.
 *
 * Every commit is bound to the one that it was made on, so none can be lost: when the branch has moved meanwhile, the edit is
 * made again on the new tip. An edit whose outcome stayed unknown (the connection broke after the commit) thus finds itself
 * done already, and is not made twice.
 */
import { blobId } from '../git/backend.ts'
import type { Caller } from '../http/context.ts'
import { notFound, validation } from '../http/errors.ts'
import type { Services } from '../services.ts'
import { onMovingTip, type Tip } from '../workspaces/moving-tip.ts'

export interface Checkpoint extends Tip {
  message: string
}

export interface Edit extends Checkpoint {
  path: string
}

export interface CommitWriter {
  /** Makes the file have this content; answers the commit in which it has. */
  put(caller: Caller, edit: Edit, content: Buffer): Promise<string>
  remove(caller: Caller, edit: Edit): Promise<string>
  /** A commit that changes no file. */
  checkpoint(caller: Caller, checkpoint: Checkpoint): Promise<string>
}

export function createCommitWriter(services: Services): CommitWriter {
  return {
    async put(caller, edit, content) {
      const { repository, branch, path, message } = edit
      return onMovingTip(services.git, edit, caller, async (tip) => {
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
      let tried = false
      return onMovingTip(services.git, edit, caller, async (tip) => {
        const present = await services.git.stat(repository, tip, path, caller)
        if (present?.kind === 'dir') throw validation('path is a directory')
        if (present === undefined) {
          if (tried) return tip
          throw notFound('file', path)
        }
        tried = true
        const commit = { branch, action: 'delete', path, content: Buffer.alloc(0), message, expectedTip: tip } as const
        return services.git.commitFile(repository, commit, caller.user, caller)
      })
    },

    async checkpoint(caller, checkpoint) {
      const { repository, branch, message } = checkpoint
      let tried: string | undefined
      return onMovingTip(services.git, checkpoint, caller, async (tip) => {
        if (tried !== undefined && (await isCheckpointOf(tried, tip))) return tip
        tried = tip
        const commit = { branch, message, expectedTip: tip }
        return services.git.commitNothing(repository, commit, caller.user, caller)
      })

      /** One commit further on, and no file differs: an attempt whose answer was lost has made it. */
      async function isCheckpointOf(before: string, tip: string): Promise<boolean> {
        if ((await services.git.resolve(repository, `${tip}^`, caller)) !== before) return false
        return (await services.git.diffStats(repository, before, tip, caller)).length === 0
      }
    },
  }
}
