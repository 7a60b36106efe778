/** Stopping a running job: its handler is told by a signal, and given a moment to unwind. */
import { setTimeout as sleep } from 'node:timers/promises'

/** Why a running job is stopped. */
export class Stopped extends Error {
  override readonly name = 'Stopped'
  readonly because: 'lost' | 'timeout' | 'drain'

  constructor(because: 'lost' | 'timeout' | 'drain') {
    super(`job stopped: ${because}`)
    this.because = because
  }
}

/** A handler that was told to stop has this long to unwind: what it started must have ended before the job is settled. */
export const UNWIND_MS = 5_000

/** The work's result, unless the signal ends first; then the work is given a moment to unwind and its result is nothing. */
export async function untilStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const stopped = Promise.withResolvers<never>()
  const onAbort = async () => {
    await Promise.race([work.catch(() => undefined), sleep(UNWIND_MS, undefined, { ref: false })])
    stopped.reject(signal.reason)
  }
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) void onAbort()
  stopped.promise.catch(() => undefined)
  try {
    // Work that ends well although it was told to stop has been done.
    return await Promise.race([work, stopped.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
    work.catch(() => undefined)
  }
}
