/**
 * Batches by demand: what is asked for while a batch is under way goes out together as the next one.
 *
 * A quiet server sends every item at once and alone; a busy one sends fewer, larger batches, and so spends less on each item
 * the more there are. An item is always sent after it was asked for, so a lookup never answers with what was known before.
 */
export interface BatcherOptions {
  maxSize: number
  /** After this long a batch that is still under way no longer holds up the next: the server it went to may be gone. */
  patienceMs: number
  /**
   * On a busy server, where the last batch held more than one item, the next waits this long to fill up. For writes: three
   * members copy each one, and every command that is saved is saved six times.
   */
  lingerMs?: number
}

export type Batched<I, O> = (item: I) => Promise<O>

interface Waiting<I, O> {
  item: I
  resolve(outcome: O): void
  reject(error: unknown): void
}

/** `send` answers one outcome an item, in the order of the items. */
export function createBatcher<I, O>(send: (items: I[]) => Promise<O[]>, options: BatcherOptions): Batched<I, O> {
  let waiting: Waiting<I, O>[] = []
  let holding: symbol | undefined

  function next(): void {
    if (holding !== undefined || waiting.length === 0) return
    const batch = waiting.slice(0, options.maxSize)
    waiting = waiting.slice(options.maxSize)
    const ticket = Symbol('batch')
    holding = ticket
    const release = () => {
      if (holding !== ticket) return
      const linger = batch.length > 1 ? (options.lingerMs ?? 0) : 0
      if (linger === 0) {
        holding = undefined
        next()
        return
      }
      holding = Symbol('lingering')
      setTimeout(() => {
        holding = undefined
        next()
      }, linger)
    }
    const timer = setTimeout(release, options.patienceMs)
    dispatch(batch).finally(() => {
      clearTimeout(timer)
      release()
    })
  }

  async function dispatch(batch: Waiting<I, O>[]): Promise<void> {
    try {
      const outcomes = await send(batch.map(({ item }) => item))
      for (const [index, { resolve }] of batch.entries()) resolve(outcomes[index] as O)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  return (item) =>
    new Promise<O>((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      // Requests that arrived in the same turn of the event loop belong together.
      if (waiting.length === 1) setImmediate(next)
    })
}
