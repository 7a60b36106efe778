// Whose requests used a limit up: pure. A limit counts the requests of one user, or of one address to /api/auth/, and nobody
// else's; so who is refused has sent about as many himself in the window before.

import { ascending } from '../../../harness/statistics.ts'

export interface Passing {
  /** Who, or from where: the bucket that the request counts in. */
  bucket: string
  started_ms: number
  duration_ms: number
  status: number
  /** As a 429 told it; 0 or less where nothing was told. */
  limit: number
}

/** data-and-runtime §6.6: every limit is for 60 s. */
export const WINDOW_MS = 60_000
/** Clocks of both sides, and a request under way while the window begins. */
const SLACK_MS = 1_000

export interface Refused extends Passing {
  /** Of the same bucket, not refused, in the window before. */
  own: number
}

/**
 * Refusals for which the bucket's own requests do not account. Half of the limit is enough: other programs may have sent some
 * in somebody's name, and a shared bucket leaves each of many a small part of it.
 */
export function refusedForOthers(all: readonly Passing[]): Refused[] {
  const passed = new Map<string, number[]>()
  for (const { bucket, status, started_ms } of all) {
    if (status === 429) continue
    const starts = passed.get(bucket)
    if (starts === undefined) passed.set(bucket, [started_ms])
    else starts.push(started_ms)
  }
  for (const [bucket, starts] of passed) passed.set(bucket, ascending(starts))
  return all.flatMap((one) => {
    if (one.status !== 429 || one.limit < 1) return []
    const starts = passed.get(one.bucket) ?? []
    const until = one.started_ms + one.duration_ms
    const own = countBelow(starts, until) - countBelow(starts, one.started_ms - WINDOW_MS - SLACK_MS)
    return own < one.limit / 2 ? [{ ...one, own }] : []
  })
}

/** How many of ascending numbers are below one. */
function countBelow(sorted: readonly number[], bound: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]! < bound) low = middle + 1
    else high = middle
  }
  return low
}

/** The most that a limit lets pass in so long, window by window; `aligned`: the first window begins with the first request. */
export function mostThatPass(limit: number, span_ms: number, aligned: boolean): number {
  return limit * (Math.floor(span_ms / WINDOW_MS) + (aligned ? 1 : 2))
}
