/** What the worker does from time to time, apart from jobs: each sweep is bounded, and fails alone. */

export interface Sweep {
  name: string
  /** The pause between two looks; the configured one when nothing is said. */
  everyMs?: number
  /** Does a bounded batch; answers whether there is more to do at once. */
  sweep(): Promise<boolean>
}

/**
 * Keeps rows that could not be dealt with out of the next batches, so that a broken one does not come up again and again in
 * the place of others: each waits longer after every failure.
 */
export interface Quarantine<Id> {
  /** Those that are not to be tried yet, for a filter. */
  readonly waiting: Id[]
  failed(id: Id): void
  succeeded(id: Id): void
}

const FIRST_WAIT_MS = 10_000
const MAX_WAIT_MS = 3_600_000

export function createQuarantine<Id>(keyOf: (id: Id) => string, now: () => number = Date.now): Quarantine<Id> {
  const rows = new Map<string, { id: Id; failures: number; untilMs: number }>()
  return {
    get waiting() {
      return [...rows.values()].filter(({ untilMs }) => untilMs > now()).map(({ id }) => id)
    },
    failed(id) {
      // What has not failed again for so long has ended in another way, or is gone.
      for (const [key, { untilMs }] of rows) if (untilMs < now() - MAX_WAIT_MS) rows.delete(key)
      const failures = (rows.get(keyOf(id))?.failures ?? 0) + 1
      rows.set(keyOf(id), { id, failures, untilMs: now() + Math.min(FIRST_WAIT_MS * 2 ** (failures - 1), MAX_WAIT_MS) })
    },
    succeeded: (id) => void rows.delete(keyOf(id)),
  }
}
