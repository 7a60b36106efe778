/** What may happen to a changeset, from which states (E05, E07; contract: specified-only §3). */
import { ApiError } from '../http/errors.ts'
import type { ChangesetState } from '../mongo/documents.ts'

const UNDER_REVIEW = ['submitted', 'in_review', 'changes_requested'] as const

export const ACTIONS = {
  edit: ['draft'],
  submit: ['draft'],
  resubmit: UNDER_REVIEW,
  approve: UNDER_REVIEW,
  request_changes: UNDER_REVIEW,
  reject: UNDER_REVIEW,
  queue: ['approved'],
  // From approved too: one that integration has overtaken could neither be queued nor submitted again.
  move_to_draft: ['conflicted', 'needs_revalidation', 'changes_requested', 'approved'],
} as const satisfies Record<string, readonly ChangesetState[]>

export type Action = keyof typeof ACTIONS

/** Ended for good; the workspace is free for another changeset. */
export const CLOSED: readonly ChangesetState[] = ['released', 'rejected']

/** What a changeset has no more once it is out of the queue, whichever way it left. */
export const OUT_OF_QUEUE = { queue_position: null, queued_at: null } as const

export function allows(state: ChangesetState, action: Action): boolean {
  return (ACTIONS[action] as readonly ChangesetState[]).includes(state)
}

export function requireAllowed(state: ChangesetState, action: Action): void {
  if (!allows(state, action)) throw invalidTransition(state, action)
}

export function invalidTransition(state: string, action: string): ApiError {
  return new ApiError('invalid_transition', `invalid state transition: ${camelCase(state)} -> ${camelCase(action)}`)
}

/** `InReview` for `in_review`. */
function camelCase(name: string): string {
  return name
    .split('_')
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('')
}
