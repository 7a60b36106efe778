// What Node hands to the script of auth-burst. Types, and the names that both sides use.

import type { Manners } from '../../lib/manners-settings.ts'

export const ENDPOINTS = ['token', 'login', 'reset'] as const
export type Endpoint = (typeof ENDPOINTS)[number]

export const AUTH_COUNTERS = {
  /** Every 429. */
  throttled: 'auth_throttled',
  /** Those of exactly the specified shape. */
  asSpecified: 'auth_throttled_as_specified',
  misshapen: 'auth_throttled_misshapen',
} as const

export interface AuthSettings extends Manners {
  baseUrl: string
  accounts: { email: string; password: string; token: string }[]
  users: number
  /** Seconds from the begin of one round of a virtual user to that of its next. */
  everyS: number
  durationS: number
  limitsMs: Record<Endpoint, number>
  requestTimeoutS: number
  /** On a target that is not ours: who was refused comes again when he is told to, and not before. */
  waitsWhenThrottled: boolean
}
