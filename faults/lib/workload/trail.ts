// What the target wrote down of what it did: rows of its audit log, and the mails of its outbox.

import { type Static, Type } from 'typebox'
import type { Run } from '../../../harness/run.ts'
import { listAudit } from '../../../harness/target/conman/apps.ts'
import { ConmanError } from '../../../harness/target/conman.ts'
import type { Fixture } from './fixture.ts'
import { appsOf, bothForms } from './readings.ts'

const OptionalText = Type.Union([Type.String(), Type.Null()])

export const TrailSchema = Type.Object(
  {
    /** Null: it cannot be read. */
    audit: Type.Union([
      Type.Null(),
      Type.Object(
        {
          source: Type.Union([Type.Literal('database'), Type.Literal('api')]),
          rows: Type.Array(
            Type.Object(
              { entity_type: Type.String(), action: Type.String(), entity_id: OptionalText, commit: OptionalText },
              { additionalProperties: false },
            ),
          ),
        },
        { additionalProperties: false },
      ),
    ]),
    outbox: Type.Union([
      Type.Null(),
      Type.Array(
        Type.Object(
          { event: Type.String(), recipient: Type.String(), subject: Type.String(), state: Type.String() },
          { additionalProperties: false },
        ),
      ),
    ]),
  },
  { additionalProperties: false },
)
export type Trail = Static<typeof TrailSchema>

/** What is kept of a subject. */
const SUBJECT_CHARACTERS_MAX = 300

/** Since a moment of the machine's clock. */
export async function readTrail(run: Run, fixture: Fixture, since: Date): Promise<Trail> {
  const { database, conman } = run.target
  const apps = appsOf(fixture)
  if (database === undefined) {
    try {
      const rows = (await Promise.all(apps.map(({ app, token }) => conman.all(token, listAudit(app.id))))).flat()
      return {
        audit: {
          source: 'api',
          rows: rows.map(({ entityType, action, entityId, commit }) => ({
            entity_type: entityType,
            action,
            entity_id: entityId,
            commit,
          })),
        },
        outbox: null,
      }
    } catch (cause) {
      if (!(cause instanceof ConmanError)) throw cause
      return { audit: null, outbox: null }
    }
  }
  const ofApps = { app_id: { $in: apps.flatMap(({ app }) => bothForms(app.id)) } }
  const audit = await database.find(
    'audit_events',
    { ...ofApps, occurred_at: { $gte: since } },
    {
      readConcern: 'majority',
      projection: { entity_type: 1, action: 1, entity_id: 1, git_sha: 1, 'after.commit_sha': 1 },
    },
  )
  const mails = await database.find(
    'notification_events',
    { ...ofApps, created_at: { $gte: since } },
    { readConcern: 'majority', projection: { event_type: 1, user_id: 1, subject: 1, state: 1 } },
  )
  return {
    audit: {
      source: 'database',
      rows: audit.map((row) => ({
        entity_type: String(row.entity_type),
        action: String(row.action),
        entity_id: row.entity_id === null || row.entity_id === undefined ? null : String(row.entity_id),
        commit: typeof row.git_sha === 'string' && row.git_sha !== '' ? row.git_sha : (row.after?.commit_sha ?? null),
      })),
    },
    outbox: mails.map((row) => ({
      event: String(row.event_type),
      recipient: String(row.user_id),
      subject: String(row.subject).slice(0, SUBJECT_CHARACTERS_MAX),
      state: String(row.state),
    })),
  }
}
