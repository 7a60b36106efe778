/**
 * Runs work on one key at a time, in the order of arrival, and hands each turn the result of the one before it.
 *
 * A turn that had to wait thus knows what its predecessor left behind (the commit a branch is at now) without asking again.
 */
export interface KeyedLock<R> {
  run(key: string, work: (previous: R | undefined) => Promise<R>): Promise<R>
  readonly size: number
}

export function createKeyedLock<R>(): KeyedLock<R> {
  const tails = new Map<string, Promise<R | undefined>>()
  return {
    get size() {
      return tails.size
    },
    async run(key, work) {
      const before = tails.get(key) ?? Promise.resolve(undefined)
      const turn = before.then(work)
      // A failed turn leaves no result, and must not fail those behind it.
      const tail = turn.catch(() => undefined)
      tails.set(key, tail)
      try {
        return await turn
      } finally {
        if (tails.get(key) === tail) tails.delete(key)
      }
    },
  }
}
