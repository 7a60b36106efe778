// Waiting for a state, with a bound and a message: the one place in the stack where time passes on purpose.

import { setTimeout as delay } from 'node:timers/promises'
import { HarnessError } from '../errors.ts'

export interface WaitOptions {
  /** What is waited for, as the end of 'waited 5 s for …'. */
  what: string
  within_ms: number
  every_ms?: number
  signal?: AbortSignal | undefined
  remedy?: string
  /** What was seen instead; asked only when the time is over. */
  instead?: () => string
}

const EVERY_MS = 20

/** Asks until it gets something that is not `undefined` or `false`. A probe that throws ends the waiting. */
export async function waitFor<T>(
  probe: () => Promise<T> | T,
  options: WaitOptions,
): Promise<Exclude<T, undefined | false>> {
  const deadline = performance.now() + options.within_ms
  for (;;) {
    options.signal?.throwIfAborted()
    const answer = await probe()
    if (answer !== undefined && answer !== false) return answer as Exclude<T, undefined | false>
    if (performance.now() > deadline) {
      const instead = options.instead?.()
      throw new HarnessError(
        `waited ${options.within_ms / 1000} s for ${options.what}${instead ? `; instead:\n${instead}` : ''}`,
        options.remedy ?? 'the machine may be too busy: end other work on it and run again',
      )
    }
    // The abort's own reason says more than the timer's AbortError; the next round throws it.
    await delay(options.every_ms ?? EVERY_MS, undefined, { signal: options.signal }).catch(() => {})
  }
}
