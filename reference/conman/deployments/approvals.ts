/**
 * Who stands for an exceptional deployment (decisions C22): at least two members, each with the role reviewer or higher, and
 * one of them config_manager or higher. Their roles are those at the moment of the request.
 */
import type { ObjectId } from 'mongodb'
import { validation } from '../http/errors.ts'
import { objectId } from '../http/identifiers.ts'
import type { AppDocument } from '../mongo/documents.ts'
import { atLeast } from '../roles.ts'
import type { Services } from '../services.ts'

const ENOUGH = 2

/** Each person once. */
export function approverIds(given: readonly string[]): ObjectId[] {
  const ids = given.map((id) => objectId(id, 'approvals'))
  return [...new Map(ids.map((id) => [id.toHexString(), id])).values()]
}

/** Where approvals are given without being needed, they must be good ones all the same: they are kept. */
export async function requireApprovals(
  services: Services,
  app: AppDocument,
  approvers: readonly ObjectId[],
  needed: boolean,
): Promise<void> {
  if (approvers.length === 0 && !needed) return
  if (approvers.length < ENOUGH) throw validation(`approvals must name at least ${ENOUGH} different members`)
  const held = await services.store.data.app_memberships
    .find({ app_id: app._id, user_id: { $in: [...approvers] } })
    .toArray()
  const able = held.filter(({ role }) => atLeast(role, 'reviewer'))
  if (able.length < approvers.length) throw validation('approvals must be members with the role reviewer or higher')
  if (!able.some(({ role }) => atLeast(role, 'config_manager'))) {
    throw validation('one of the approvals must be of a config_manager or higher')
  }
}
