/** Releases: queued changesets in an order, composed on the integration branch, tested there, and published under a tag. */
import { type Filter, MongoServerError, ObjectId } from 'mongodb'
import type { AuditEvent } from '../audit/log.ts'
import type { Caller, Origin, User } from '../http/context.ts'
import { notFound } from '../http/errors.ts'
import { objectId } from '../http/identifiers.ts'
import { type Page, type Paginated, paginated } from '../http/pagination.ts'
import { createKeyedLock } from '../keyed-lock.ts'
import { MANAGERS } from '../mail/notifications.ts'
import type { AppDocument, ReleaseDocument, ReleaseState } from '../mongo/documents.ts'
import { createLister } from '../mongo/listing.ts'
import { isDuplicateKey } from '../mongo/store.ts'
import type { Services } from '../services.ts'
import { type Assembly, createAssembly } from './assembly.ts'
import { presentChangesets, presentRelease, releasePath } from './present.ts'
import { createPublication, type Publication } from './publication.ts'
import { createSelection, type Selection } from './selection.ts'
import { nextTag, tagPrefix } from './tags.ts'

export interface ReleaseService extends Selection, Assembly, Publication {
  list(caller: Caller, app: AppDocument, state: ReleaseState | undefined, page: Page): Promise<Paginated<unknown>>
  create(caller: Caller, app: AppDocument, changesetIds: readonly string[]): Promise<ReleaseDocument>
  /** With its changesets and the commits that took them in. */
  get(caller: Caller, app: AppDocument, id: string): Promise<unknown>
  /** As it is now, from the primary: for whoever decides on it. */
  current(app: AppDocument, id: string | ObjectId): Promise<ReleaseDocument>
  /** Has the next tag of the day stored by `store`; a number that somebody else takes first is followed by the next one. */
  withNextTag<T>(app: AppDocument, store: (tag: string, now: Date) => Promise<T>): Promise<T>
  audit(
    origin: Pick<Origin, 'requestId' | 'ip' | 'userAgent'>,
    actor: User | null,
    action: string,
    before: Partial<ReleaseDocument> | null,
    after: ReleaseDocument,
    more?: Pick<AuditEvent, 'once'> & { before?: Record<string, unknown>; after?: Record<string, unknown> },
  ): Promise<void>
}

/** Whoever loses a number has been overtaken by somebody, so this many can be lost only to as many releases at once. */
const MAX_NUMBERS_LOST = 200

export function createReleaseService(services: Services): ReleaseService {
  const { data, lists, causality } = services.store
  const listed = createLister(services.store, 'release_batches', { created_at: -1, _id: -1 })
  // Within a process those who want a number wait here instead of taking it from one another.
  const turns = createKeyedLock<unknown>()

  async function tagsOf(app: AppDocument, prefix: string): Promise<string[]> {
    // `/` comes after `.`, so this is all that begins with the prefix.
    const tag = { $gte: prefix, $lt: `${prefix.slice(0, -1)}/` }
    const found = await data.release_batches.find({ app_id: app._id, tag }, { projection: { tag: 1 } }).toArray()
    return found.map((release) => release.tag)
  }

  const service: Omit<ReleaseService, keyof Selection | keyof Assembly | keyof Publication> = {
    async list(caller, app, state, page) {
      const query: Filter<ReleaseDocument> = { app_id: app._id, ...(state !== undefined && { state }) }
      const { total, found } = await listed(caller.user.id, query, page)
      return paginated(page, total, found.map(presentRelease))
    },

    async create(caller, app, changesetIds) {
      const selection = await services.releases.selectable(app, changesetIds)
      const release = await this.withNextTag(app, async (tag, now) => {
        const release: ReleaseDocument = {
          _id: new ObjectId(),
          app_id: app._id,
          tag,
          state: 'draft_release',
          ordered_changeset_ids: selection,
          compose_job_id: null,
          compose_base_sha: null,
          composed_sha: null,
          publishing: null,
          published_sha: null,
          published_at: null,
          published_by: null,
          created_at: now,
          updated_at: now,
        }
        await causality.write(caller.user.id.toHexString(), (session) =>
          data.release_batches.insertOne(release, { session }),
        )
        return release
      })
      await Promise.all([
        this.audit(caller, caller.user, 'created', null, release, { after: { changeset_ids: selection } }),
        services.notifications.tell({
          app,
          event: 'release_created',
          title: release.tag,
          link: releasePath(release),
          actor: caller.user,
          to: { roles: MANAGERS },
          occasion: release._id.toHexString(),
        }),
      ])
      return release
    },

    async get(caller, app, given) {
      const id = objectId(given, 'release id')
      return causality.read(caller.user.id.toHexString(), async (session) => {
        const release = requireOfApp(app, id, await lists.release_batches.findOne({ _id: id }, { session }))
        const rows = await lists.release_changesets.find({ release_id: id }, { session }).toArray()
        return { ...presentRelease(release), changesets: presentChangesets(release.ordered_changeset_ids, rows) }
      })
    },

    async current(app, given) {
      const id = typeof given === 'string' ? objectId(given, 'release id') : given
      return requireOfApp(app, id, await data.release_batches.findOne({ _id: id }))
    },

    async withNextTag(app, store) {
      const stored = await turns.run(app._id.toHexString(), async () => {
        for (let lost = 0; ; lost += 1) {
          const now = new Date()
          const prefix = tagPrefix(now)
          const tag = nextTag(prefix, await tagsOf(app, prefix))
          try {
            return await store(tag, now)
          } catch (error) {
            if (!tagTaken(error) || lost === MAX_NUMBERS_LOST) throw error
          }
        }
      })
      return stored as Awaited<ReturnType<typeof store>>
    },

    async audit(origin, actor, action, before, after, more = {}) {
      await services.audit.record(origin, {
        appId: after.app_id,
        actor,
        entityType: 'release',
        entityId: after._id.toHexString(),
        action,
        before: before && { state: before.state, ...more.before },
        after: { tag: after.tag, state: after.state, ...more.after },
        ...(after.published_sha !== null && { gitSha: after.published_sha }),
        ...(more.once !== undefined && { once: more.once }),
      })
    },
  }

  const parts = [createSelection(services), createAssembly(services), createPublication(services)]
  return Object.assign(service, ...parts) as ReleaseService
}

function requireOfApp(app: AppDocument, id: ObjectId, release: ReleaseDocument | null): ReleaseDocument {
  if (release === null || !release.app_id.equals(app._id)) throw notFound('release', id.toHexString())
  return release
}

function tagTaken(error: unknown): boolean {
  return isDuplicateKey(error) && error instanceof MongoServerError && 'tag' in (error.keyPattern ?? {})
}
