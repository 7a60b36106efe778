/**
 * One look for all who ask for the same while another look at it is under way.
 *
 * Whoever asks gets the answer of a look that began after they asked: nothing is remembered, so nothing can be stale. A quiet
 * server looks once for each request; a busy one, where fifty people have the same list open, looks once for many of them.
 */
interface Waiting<I, O> {
  item: I
  resolve(outcome: O): void
  reject(error: unknown): void
}

/** `look` is given all items that wait for one key; its answer is shared between them and must not be changed. */
export function createCoalescer<I, O>(
  keyOf: (item: I) => string,
  look: (items: readonly I[]) => Promise<O>,
): (item: I) => Promise<O> {
  const queues = new Map<string, Waiting<I, O>[]>()

  async function serve(key: string): Promise<void> {
    for (let waiting = queues.get(key); waiting !== undefined && waiting.length > 0; waiting = queues.get(key)) {
      queues.set(key, [])
      try {
        const outcome = await look(waiting.map(({ item }) => item))
        for (const { resolve } of waiting) resolve(outcome)
      } catch (error) {
        for (const { reject } of waiting) reject(error)
      }
    }
    queues.delete(key)
  }

  return (item) =>
    new Promise<O>((resolve, reject) => {
      const key = keyOf(item)
      const waiting = queues.get(key)
      if (waiting !== undefined) {
        waiting.push({ item, resolve, reject })
        return
      }
      queues.set(key, [{ item, resolve, reject }])
      // Requests that arrived in the same turn of the event loop belong together.
      setImmediate(() => void serve(key))
    })
}
