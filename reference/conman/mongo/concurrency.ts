/**
 * Optimistic concurrency: a change that was worked out from what was read is stored only if that is still what is there.
 *
 * Moves between states name the state that they start from. Everything else that is read, changed and written back counts
 * its versions: `unchanged` is the filter, `CHANGED` the update that goes with it.
 */
import type { Filter, ObjectId } from 'mongodb'
import type { Versioned } from './documents.ts'

/** Matches the document as it was read; a document that was never changed has no number yet. */
export function unchanged<T extends Versioned & { _id: ObjectId }>(document: T): Filter<T> {
  return { _id: document._id, version: document.version ?? null } as Filter<T>
}

/** For `$inc`. */
export const CHANGED = { version: 1 } as const
