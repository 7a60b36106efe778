/** Waiting with a bound: a probe or a side task must not last longer than what it is for. */

export class TimedOut extends Error {
  override readonly name = 'TimedOut'
}

export async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  const { promise: expired, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new TimedOut(`no answer within ${limitMs} ms`)), limitMs)
  try {
    return await Promise.race([work, expired])
  } finally {
    clearTimeout(timer)
    // The late result has nobody left to hear it.
    work.catch(() => undefined)
  }
}
