// The profiles: the same code with other data. `smoke` is for CI and laptops, `standard` has the specified sizes with
// shortened waits, `golive` has the exact numbers of the specification and is the only one that can give GO.

import type { ProfileName } from './check.ts'

export interface Profile {
  name: ProfileName
  description: string
  /** Election time-out of the embedded replica set. MongoDB's default is 10,000 ms: golive runs with it. */
  election_timeout_ms: number
  L1: {
    /** E12 §6.1: 50 users × 5 files. The same in every profile: it takes seconds. */
    users: number
    files_per_user: number
    /** E12 §9.1's sample as written: 50 VUs, 2 min, 1 s pause; and its open-model twin at the same rate. */
    sample_duration_s: number
    sample_pause_s: number
    open_rate_per_s: number
  }
}

const L1 = { users: 50, files_per_user: 5, sample_duration_s: 120, sample_pause_s: 1, open_rate_per_s: 50 }

export const PROFILES: Record<ProfileName, Profile> = {
  smoke: {
    name: 'smoke',
    description: 'seconds; for CI and laptops',
    election_timeout_ms: 2_000,
    L1,
  },
  standard: {
    name: 'standard',
    description: 'the specified sizes, shortened waits; the default of single scenarios',
    election_timeout_ms: 2_000,
    L1,
  },
  golive: {
    name: 'golive',
    description: 'the exact numbers of the specification; the only one that can give GO',
    election_timeout_ms: 10_000,
    L1,
  },
}
