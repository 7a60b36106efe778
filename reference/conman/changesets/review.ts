/** Reviewing a changeset: approving it, asking for changes, or rejecting it for good. */
import { type ClientSession, ObjectId } from 'mongodb'
import type { Caller } from '../http/context.ts'
import { conflict, forbidden, validation } from '../http/errors.ts'
import type { AppDocument, ChangesetDocument, ChangesetReviewDocument, ChangesetState } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import { requireAllowed } from './machine.ts'
import { changesetPath } from './present.ts'

export const REVIEW_ACTIONS = ['approve', 'request_changes', 'reject'] as const
export type ReviewAction = (typeof REVIEW_ACTIONS)[number]

export interface Review {
  review(
    caller: Caller,
    app: AppDocument,
    id: string,
    action: ReviewAction,
    comment: string | null,
  ): Promise<ChangesetDocument>
}

const MAX_COMMENT_LENGTH = 10_000

const DECISIONS = {
  approve: { decision: 'approved', event: 'changeset_approved' },
  request_changes: { decision: 'changes_requested', event: 'changes_requested' },
  reject: { decision: 'rejected', event: 'changeset_rejected' },
} as const satisfies Record<ReviewAction, { decision: ChangesetReviewDocument['decision']; event: string }>

export function createReview(services: Services): Review {
  const { data, causality } = services.store

  /** What a review makes of a changeset. */
  function outcome(caller: Caller, before: ChangesetDocument, action: ReviewAction): Partial<ChangesetDocument> {
    if (action === 'reject') return { state: 'rejected', approvals: [], open: false }
    if (action === 'request_changes') return { state: 'changes_requested', approvals: [] }
    const approval = {
      user_id: caller.user.id.toHexString(),
      role: caller.role ?? 'reviewer',
      approved_at: new Date().toISOString(),
    }
    const approvals = [...before.approvals.filter(({ user_id }) => user_id !== approval.user_id), approval]
    const enough = approvals.length >= (before.required_approval_count ?? 1)
    const state: ChangesetState = enough ? 'approved' : 'in_review'
    return { state, approvals }
  }

  async function store(
    caller: Caller,
    before: ChangesetDocument,
    action: ReviewAction,
    comment: string | null,
    session: ClientSession,
  ): Promise<ChangesetDocument> {
    const now = new Date()
    const set = { ...outcome(caller, before, action), updated_at: now }
    const after = await services.changesets.change(before, action, { $set: set }, session)
    const row: ChangesetReviewDocument = {
      _id: new ObjectId(),
      app_id: before.app_id,
      changeset_id: before._id,
      revision: before.revision,
      reviewer_user_id: caller.user.id,
      decision: DECISIONS[action].decision,
      comment,
      created_at: now,
    }
    await data.changeset_reviews.insertOne(row, { session })
    return after
  }

  return {
    async review(caller, app, id, action, comment) {
      const { changesets, notifications } = services
      const before = await changesets.current(app, id)
      if (before.author_user_id.equals(caller.user.id)) throw forbidden('an own changeset is reviewed by others')
      if (comment !== null && comment.length > MAX_COMMENT_LENGTH) {
        throw validation(`comment must be at most ${MAX_COMMENT_LENGTH} characters long`)
      }
      requireAllowed(before.state, action)
      // Only approving is gated: a changeset whose suite fails can still be sent back.
      if (action === 'approve') {
        const job = await changesets.submitJob(before)
        if (job?.state !== 'succeeded') {
          throw conflict(`changeset submit gate not satisfied; latest msuite_submit job is ${job?.state ?? 'missing'}`)
        }
      }
      const after = await causality.transaction(caller.user.id.toHexString(), (session) =>
        store(caller, before, action, comment, session),
      )
      const { decision, event } = DECISIONS[action]
      await Promise.all([
        changesets.audit(caller, caller.user, decision, before, after, {
          after: { approval_count: after.approvals.length },
        }),
        notifications.tell({
          app,
          event,
          title: after.title,
          link: changesetPath(after),
          actor: caller.user,
          to: { users: [after.author_user_id] },
          occasion: `${after._id.toHexString()} ${after.revision} ${caller.user.id.toHexString()} ${after.version}`,
        }),
      ])
      return after
    },
  }
}
