// States are reached only by the ways that lead to them. The ways are the union of what the real server does and what the
// specification says (data-and-runtime §2.3, §3.1, §3.3, §3.6; specified-only §3 to §6): a target may take either.

import type { StateChange } from '../workload/state-log.ts'
import { failed, type Judgement, passed, unverified } from './judgement.ts'

/** `null`: not there yet, or no longer. */
type Ways = Readonly<Record<string, readonly (string | null)[]>>

const BEGINS = 'begins'

export const WAYS: Readonly<Record<string, Ways>> = {
  changeset: {
    [BEGINS]: ['draft'],
    draft: ['submitted'],
    submitted: ['in_review', 'approved', 'changes_requested', 'rejected'],
    in_review: ['submitted', 'approved', 'changes_requested', 'rejected'],
    changes_requested: ['submitted', 'in_review', 'approved', 'rejected', 'draft'],
    // A collision of overrides is found when it is queued.
    approved: ['queued', 'conflicted', 'draft'],
    queued: ['released', 'conflicted', 'needs_revalidation'],
    conflicted: ['draft'],
    needs_revalidation: ['draft'],
    rejected: ['draft'],
    released: [],
  },
  release: {
    [BEGINS]: ['draft_release', 'published'],
    draft_release: ['assembling'],
    assembling: ['validated', 'draft_release', 'published'],
    validated: ['published', 'draft_release'],
    published: ['deployed_partial', 'deployed_full', 'rolled_back'],
    deployed_partial: ['deployed_full', 'rolled_back'],
    deployed_full: ['rolled_back'],
    rolled_back: [],
  },
  deployment: {
    [BEGINS]: ['pending'],
    pending: ['running', 'failed', 'canceled', 'succeeded'],
    // A worker that is tried again begins anew.
    running: ['succeeded', 'failed', 'canceled', 'pending'],
    succeeded: [],
    failed: [],
    canceled: [],
  },
  job: {
    [BEGINS]: ['queued'],
    queued: ['running', 'canceled'],
    running: ['succeeded', 'failed', 'canceled', 'queued'],
    succeeded: [],
    failed: [],
    canceled: [],
  },
  'temp-env': {
    [BEGINS]: ['provisioning'],
    provisioning: ['active', 'deleted', 'expiring'],
    active: ['expiring', 'deleted'],
    expiring: ['active', 'expired', 'deleted', null],
    expired: ['deleted', null],
    deleted: [null],
  },
}

export function legalTransitions(states: readonly StateChange[] | null, because: string | null): Judgement {
  const claim = 'states are reached only by legal transitions'
  if (states === null)
    return unverified(claim, `the changes of states could not be read: ${because ?? 'no reason is known'}`)
  const judged = states.filter(({ kind }) => WAYS[kind] !== undefined)
  const wrong = judged.filter(({ kind, from, to }) => !(WAYS[kind]![from ?? BEGINS] ?? []).includes(to))
  if (wrong.length > 0) {
    const { kind, id, from, to, at_ms } = wrong[0]!
    return failed(
      claim,
      `${wrong.length} of ${judged.length} changes of a state are not legal, first ${kind} ${id} from ${from ?? 'nothing'} to ${to ?? 'nothing'} at ${(at_ms / 1_000).toFixed(1)} s`,
      [],
      judged.length,
    )
  }
  return judged.length === 0
    ? unverified(claim, 'no state changed', 0)
    : passed(claim, `${judged.length} of ${judged.length} changes`, judged.length)
}
