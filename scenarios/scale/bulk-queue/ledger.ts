// The queue after the load held against the queue before it and what was acknowledged: pure.

import type { BulkEvidence } from './evidence.ts'
import { rotated } from './settings.ts'

/** Two clock readings of one process, a millisecond each, and the way between them. */
const CLOCK_MS = 10

export function lost({ before, after }: BulkEvidence): string[] {
  const there = new Set(after)
  return before.filter((id) => !there.has(id))
}

export function added({ before, after }: BulkEvidence): string[] {
  const there = new Set(before)
  return [...new Set(after)].filter((id) => !there.has(id))
}

export function doubled({ after }: BulkEvidence): string[] {
  return [...new Set(after.filter((id, index) => after.indexOf(id) !== index))]
}

type Operation = BulkEvidence['operations'][number]

const isAcknowledged = ({ status }: Operation) => status >= 200 && status <= 299
/** Without an answer, or with a 5xx, it may have been done all the same, whenever. */
const isUnknown = ({ status }: Operation) => status === 0 || status >= 500
const endOf = ({ started_ms, duration_ms }: Operation) => started_ms + duration_ms

/** The orders that may stand in the end: each that was acknowledged and not overtaken, and each of which nobody knows the end. */
export function possibleRotations({ operations }: Pick<BulkEvidence, 'operations'>): Set<number> {
  const acknowledged = operations.filter(isAcknowledged)
  const lastBegin_ms = Math.max(...acknowledged.map(({ started_ms }) => started_ms))
  const standing = acknowledged.filter((one) => endOf(one) + CLOCK_MS >= lastBegin_ms)
  return new Set([...standing, ...operations.filter(isUnknown)].map(({ rotation }) => rotation))
}

/** Operations that were told to be overtaken while nobody else changed the queue. */
export function refusedAlone({ operations }: Pick<BulkEvidence, 'operations'>): Operation[] {
  const changing = operations.filter((one) => isAcknowledged(one) || isUnknown(one))
  const meets = (refused: Operation, other: Operation) =>
    other.started_ms <= endOf(refused) + CLOCK_MS && (isUnknown(other) || endOf(other) + CLOCK_MS >= refused.started_ms)
  return operations.filter((one) => one.status === 409 && !changing.some((other) => meets(one, other)))
}

/** Does the queue stand in one of the orders that may be? */
export function standsInOrder(evidence: Pick<BulkEvidence, 'before' | 'after' | 'operations'>): boolean {
  const { before, after } = evidence
  const [first] = after
  if (first === undefined || after.length !== before.length) return false
  const by = before.indexOf(first)
  return possibleRotations(evidence).has(by) && rotated(before, by).every((id, index) => after[index] === id)
}
