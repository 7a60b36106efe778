/** Recording where workspaces are: the head of each moves from one commit to the next, many workspaces in one write. */
import type { ObjectId } from 'mongodb'
import { createBatcher } from '../batcher.ts'
import type { Services } from '../services.ts'

export interface HeadMove {
  workspaceId: ObjectId
  userId: ObjectId
  from: string
  to: string
}

const BATCHES = { maxSize: 100, patienceMs: 500, lingerMs: 5 }

/** Moves a head if it is still where the edit found it; false when it is not. */
export function createHeadRecorder(services: Services): (move: HeadMove) => Promise<boolean> {
  const { data, causality } = services.store
  const { workspaces } = data

  return createBatcher(async (moves: HeadMove[]) => {
    const users = moves.map(({ userId }) => userId.toHexString())
    return causality.write(users, async (session) => {
      const updated_at = new Date()
      const updates = moves.map(({ workspaceId, from, to }) => ({
        updateOne: {
          filter: { _id: workspaceId, head_sha: from },
          update: { $set: { head_sha: to, updated_at } },
        },
      }))
      const { matchedCount } = await workspaces.bulkWrite(updates, { session, ordered: false })
      if (matchedCount === moves.length) return moves.map(() => true)
      // Some did not match, and a bulk write does not say which.
      const ids = moves.map(({ workspaceId }) => workspaceId)
      const heads = await workspaces.find({ _id: { $in: ids } }, { session, projection: { head_sha: 1 } }).toArray()
      const byId = new Map(heads.map(({ _id, head_sha }) => [_id.toHexString(), head_sha]))
      return moves.map(({ workspaceId, to }) => byId.get(workspaceId.toHexString()) === to)
    })
  }, BATCHES)
}
