/** The audit log: what was done, by whom, to what. Written after the deed; a failure to write never fails the request. */
import { type Filter, ObjectId } from 'mongodb'
import { createBatcher } from '../batcher.ts'
import { within } from '../bounded.ts'
import type { Origin, User } from '../http/context.ts'
import { type Page, type Paginated, paginated } from '../http/pagination.ts'
import { describeError } from '../logging.ts'
import type { AuditDocument } from '../mongo/documents.ts'
import { idOf } from '../mongo/ids.ts'
import { createLister } from '../mongo/listing.ts'
import { isDuplicateKey } from '../mongo/store.ts'
import type { Services } from '../services.ts'

export interface AuditEvent {
  /** Null for what no app owns. */
  appId: ObjectId | null
  actor: User | null
  entityType: string
  entityId: string
  action: string
  before?: unknown
  after?: unknown
  gitSha?: string
  /** Names the event where it may be recorded twice, by a job that is run again: it is stored once. */
  once?: string
}

export type AuditFilter = Partial<Pick<AuditDocument, 'entity_type' | 'entity_id' | 'action' | 'actor_user_id'>>

export interface AuditLog {
  record(origin: Pick<Origin, 'requestId' | 'ip' | 'userAgent'>, event: AuditEvent): Promise<void>
  list(reader: User, appId: ObjectId, filter: AuditFilter, page: Page): Promise<Paginated<unknown>>
}

/** An answer must not wait for its audit row as long as an outage of the database lasts. */
const RECORD_LIMIT_MS = 2_000

const BATCHES = { maxSize: 100, patienceMs: 250, lingerMs: 15 }

export function createAuditLog(services: Services): AuditLog {
  const listed = createLister(services.store, 'audit_events', { occurred_at: -1, _id: -1 })

  const insert = createBatcher(async (rows: AuditDocument[]) => {
    const readers = rows.map(({ actor_user_id }) => actor_user_id?.toHexString() ?? '')
    await services.store.causality
      .write(readers, (session) => services.store.log.audit_events.insertMany(rows, { session, ordered: false }))
      .catch((error: unknown) => {
        // A row that has its once-only id already is stored; of the others each was tried on its own.
        if (!isDuplicateKey(error)) throw error
      })
    return rows
  }, BATCHES)

  return {
    async record(origin, event) {
      const row: AuditDocument = {
        _id: event.once === undefined ? new ObjectId() : idOf(event.once),
        occurred_at: new Date(),
        actor_user_id: event.actor?.id ?? null,
        app_id: event.appId,
        entity_type: event.entityType,
        entity_id: event.entityId,
        action: event.action,
        before: event.before ?? null,
        after: event.after ?? null,
        git_sha: event.gitSha ?? null,
        context: { request_id: origin.requestId, ip: origin.ip, user_agent: origin.userAgent },
      }
      const { entityType: entity_type, entityId: entity_id, action } = event
      const failed = (error: unknown) =>
        services.logger.error(
          { entity_type, entity_id, action, ...describeError(error) },
          'failed to write audit event',
        )
      await within(RECORD_LIMIT_MS, insert(row)).catch(failed)
    },

    async list(reader, appId, filter, page) {
      const query: Filter<AuditDocument> = { ...filter, app_id: appId }
      const { total, found } = await listed(reader.id, query, page)
      return paginated(page, total, found.map(presentAuditRow))
    },
  }
}

function presentAuditRow({ _id, ...row }: AuditDocument) {
  return { id: _id, ...row }
}
