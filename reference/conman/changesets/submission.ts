/** Handing a changeset in for review: its head is frozen, its suite is started, the reviewers are told. */
import { ObjectId } from 'mongodb'
import type { Caller } from '../http/context.ts'
import { forbidden, validation } from '../http/errors.ts'
import { objectId } from '../http/identifiers.ts'
import { presentJob } from '../jobs/present.ts'
import { REVIEWERS } from '../mail/notifications.ts'
import type { AppDocument, ChangesetDocument, JobDocument } from '../mongo/documents.ts'
import { type GivenOverride, sameOverrides } from '../overrides/service.ts'
import { atLeast } from '../roles.ts'
import type { Services } from '../services.ts'
import { workspaceSides } from './content.ts'
import { OUT_OF_QUEUE, requireAllowed } from './machine.ts'
import { changesetPath, presentChangeset } from './present.ts'

export interface SubmissionInput {
  /** The whole new set; undefined keeps the present one. */
  overrides: readonly GivenOverride[] | undefined
  /** Who shall review; undefined asks those again who have reviewed before. */
  reviewers: readonly string[] | undefined
}

export interface Submission {
  submit(caller: Caller, app: AppDocument, id: string, input: SubmissionInput): Promise<unknown>
  resubmit(caller: Caller, app: AppDocument, id: string, input: SubmissionInput): Promise<unknown>
  /** The suite's job of the changeset's present revision, if there is one. */
  submitJob(changeset: ChangesetDocument): Promise<JobDocument | null>
}

export function createSubmission(services: Services): Submission {
  const { data, causality } = services.store

  async function handIn(
    action: 'submit' | 'resubmit',
    caller: Caller,
    app: AppDocument,
    id: string,
    input: SubmissionInput,
  ): Promise<unknown> {
    const { changesets, overrides, jobs } = services
    const before = await changesets.current(app, id)
    if (!before.author_user_id.equals(caller.user.id)) throw forbidden('only the author may submit a changeset')
    const rows = input.overrides && (await overrides.check(app, input.overrides))
    const reviewers = input.reviewers && (await checkReviewers(app, input.reviewers))
    requireAllowed(before.state, action)

    const { head, base } = await workspaceSides(services, caller, app, before)
    // Whoever changes the overrides changes the changeset's version with them, so they can be read beforehand.
    const present = await overrides.current(before)
    const change = {
      none: head === base && (rows ?? present).length === 0,
      same: head === before.submitted_head_sha && (rows === undefined || sameOverrides(rows, present)),
    }
    await requireNews(action, before, change)

    const now = new Date()
    const revision = before.revision + 1
    const { after, job, included } = await causality.transaction(caller.user.id.toHexString(), async (session) => {
      const set = {
        state: 'submitted' as const,
        head_sha: head,
        base_sha: base,
        submitted_head_sha: head,
        revision,
        approvals: [],
        ...OUT_OF_QUEUE,
        updated_at: now,
      }
      const after = await changesets.change(before, action, { $set: set }, session)
      const included = rows === undefined ? present : await overrides.store(after, rows, session)
      const frozen = included.map(({ key, value, target_profile_id }) => ({ key, value, target_profile_id }))
      const row = {
        _id: new ObjectId(),
        changeset_id: after._id,
        revision,
        head_sha: head,
        base_sha: base,
        profile_overrides: frozen,
        created_by: caller.user.id,
        created_at: now,
      }
      await data.changeset_revisions.insertOne(row, { session })
      const payload = { gate: action, app_id: app._id.toHexString(), changeset_id: after._id.toHexString(), revision }
      const suite = { appId: app._id, type: 'msuite_submit' as const, entityId: after._id.toHexString(), payload }
      const job = await jobs.enqueue({ ...suite, createdBy: caller.user.id }, session)
      return { after, job, included }
    })
    jobs.counted(job)
    await Promise.all([
      changesets.audit(caller, caller.user, action === 'submit' ? 'submitted' : 'resubmitted', before, after),
      tell(caller, app, after, action, reviewers),
    ])
    return {
      changeset: presentChangeset(after),
      job: presentJob(job),
      included_profile_overrides: overrides.present(included),
    }
  }

  async function requireNews(
    action: 'submit' | 'resubmit',
    before: ChangesetDocument,
    change: { none: boolean; same: boolean },
  ): Promise<void> {
    if (change.none) throw validation('the workspace has no change, and there are no overrides')
    if (action === 'submit' || !change.same) return
    // The same again makes sense only where the suite said no, which may have had a passing reason.
    const job = await submitJob(before)
    if (job?.state !== 'failed' && job?.state !== 'canceled')
      throw validation('nothing has changed since the last submission')
  }

  async function checkReviewers(app: AppDocument, given: readonly string[]): Promise<ObjectId[]> {
    const ids = given.map((id) => objectId(id, 'reviewer_user_ids'))
    const members = await data.app_memberships.find({ app_id: app._id, user_id: { $in: ids } }).toArray()
    const able = new Set(
      members.filter(({ role }) => atLeast(role, 'reviewer')).map((one) => one.user_id.toHexString()),
    )
    if (ids.some((id) => !able.has(id.toHexString()))) {
      throw validation('reviewer_user_ids must be members with the role reviewer or higher')
    }
    return ids
  }

  async function tell(
    caller: Caller,
    app: AppDocument,
    changeset: ChangesetDocument,
    action: 'submit' | 'resubmit',
    reviewers: readonly ObjectId[] | undefined,
  ): Promise<void> {
    const occasion = `${changeset._id.toHexString()} ${changeset.revision}`
    const about = { app, title: changeset.title, link: changesetPath(changeset), actor: caller.user, occasion }
    if (action === 'submit') {
      await services.notifications.tell({ ...about, event: 'changeset_submitted', to: { roles: REVIEWERS } })
    }
    const asked = reviewers ?? (action === 'resubmit' ? await earlierReviewers(changeset) : [])
    if (asked.length > 0) {
      await services.notifications.tell({ ...about, event: 'review_requested', to: { users: asked } })
    }
  }

  async function earlierReviewers(changeset: ChangesetDocument): Promise<ObjectId[]> {
    return data.changeset_reviews.distinct('reviewer_user_id', { changeset_id: changeset._id })
  }

  async function submitJob(changeset: ChangesetDocument): Promise<JobDocument | null> {
    const { _id, app_id, revision } = changeset
    return services.jobs.newest(app_id, 'msuite_submit', _id.toHexString(), { revision })
  }

  return {
    submit: (caller, app, id, input) => handIn('submit', caller, app, id, input),
    resubmit: (caller, app, id, input) => handIn('resubmit', caller, app, id, input),
    submitJob,
  }
}
