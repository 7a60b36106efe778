/** Changesets: a proposal to take a workspace's edits into the integration branch. One is open on a workspace at a time. */
import { type ClientSession, type Filter, ObjectId, type UpdateFilter } from 'mongodb'
import { requireTitle } from '../apps/limits.ts'
import type { AuditEvent } from '../audit/log.ts'
import type { Caller, Origin, User } from '../http/context.ts'
import { conflict, forbidden, notFound, validation } from '../http/errors.ts'
import { objectId } from '../http/identifiers.ts'
import { type Page, type Paginated, paginated } from '../http/pagination.ts'
import { CHANGED, unchanged } from '../mongo/concurrency.ts'
import type { AppDocument, ChangesetDocument, ChangesetState, RevalidationStatus } from '../mongo/documents.ts'
import { createLister } from '../mongo/listing.ts'
import { isDuplicateKey } from '../mongo/store.ts'
import { atLeast } from '../roles.ts'
import type { Services } from '../services.ts'
import { invalidTransition, OUT_OF_QUEUE, requireAllowed } from './machine.ts'
import { changesetPath, presentChangeset } from './present.ts'
import { createReview, type Review } from './review.ts'
import { createSubmission, type Submission } from './submission.ts'

export interface NewChangeset {
  workspaceId: string
  title: string
  description: string | null
  /** Goes into the audit row: what it was made for, where it was not made by hand. */
  occasion?: Record<string, unknown>
}

/** Why a queued changeset has to leave the queue. */
export interface Removal {
  state: 'conflicted' | 'needs_revalidation'
  status: Exclude<RevalidationStatus, 'valid'>
  files: string[]
  jobId: ObjectId
  /** Goes into the audit row. */
  reason: Record<string, unknown>
  /** What must hold besides, and what is stored besides. */
  onlyIf?: Filter<ChangesetDocument>
  also?: Partial<ChangesetDocument>
}

export interface ChangesetService extends Review, Submission {
  list(caller: Caller, app: AppDocument, states: ChangesetState[] | undefined, page: Page): Promise<Paginated<unknown>>
  create(caller: Caller, app: AppDocument, input: NewChangeset): Promise<ChangesetDocument>
  /** With its overrides. */
  get(caller: Caller, app: AppDocument, id: string): Promise<unknown>
  update(caller: Caller, app: AppDocument, id: string, changes: ChangesetChanges): Promise<ChangesetDocument>
  moveToDraft(caller: Caller, app: AppDocument, id: string): Promise<ChangesetDocument>
  /** As it is now, from the primary: for whoever decides on it. */
  current(app: AppDocument, id: string | ObjectId, session?: ClientSession): Promise<ChangesetDocument>
  /** As lists show it: possibly a moment old, but never older than the caller's own last write. */
  seen(caller: Caller, app: AppDocument, id: string): Promise<ChangesetDocument>
  /** Stores a change if the changeset is still as it was read, else answers 409. */
  change(
    before: ChangesetDocument,
    action: string,
    update: UpdateFilter<ChangesetDocument>,
    session: ClientSession,
  ): Promise<ChangesetDocument>
  /** Takes a queued changeset out of the queue, once and without a word: `tellRemoval` follows. */
  leaveQueue(changeset: ChangesetDocument, removal: Removal, session?: ClientSession): Promise<ChangesetDocument | null>
  /** Tells that a job has taken a changeset out of the queue, if it has; each telling is kept once. */
  tellRemoval(origin: Origin, app: AppDocument, id: ObjectId, removal: Removal): Promise<void>
  audit(
    origin: Origin,
    actor: User | null,
    action: string,
    before: ChangesetDocument | null,
    after: ChangesetDocument,
    more?: Pick<AuditEvent, 'once'> & { after?: Record<string, unknown> },
  ): Promise<void>
}

export interface ChangesetChanges {
  title?: string
  description?: string
}

const MAX_DESCRIPTION_LENGTH = 10_000

