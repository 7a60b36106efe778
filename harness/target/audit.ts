// Audit rows of file writes, from where they can be read.

import type { MongoClient } from 'mongodb'
import { ObjectId } from 'mongodb'
import type { Conman } from './conman.ts'

/** Both names of the event: E11's and the one that the real server writes. */
const FILE_WRITES = [
  { entity_type: 'file', action: 'written' },
  { entity_type: 'workspace', action: 'file_written' },
]

export async function auditFromMongo(client: MongoClient, db: string, appId: string): Promise<string[]> {
  const rows = await client
    .db(db)
    .collection('audit_events')
    .find(
      { app_id: { $in: [new ObjectId(appId), appId] }, $or: FILE_WRITES },
      { projection: { git_sha: 1, after: 1 }, readPreference: 'primary' },
    )
    .toArray()
  return rows.flatMap((row) => commitOf(row) ?? [])
}

export async function auditFromRoute(conman: Conman, token: string, appId: string): Promise<string[] | null> {
  const commits: string[] = []
  for (const filter of FILE_WRITES) {
    const rows = await conman.auditEvents(token, appId, filter)
    if (rows === null) return null
    commits.push(...rows.flatMap((row) => commitOf(row) ?? []))
  }
  return commits
}

function commitOf(row: Record<string, unknown>): string | undefined {
  if (typeof row.git_sha === 'string' && row.git_sha !== '') return row.git_sha
  const after = row.after as { commit_sha?: unknown } | null | undefined
  return typeof after?.commit_sha === 'string' ? after.commit_sha : undefined
}
