/**
 * The queue of an app: approved changesets in the order in which releases shall take them.
 *
 * Whatever changes the order passes through one document of the app in a transaction, so that two changes at the same moment
 * come one after the other, on however many servers.
 */
import { isDeepStrictEqual } from 'node:util'
import { type ClientSession, ObjectId } from 'mongodb'
import { repositoryOf } from '../apps/service.ts'
import { invalidTransition, OUT_OF_QUEUE } from '../changesets/machine.ts'
import { changesetPath } from '../changesets/present.ts'
import type { Caller } from '../http/context.ts'
import { conflict, validation } from '../http/errors.ts'
import { objectId } from '../http/identifiers.ts'
import { type Page, type Paginated, paginated } from '../http/pagination.ts'
import { createKeyedLock } from '../keyed-lock.ts'
import { describeError } from '../logging.ts'
import { MANAGERS } from '../mail/notifications.ts'
import { CHANGED } from '../mongo/concurrency.ts'
import type { AppDocument, ChangesetDocument, ProfileOverrideDocument } from '../mongo/documents.ts'
import { createLister } from '../mongo/listing.ts'
import { revalidationJob } from '../releases/revalidation-jobs.ts'
import type { Services } from '../services.ts'

export interface QueueService {
  /** The queued ones, in their order. */
  list(caller: Caller, app: AppDocument, page: Page): Promise<Paginated<unknown>>
  /** The queued ones in their order, from the primary. */
  current(app: Pick<AppDocument, '_id'>, session?: ClientSession): Promise<ChangesetDocument[]>
  /** Queues an approved changeset; one whose overrides collide with a queued one becomes conflicted instead. */
  enter(caller: Caller, app: AppDocument, changesetId: string): Promise<ChangesetDocument>
  /** The new order, which names each queued one once. Answers how many there are. */
  reorder(caller: Caller, app: AppDocument, order: readonly string[]): Promise<number>
  /** The one among these whose overrides say something else for the same key and target. */
  collision(
    changeset: ChangesetDocument,
    others: readonly ChangesetDocument[],
    session?: ClientSession,
  ): Promise<ChangesetDocument | undefined>
}

const REORDER_STEP = 1_000

