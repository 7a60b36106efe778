// What Node tells a k6 script of the target's bounds, and what it reads from the script's counters. Types and one function,
// for both sides.

import type { Generator } from '../../harness/k6.ts'
import type { LoadBounds } from '../../harness/target/target.ts'

export interface Manners {
  /** The share of 5xx answers at which the load ends; null on a stack of our own. */
  stopAt5xxShare: number | null
}

export function mannersOf(bounds: LoadBounds | undefined): Manners {
  return { stopAt5xxShare: bounds?.stop_at_5xx_share ?? null }
}

/** What one iteration may wait in all for a rate limit: two windows of the longest specified one and a bit. */
export const THROTTLE_WAIT_S_MAX = 130

/** Starts closer together than a bound on the rate lets them be were held by it: looked at in windows of this length. */
const HELD_WINDOW_MS = 200
/** k6 spaces requests evenly; its clock and ours differ a little. */
const HELD_SHARE = 0.95

/** Was the load held back by the bound, for as long as a window? `starts_ms` in any order. */
export function wasHeld(starts_ms: readonly number[], bound_per_s: number): boolean {
  const sorted = [...starts_ms].sort((a, b) => a - b)
  const fill = Math.ceil(((bound_per_s * HELD_WINDOW_MS) / 1_000) * HELD_SHARE)
  return sorted.some((start, index) => {
    const last = sorted[index + fill - 1]
    return last !== undefined && last - start <= HELD_WINDOW_MS
  })
}

export const STOP_METRIC = 'server_errors'

/** The share of 5xx answers at which the load ended itself, from k6's own threshold; null when it did not. */
export function stoppedAt({ thresholds }: Generator, bounds: LoadBounds | undefined): number | null {
  const missed = thresholds.some(({ metric, ok }) => metric === STOP_METRIC && !ok)
  return bounds !== undefined && missed ? bounds.stop_at_5xx_share : null
}
