// What Node hands to the script of bulk-queue. Types and what both sides must agree on.

import type { Manners } from '../../lib/manners-settings.ts'

export interface BulkSettings extends Manners {
  baseUrl: string
  appId: string
  /** Of config managers, who take turns. */
  tokens: string[]
  /** The queued changesets, in the order in which the load finds them. */
  queued: string[]
  ratePerS: number
  durationS: number
  limitsMs: { p95: number; p99: number }
  requestTimeoutS: number
}

/** The order that the nth operation asks for: the first one turned by so many places, never by none. */
export function rotationOf(iteration: number, queued: number): number {
  return queued < 2 ? 0 : (iteration % (queued - 1)) + 1
}

export function rotated<T>(items: readonly T[], by: number): T[] {
  return [...items.slice(by), ...items.slice(0, by)]
}
