// Audit rows of file writes, from where they can be read.

import { ObjectId } from 'mongodb'
import { type AuditFilter, listAudit } from './conman/apps.ts'
import { type Conman, ConmanError } from './conman.ts'
import type { DatabaseWitness } from './database.ts'

/** Both names of the event: E11's and the one that the real server writes. */
const FILE_WRITES: readonly Required<Pick<AuditFilter, 'entity_type' | 'action'>>[] = [
  { entity_type: 'file', action: 'written' },
  { entity_type: 'workspace', action: 'file_written' },
]

export async function auditFromMongo(database: Pick<DatabaseWitness, 'find'>, appId: string): Promise<string[]> {
  const rows = await database.find(
    'audit_events',
    { app_id: { $in: [new ObjectId(appId), appId] }, $or: FILE_WRITES },
    { projection: { git_sha: 1, after: 1 } },
  )
  return rows.flatMap((row) => commitOf(row) ?? [])
}

/** Null where the target has no such route (HD113). */
export async function auditFromRoute(conman: Conman, token: string, appId: string): Promise<string[] | null> {
  const commits: string[] = []
  for (const filter of FILE_WRITES) {
    try {
      const rows = await conman.all(token, listAudit(appId, filter))
      commits.push(...rows.flatMap(({ commit }) => commit ?? []))
    } catch (cause) {
      if (cause instanceof ConmanError && (cause.status === 404 || cause.status === 405)) return null
      throw cause
    }
  }
  return commits
}

function commitOf(row: Record<string, unknown>): string | undefined {
  if (typeof row.git_sha === 'string' && row.git_sha !== '') return row.git_sha
  const after = row.after as { commit_sha?: unknown } | null | undefined
  return typeof after?.commit_sha === 'string' ? after.commit_sha : undefined
}