export function createQueueService(services: Services): QueueService {
  const { data, lists, causality } = services.store
  const listed = createLister(services.store, 'changesets', { queue_position: 1, queued_at: 1, _id: 1 })
  // Within a process those who want to change a queue wait here instead of failing one another's transactions.
  const turns = createKeyedLock<unknown>()

  async function changing<T>(
    caller: Caller,
    app: AppDocument,
    work: (session: ClientSession) => Promise<T>,
  ): Promise<T> {
    const outcome = await turns.run(app._id.toHexString(), () =>
      causality.transaction(caller.user.id.toHexString(), async (session) => {
        await data.apps.updateOne({ _id: app._id }, { $inc: { queue_version: 1 } }, { session })
        return work(session)
      }),
    )
    return outcome as T
  }

  /** Answers where the integration branch was found, of which the changeset has everything. */
  async function requireReady(caller: Caller, app: AppDocument, changeset: ChangesetDocument): Promise<string> {
    if (changeset.state !== 'approved')
      throw conflict(`only an approved changeset can be queued; it is ${changeset.state}`)
    const job = await services.changesets.submitJob(changeset)
    if (job?.state !== 'succeeded') {
      throw conflict(`changeset submit gate not satisfied; latest msuite_submit job is ${job?.state ?? 'missing'}`)
    }
    const repository = repositoryOf(app)
    const integration = await services.git.branchTip(repository, app.integration_branch, caller)
    if (integration === undefined) throw conflict('the integration branch does not exist')
    const head = changeset.submitted_head_sha ?? changeset.head_sha
    if (!(await services.git.isAncestor(repository, integration, head, caller))) {
      throw conflict(
        'the changeset is behind the integration branch: sync the workspace, move to draft and submit again',
      )
    }
    return integration
  }

  /** What has moved the integration branch meanwhile may have looked at the queue before the changeset was in it. */
  async function catchUp(caller: Caller, app: AppDocument, changeset: ChangesetDocument, seen: string): Promise<void> {
    try {
      const now = await services.git.branchTip(repositoryOf(app), app.integration_branch, caller)
      if (now === seen) return
      const payload = { trigger: 'integration_moved', integration_sha: seen }
      await services.jobs.enqueueMissing([revalidationJob(changeset, payload, caller.user.id)])
    } catch (error) {
      // It is in the queue all the same, and is merged anew in each release.
      services.logger.warn({ changeset_id: changeset._id, ...describeError(error) }, 'revalidation not asked for')
    }
  }

  return {
    async list(caller, app, page) {
      const { total, found } = await listed(caller.user.id, { app_id: app._id, state: 'queued' }, page)
      return causality.read(caller.user.id.toHexString(), async (session) => {
        const authors = await named(
          found.map(({ author_user_id }) => author_user_id),
          (ids) => lists.users.find({ _id: { $in: ids } }, { session, projection: { email: 1 } }).toArray(),
        )
        const workspaces = await named(
          found.map(({ workspace_id }) => workspace_id),
          (ids) => lists.workspaces.find({ _id: { $in: ids } }, { session, projection: { branch_name: 1 } }).toArray(),
        )
        const rows = found.map((changeset) => ({
          changeset_id: changeset._id,
          title: changeset.title,
          author_user_id: changeset.author_user_id,
          author_email: authors.get(changeset.author_user_id.toHexString())?.email ?? null,
          workspace_branch: workspaces.get(changeset.workspace_id.toHexString())?.branch_name ?? null,
          head_sha: changeset.submitted_head_sha ?? changeset.head_sha,
          queue_position: changeset.queue_position,
          queued_at: changeset.queued_at,
          last_revalidation_status: changeset.last_revalidation_status ?? null,
          last_revalidation_job_id: changeset.last_revalidation_job_id ?? null,
        }))
        return paginated(page, total, rows)
      })
    },

    async current(app, session) {
      return data.changesets
        .find({ app_id: app._id, state: 'queued' }, session && { session })
        .sort({ queue_position: 1, queued_at: 1, _id: 1 })
        .toArray()
    },

    async enter(caller, app, changesetId) {
      const before = await services.changesets.current(app, changesetId)
      const integration = await requireReady(caller, app, before)
      const { after, against } = await changing(caller, app, async (session) => {
        const queued = await this.current(app, session)
        const against = await this.collision(before, queued, session)
        const last = queued.reduce((highest, { queue_position }) => Math.max(highest, queue_position ?? 0), 0)
        const now = new Date()
        const set =
          against === undefined
            ? { state: 'queued' as const, queue_position: last + 1, queued_at: now, updated_at: now }
            : { state: 'conflicted' as const, approvals: [], ...OUT_OF_QUEUE, updated_at: now }
        const after = await services.changesets
          .change(before, 'queue', { $set: set }, session)
          .catch((error: unknown) => {
            throw isTransition(error) ? conflict('the changeset is not approved any more') : error
          })
        return { after, against }
      })
      const action = against === undefined ? 'queued' : 'conflicted'
      await Promise.all([
        against === undefined && catchUp(caller, app, after, integration),
        services.changesets.audit(caller, caller.user, action, before, after, {
          after: against === undefined ? { queue_position: after.queue_position } : { conflict_with: against._id },
        }),
        services.notifications.tell({
          app,
          event: against === undefined ? 'changeset_queued' : 'changeset_conflicted',
          title: after.title,
          link: changesetPath(after),
          actor: caller.user,
          to:
            against === undefined
              ? { users: [after.author_user_id], roles: MANAGERS }
              : { users: [after.author_user_id] },
          occasion: `${after._id.toHexString()} ${after.version}`,
        }),
      ])
      return after
    },

    async reorder(caller, app, order) {
      const wanted = order.map((id) => objectId(id, 'ordered_changeset_ids').toHexString())
      const seen = await this.current(app)
      requirePermutation(wanted, seen)
      const [before, after] = await changing(caller, app, async (session) => {
        const queued = await this.current(app, session)
        const unchangedOrder = queued.length === seen.length && queued.every(({ _id }, at) => seen[at]?._id.equals(_id))
        if (!unchangedOrder) throw conflict('the queue has just changed')
        const moves = wanted.map((id, index) => ({
          updateOne: {
            filter: { _id: new ObjectId(id), state: 'queued' as const },
            update: { $set: { queue_position: index * REORDER_STEP, updated_at: new Date() }, $inc: CHANGED },
          },
        }))
        if (moves.length > 0) await data.changesets.bulkWrite(moves, { session })
        return [positions(queued), Object.fromEntries(wanted.map((id, index) => [id, index * REORDER_STEP]))]
      })
      await services.audit.record(caller, {
        appId: app._id,
        actor: caller.user,
        entityType: 'queue',
        entityId: app._id.toHexString(),
        action: 'queue_reordered',
        before,
        after,
      })
      return wanted.length
    },

    async collision(changeset, others, session) {
      const own = await services.overrides.current(changeset, session)
      if (own.length === 0 || others.length === 0) return undefined
      const theirs = await data.changeset_profile_overrides
        .find(
          { changeset_id: { $in: others.map(({ _id }) => _id) }, key: { $in: own.map(({ key }) => key) } },
          session && { session },
        )
        .toArray()
      const against = theirs.find((row) => own.some((mine) => samePlace(mine, row) && !sameValue(mine, row)))
      return against && others.find(({ _id }) => _id.equals(against.changeset_id))
    },
  }
}

function isTransition(error: unknown): boolean {
  return (error as { code?: unknown }).code === invalidTransition('', '').code
}

function requirePermutation(wanted: readonly string[], queued: readonly ChangesetDocument[]): void {
  const present = new Set(queued.map(({ _id }) => _id.toHexString()))
  const complete = wanted.length === present.size && new Set(wanted).size === wanted.length
  if (!complete || wanted.some((id) => !present.has(id))) {
    throw validation('ordered_changeset_ids must name each queued changeset exactly once')
  }
}

function positions(queued: readonly ChangesetDocument[]): Record<string, number | null> {
  return Object.fromEntries(queued.map(({ _id, queue_position }) => [_id.toHexString(), queue_position]))
}

function samePlace(a: ProfileOverrideDocument, b: ProfileOverrideDocument): boolean {
  return a.key === b.key && (a.target_profile_id?.toHexString() ?? '') === (b.target_profile_id?.toHexString() ?? '')
}

function sameValue(a: ProfileOverrideDocument, b: ProfileOverrideDocument): boolean {
  return isDeepStrictEqual(a.value, b.value)
}

/** What was found for a list of ids, by id. */
async function named<T extends { _id: ObjectId }>(ids: ObjectId[], find: (ids: ObjectId[]) => Promise<T[]>) {
  const found = ids.length === 0 ? [] : await find(ids)
  return new Map(found.map((document) => [document._id.toHexString(), document]))
}
