/**
 * The documents that nearly every request decides on, read from the primary and batched.
 *
 * Answers are shared between the requests of a batch and must not be changed.
 */
import type { ObjectId } from 'mongodb'
import { createBatcher } from '../batcher.ts'
import type { AppDocument, MembershipDocument, UserDocument, WorkspaceDocument } from './documents.ts'
import type { Collections } from './store.ts'

export type KnownUser = Pick<UserDocument, '_id' | 'email' | 'name' | 'tokens_valid_after'>

export interface Lookups {
  user(id: ObjectId): Promise<KnownUser | undefined>
  membership(userId: ObjectId, appId: ObjectId): Promise<MembershipDocument | undefined>
  app(id: ObjectId): Promise<AppDocument | undefined>
  workspace(id: ObjectId): Promise<WorkspaceDocument | undefined>
}

const BATCHES = { maxSize: 100, patienceMs: 250 }

export function createLookups(data: Collections): Lookups {
  const user = byId((ids) =>
    data.users.find({ _id: { $in: ids } }, { projection: { email: 1, name: 1, tokens_valid_after: 1 } }).toArray(),
  )
  const app = byId((ids) => data.apps.find({ _id: { $in: ids } }).toArray())
  const workspace = byId((ids) => data.workspaces.find({ _id: { $in: ids } }).toArray())

  const membership = createBatcher(async (pairs: { userId: ObjectId; appId: ObjectId }[]) => {
    const users = unique(pairs.map(({ userId }) => userId))
    const apps = unique(pairs.map(({ appId }) => appId))
    // All users of the batch on all its apps: at worst a few index keys too many, and one plan for every batch.
    const found = await data.app_memberships.find({ user_id: { $in: users }, app_id: { $in: apps } }).toArray()
    const key = (userId: ObjectId, appId: ObjectId) => `${userId.toHexString()} ${appId.toHexString()}`
    const byPair = new Map(found.map((held) => [key(held.user_id, held.app_id), held]))
    return pairs.map(({ userId, appId }) => byPair.get(key(userId, appId)))
  }, BATCHES)

  return { user, app, workspace, membership: (userId, appId) => membership({ userId, appId }) }
}

function byId<T extends { _id: ObjectId }>(find: (ids: ObjectId[]) => Promise<T[]>) {
  return createBatcher(async (ids: ObjectId[]) => {
    const found = new Map((await find(unique(ids))).map((document) => [document._id.toHexString(), document]))
    return ids.map((id) => found.get(id.toHexString()))
  }, BATCHES)
}

function unique(ids: ObjectId[]): ObjectId[] {
  return [...new Map(ids.map((id) => [id.toHexString(), id])).values()]
}
