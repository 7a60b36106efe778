// The audit log of an app as rows, from where it can be read: the database, or else the audit route.

import { ObjectId } from 'mongodb'
import { listAudit } from './conman/apps.ts'
import { ConmanError } from './conman.ts'
import type { Target } from './target.ts'

export interface TrailRow {
  /** `file/written`: entity type and action. */
  name: string
  entity: string | null
  commit: string | null
  actor: string | null
}

export interface Trail {
  source: 'mongo' | 'http'
  rows: TrailRow[]
}

/** Of things of all kinds, or of one. Null where neither can be read (HD113). */
export async function readAuditTrail(
  { database, conman }: Pick<Target, 'database' | 'conman'>,
  appId: string,
  adminToken: string,
  about: { entity_type?: string } = {},
): Promise<Trail | null> {
  if (database !== undefined) {
    const rows = await database.find(
      'audit_events',
      { app_id: { $in: [new ObjectId(appId), appId] }, ...about },
      { projection: { entity_type: 1, action: 1, entity_id: 1, actor_user_id: 1, git_sha: 1, 'after.commit_sha': 1 } },
    )
    return {
      source: 'mongo',
      rows: rows.map((row) => ({
        name: `${row.entity_type}/${row.action}`,
        entity: textOf(row.entity_id),
        commit: textOf(row.git_sha) ?? textOf(row.after?.commit_sha),
        actor: textOf(row.actor_user_id),
      })),
    }
  }
  try {
    const rows = await conman.all(adminToken, listAudit(appId, about))
    return {
      source: 'http',
      rows: rows.map(({ entityType, action, entityId, commit, actorUserId }) => ({
        name: `${entityType}/${action}`,
        entity: entityId,
        commit,
        actor: actorUserId,
      })),
    }
  } catch (cause) {
    if (cause instanceof ConmanError && (cause.status === 404 || cause.status === 405)) return null
    throw cause
  }
}

/** Ids are stored as ids by some, and as text by others. */
function textOf(value: unknown): string | null {
  if (value instanceof ObjectId) return value.toHexString()
  return typeof value === 'string' && value !== '' ? value : null
}
