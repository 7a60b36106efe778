// One clock for everything that a fault's run writes down: milliseconds since it began, monotonic.

export interface Clock {
  /** When it began, for people. */
  readonly began_at: string
  now(): number
  /** A moment of the machine's clock (ms since 1970, such as a log's) on this one. */
  at(epoch_ms: number): number
}

export function startClock(): Clock {
  const began = performance.now()
  const beganEpoch_ms = performance.timeOrigin + began
  return {
    began_at: new Date(beganEpoch_ms).toISOString(),
    now: () => rounded(performance.now() - began),
    at: (epoch_ms) => rounded(epoch_ms - beganEpoch_ms),
  }
}

/** Tenths of a millisecond: below that is noise. */
export function rounded(ms: number): number {
  return Math.round(ms * 10) / 10
}
