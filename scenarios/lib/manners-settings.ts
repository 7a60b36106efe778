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

/** Starts as close together as a bound on the rate lets them be were held by it: looked at in windows of this length … */
const HELD_WINDOW_MS = 200
/** … or of as long as a low bound lets so many pass, for two or three starts close together are only chance. */
const HELD_STARTS = 10
/** k6 spaces requests evenly; its clock and ours differ a little. */
const HELD_SHARE = 0.95

/** Was the load held back by the bound, for as long as a window? `starts_ms` in any order. */
export function wasHeld(starts_ms: readonly number[], bound_per_s: number): boolean {
  const sorted = [...starts_ms].sort((a, b) => a - b)
  const window_ms = Math.max(HELD_WINDOW_MS, (HELD_STARTS * 1_000) / bound_per_s)
  const fill = Math.ceil(((bound_per_s * window_ms) / 1_000) * HELD_SHARE)
  return sorted.some((start, index) => {
    const last = sorted[index + fill - 1]
    return last !== undefined && last - start <= window_ms
  })
}

export const STOP_METRIC = 'server_errors'

/** What k6 says last when a threshold ended the load; of one that was missed by a load that ran to its end it says otherwise. */
const ENDED_BY_THRESHOLD = 'stopping test prematurely'

/** The share of 5xx answers at which the load ended itself; null when it ran to its end, whatever was answered. */
export function stoppedAt(
  { thresholds, log_tail }: Pick<Generator, 'thresholds' | 'log_tail'>,
  bounds: LoadBounds | undefined,
): number | null {
  const missed = thresholds.some(({ metric, ok }) => metric === STOP_METRIC && !ok)
  const ended = missed && log_tail.some((line) => line.includes(ENDED_BY_THRESHOLD))
  return bounds !== undefined && ended ? bounds.stop_at_5xx_share : null
}