export function createChangesetService(services: Services): ChangesetService {
  const { data, lists, causality } = services.store
  const listed = createLister(services.store, 'changesets', { updated_at: -1, _id: -1 })

  function requireOfApp(
    app: AppDocument,
    id: ObjectId,
    changeset: ChangesetDocument | null | undefined,
  ): ChangesetDocument {
    if (changeset == null || !changeset.app_id.equals(app._id)) throw notFound('changeset', id.toHexString())
    return changeset
  }

  const service: Omit<ChangesetService, keyof Review | keyof Submission> = {
    async list(caller, app, states, page) {
      const query: Filter<ChangesetDocument> = {
        app_id: app._id,
        ...(states !== undefined && { state: states.length === 1 ? (states[0] as ChangesetState) : { $in: states } }),
      }
      const { total, found } = await listed(caller.user.id, query, page)
      return paginated(page, total, found.map(presentChangeset))
    },

    async create(caller, app, { workspaceId, title, description, occasion }) {
      const workspace = await services.workspaces.owned(caller, app, workspaceId)
      requireText(title, description)
      const now = new Date()
      const changeset: ChangesetDocument = {
        _id: new ObjectId(),
        app_id: app._id,
        workspace_id: workspace._id,
        title: title.trim(),
        description,
        state: 'draft',
        author_user_id: caller.user.id,
        base_sha: await services.workspaces.baseOf(caller, app, workspace),
        head_sha: workspace.head_sha,
        submitted_head_sha: null,
        revision: 0,
        approvals: [],
        required_approval_count: 1,
        ...OUT_OF_QUEUE,
        last_revalidation_status: null,
        last_revalidation_files: [],
        last_revalidation_job_id: null,
        open: true,
        created_at: now,
        updated_at: now,
      }
      try {
        await causality.write(caller.user.id.toHexString(), (session) =>
          data.changesets.insertOne(changeset, { session }),
        )
      } catch (error) {
        throw isDuplicateKey(error) ? conflict('the workspace has an open changeset already') : error
      }
      await this.audit(caller, caller.user, 'created', null, changeset, {
        after: { title: changeset.title, ...occasion },
      })
      return changeset
    },

    async get(caller, app, id) {
      const changeset = await this.seen(caller, app, id)
      const overrides = await services.overrides.list(caller, changeset)
      return { changeset: presentChangeset(changeset), profile_overrides: overrides }
    },

    async update(caller, app, id, { title, description }) {
      const before = await this.current(app, id)
      if (!before.author_user_id.equals(caller.user.id) && !atLeast(caller.role, 'config_manager')) {
        throw forbidden('only the author or a config_manager may change a changeset')
      }
      requireText(title ?? before.title, description ?? before.description)
      requireAllowed(before.state, 'edit')
      const set = {
        ...(title !== undefined && { title: title.trim() }),
        ...(description !== undefined && { description }),
        updated_at: new Date(),
      }
      const after = await causality.write(caller.user.id.toHexString(), (session) =>
        this.change(before, 'edit', { $set: set }, session),
      )
      await services.audit.record(caller, {
        appId: app._id,
        actor: caller.user,
        entityType: 'changeset',
        entityId: before._id.toHexString(),
        action: 'updated',
        before: { title: before.title, description: before.description },
        after: { title: after.title, description: after.description },
        gitSha: after.head_sha,
      })
      return after
    },

    async moveToDraft(caller, app, id) {
      const before = await this.current(app, id)
      if (!before.author_user_id.equals(caller.user.id) && !atLeast(caller.role, 'config_manager')) {
        throw forbidden('only the author or a config_manager may move a changeset to draft')
      }
      requireAllowed(before.state, 'move_to_draft')
      const set = {
        state: 'draft' as const,
        approvals: [],
        ...OUT_OF_QUEUE,
        last_revalidation_status: null,
        last_revalidation_files: [],
        last_revalidation_job_id: null,
        updated_at: new Date(),
      }
      const after = await causality.write(caller.user.id.toHexString(), (session) =>
        this.change(before, 'move_to_draft', { $set: set }, session),
      )
      await this.audit(caller, caller.user, 'moved_to_draft', before, after)
      return after
    },

    async current(app, given, session) {
      const id = typeof given === 'string' ? objectId(given, 'changeset id') : given
      return requireOfApp(app, id, await data.changesets.findOne({ _id: id }, session && { session }))
    },

    async seen(caller, app, given) {
      const id = objectId(given, 'changeset id')
      const changeset = await causality.read(caller.user.id.toHexString(), (session) =>
        lists.changesets.findOne({ _id: id }, { session }),
      )
      return requireOfApp(app, id, changeset)
    },

    async change(before, action, update, session) {
      const after = await data.changesets.findOneAndUpdate(
        { ...unchanged(before), state: before.state },
        { ...update, $inc: CHANGED },
        { session, returnDocument: 'after' },
      )
      if (after !== null) return after
      const now = await data.changesets.findOne({ _id: before._id }, { session, projection: { state: 1 } })
      if (now !== null && now.state !== before.state) throw invalidTransition(now.state, action)
      throw conflict('the changeset has just been changed by somebody else')
    },

    async leaveQueue(changeset, { state, status, files, jobId, onlyIf, also }, session) {
      const set = {
        ...also,
        state,
        approvals: [],
        ...OUT_OF_QUEUE,
        last_revalidation_status: status,
        last_revalidation_files: files,
        last_revalidation_job_id: jobId,
        updated_at: new Date(),
      }
      return data.changesets.findOneAndUpdate(
        { ...onlyIf, _id: changeset._id, app_id: changeset.app_id, state: 'queued' },
        { $set: set, $inc: CHANGED },
        { ...(session !== undefined && { session }), returnDocument: 'after' },
      )
    },

    async tellRemoval(origin, app, id, { state, files, jobId, reason }) {
      const after = await data.changesets.findOne({ _id: id, state, last_revalidation_job_id: jobId })
      if (after === null) return
      const once = `${state} ${id.toHexString()} ${jobId.toHexString()}`
      await Promise.all([
        this.audit(origin, null, state, { ...after, state: 'queued' }, after, { once, after: { files, ...reason } }),
        services.notifications.tell({
          app,
          event: state === 'conflicted' ? 'changeset_conflicted' : 'changeset_needs_revalidation',
          title: after.title,
          link: changesetPath(after),
          actor: null,
          to: { users: [after.author_user_id] },
          occasion: once,
        }),
      ])
    },

    async audit(origin, actor, action, before, after, more = {}) {
      await services.audit.record(origin, {
        appId: after.app_id,
        actor,
        entityType: 'changeset',
        entityId: after._id.toHexString(),
        action,
        before: before && { state: before.state, revision: before.revision },
        after: { state: after.state, revision: after.revision, ...more.after },
        gitSha: after.submitted_head_sha ?? after.head_sha,
        ...(more.once !== undefined && { once: more.once }),
      })
    },
  }

  return Object.assign(service, createSubmission(services), createReview(services)) as ChangesetService
}

function requireText(title: string, description: string | null): void {
  if (title.trim() === '') throw validation('title must not be blank')
  requireTitle(title)
  if (description !== null && description.length > MAX_DESCRIPTION_LENGTH) {
    throw validation(`description must be at most ${MAX_DESCRIPTION_LENGTH} characters long`)
  }
}
