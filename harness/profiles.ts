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
  L5: {
    /** Readings of each kind by somebody for whom the repository is new to the server. */
    cold: number
    /** Readings of each kind after that. */
    trees: number
    files: number
    diffs: number
    /** Users at a time, while warm. */
    readers: number
  }
  L7: {
    /** E12 §6.1: 50 concurrent. The same in every profile. */
    users: number
    /** Together at least the 299 samples that a p99 takes. */
    listings_per_user: number
    /** Below 83 a second, fifty users stay within their limit of 100 requests a minute. */
    open_rate_per_s: number
    open_duration_s: number
  }
  /** The load under which every fault is injected (faults/lib). */
  faults: {
    /** Who write, each in a workspace of their own. */
    users: number
    /** Who make temporary environments, one after the other. */
    tenants: number
    /** Apps whose changes are released and deployed, one release after the other. */
    release_apps: number
    /** Operations a second of each class of the open mix. */
    rates: Record<'git-read' | 'git-write' | 'plain-read' | 'plain-write' | 'jobs', number>
    /** Without a fault: the control run, and before each fault. */
    control_s: number
    baseline_s: number
    /** After the recovery. */
    settled_s: number
    /** The longest that a recovery is waited for: beyond every limit on it. */
    recovery_s_max: number
  }
  F3: {
    /** How long a primary writes alone before it is killed. */
    writes_ahead_s: number
  }
  F4: {
    /** How long no member of the database is there. */
    outage_s: number
  }
  'GL-P4': {
    /** Rows beside which the lists of the collections that grow for ever are looked at. E12 §4.3: a million. */
    documents: number
  }
}

const L1 = { users: 50, files_per_user: 5, sample_duration_s: 120, sample_pause_s: 1, open_rate_per_s: 50 }
const L5 = { cold: 10, trees: 100, files: 400, diffs: 40, readers: 4 }
const L7 = { users: 50, listings_per_user: 90, open_rate_per_s: 75, open_duration_s: 60 }

const RATES = { 'git-read': 4, 'git-write': 3, 'plain-read': 5, 'plain-write': 5, jobs: 2 }
const FAULTS = { users: 12, tenants: 1, release_apps: 1, rates: RATES, recovery_s_max: 60 }
const FAULTS_SMOKE = { ...FAULTS, control_s: 8, baseline_s: 6, settled_s: 5 }
const FAULTS_STANDARD = { ...FAULTS, release_apps: 2, control_s: 20, baseline_s: 15, settled_s: 15 }
const FAULTS_GOLIVE = { ...FAULTS_STANDARD, control_s: 60, baseline_s: 30, settled_s: 30, recovery_s_max: 120 }

export const PROFILES: Record<ProfileName, Profile> = {
  smoke: {
    name: 'smoke',
    description: 'seconds; for CI and laptops',
    election_timeout_ms: 2_000,
    L1,
    L5: { ...L5, cold: 3, trees: 8, files: 60, diffs: 6 },
    L7: { ...L7, listings_per_user: 10, open_rate_per_s: 50, open_duration_s: 10 },
    faults: FAULTS_SMOKE,
    F3: { writes_ahead_s: 1.5 },
    F4: { outage_s: 8 },
    'GL-P4': { documents: 20_000 },
  },
  standard: {
    name: 'standard',
    description: 'the specified sizes, shortened waits; the default of single scenarios',
    election_timeout_ms: 2_000,
    L1,
    L5,
    L7,
    faults: FAULTS_STANDARD,
    F3: { writes_ahead_s: 3 },
    F4: { outage_s: 30 },
    'GL-P4': { documents: 100_000 },
  },
  golive: {
    name: 'golive',
    description: 'the exact numbers of the specification; the only one that can give GO',
    election_timeout_ms: 10_000,
    L1,
    L5,
    L7,
    faults: FAULTS_GOLIVE,
    F3: { writes_ahead_s: 5 },
    F4: { outage_s: 75 },
    'GL-P4': { documents: 1_000_000 },
  },
}
