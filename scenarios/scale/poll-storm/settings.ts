// What Node hands to the script of poll-storm. Types, and what both sides must agree on.

import type { Manners } from '../../lib/manners-settings.ts'

/** What clients poll, by turns. */
export const LISTS = ['jobs', 'changesets'] as const
export type List = (typeof LISTS)[number]

/** What a page has where nothing is asked (http-api §1.8); it is asked for all the same. */
export const PAGE_SIZE = 20

export interface PollSettings extends Manners {
  baseUrl: string
  appId: string
  tokens: string[]
  ratePerS: number
  durationS: number
  limitsMs: { p95: number; p99: number }
  requestTimeoutS: number
}
