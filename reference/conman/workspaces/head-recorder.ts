/** Recording where workspaces are: the head of each moves from one commit to the next, many workspaces in one write. */
import { isDeepStrictEqual } from 'node:util'
import type { ObjectId } from 'mongodb'
import { createBatcher } from '../batcher.ts'
import { CHANGED, unchanged } from '../mongo/concurrency.ts'
import type { WorkspaceDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'

/** Where a workspace is: what its moves are worked out from, and what they leave behind. */
export type Whereabouts = Pick<WorkspaceDocument, '_id' | 'head_sha' | 'base_sha' | 'version'>

export interface HeadMove {
  userId: ObjectId
  from: Whereabouts
  head: string
  /** Undefined leaves it. */
  base: string | undefined
}

const BATCHES = { maxSize: 100, patienceMs: 500, lingerMs: 5 }

/** Moves a head if the workspace is still as the move found it; undefined when it is not. */
export function createHeadRecorder(services: Services): (move: HeadMove) => Promise<Whereabouts | undefined> {
  const { data, causality } = services.store
  const { workspaces } = data

  return createBatcher(async (moves: HeadMove[]) => {
    const users = moves.map(({ userId }) => userId.toHexString())
    return causality.write(users, async (session) => {
      const updated_at = new Date()
      const updates = moves.map(({ from, head, base }) => ({
        updateOne: {
          filter: unchanged(from),
          update: {
            $set: { head_sha: head, ...(base !== undefined && { base_sha: base }), updated_at },
            $inc: CHANGED,
          },
        },
      }))
      const { matchedCount } = await workspaces.bulkWrite(updates, { session, ordered: false })
      if (matchedCount === moves.length) return moves.map(moved)
      // Some did not match, and a bulk write does not say which.
      const ids = moves.map(({ from }) => from._id)
      const now = await workspaces
        .find({ _id: { $in: ids } }, { session, projection: { head_sha: 1, base_sha: 1, version: 1 } })
        .toArray()
      const byId = new Map(now.map((workspace) => [workspace._id.toHexString(), workspace]))
      return moves.map((move) => {
        const wanted = moved(move)
        return isDeepStrictEqual(byId.get(move.from._id.toHexString()), wanted) ? wanted : undefined
      })
    })
  }, BATCHES)
}

function moved({ from, head, base }: HeadMove): Whereabouts & { version: number } {
  return {
    _id: from._id,
    head_sha: head,
    version: (from.version ?? 0) + 1,
    ...(base !== undefined ? { base_sha: base } : from.base_sha !== undefined && { base_sha: from.base_sha }),
  }
}
