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
  L2: {
    /** E12 §6.1: 50 at once. The same in every profile: it takes seconds. */
    submits: number
    /** How long to wait for the last of their jobs: a target runs about one a second (data-and-runtime §2.4). */
    drain_wait_s: number
    /** How long a job that is missing is waited for once nothing is under way. */
    missing_wait_s: number
  }
  L3: {
    /** E12 §6.1: 150 queued, 10 released; each of the rest is revalidated. */
    queued: number
    released: number
    /** Of the rest, those that do not merge with what is released. */
    conflicting: number
    authors: number
    /** How long the queue is listed meanwhile, and how often. */
    reader_s: number
    reader_rate_per_s: number
    /** Beyond the ten minutes of the requirement nothing is waited for. */
    drain_wait_s: number
    missing_wait_s: number
  }
  L4: {
    /** E12 §6.1: five releases, five changesets each. The same in every profile. */
    releases: number
    changesets_each: number
    /** E12 §6.1: 60 s. One that is not done when the next is due overlaps with it. */
    interval_s: number
    /** When no job has moved for so long, what is queued or running stays so: longer than a retry waits. */
    still_s: number
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
  L6: {
    /** E12 §6.1: 10 concurrent, of different apps. The same in every profile, like the race. */
    deployments: number
    racing: number
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
  scale: {
    /** The volume of the scale tier. */
    people: number
    changesets: number
    /** Bulk operations a second on the queue, for so long. */
    bulk: { rate_per_s: number; duration_s: number }
    /** Virtual users who log in, ask for a new password and use their tokens, each once in so many seconds. */
    auth: { users: number; every_s: number; duration_s: number }
    /** Polls a second of all people together, for so long. */
    poll: { rate_per_s: number; duration_s: number }
  }
  'api-mix': {
    /** GL-P2: 50 concurrent users. The same in every profile. */
    users: number
    /** Each user once a second: within the specified limits of 100 requests and 30 writes a minute (E12 §6.4). */
    rate_per_s: number
    /** Together at least the 299 samples that a p99 takes; from standard on 3,000 (issue, steady mixes). */
    duration_s: number
  }
  'job-mix': {
    /** Changesets that are handed in, and deployments: at least 300 of each from standard on. */
    of_each: number
    /** Of each. Together below one job a second, the specified runner's poll interval (E06). */
    rate_per_minute: number
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
const L2 = { submits: 50, drain_wait_s: 600, missing_wait_s: 60 }
const L3 = {
  queued: 150,
  released: 10,
  conflicting: 6,
  authors: 50,
  reader_s: 60,
  reader_rate_per_s: 5,
  drain_wait_s: 630,
  missing_wait_s: 60,
}
const L4 = { releases: 5, changesets_each: 5, interval_s: 60, still_s: 300 }
const L5 = { cold: 10, trees: 100, files: 400, diffs: 40, readers: 4 }
const L6 = { deployments: 10, racing: 50 }
const L7 = { users: 50, listings_per_user: 90, open_rate_per_s: 75, open_duration_s: 60 }
/** Five minutes each: the load issue's numbers, which are those of the seed's scale tier. */
const SCALE = {
  people: 5_000,
  changesets: 10_000,
  bulk: { rate_per_s: 5, duration_s: 300 },
  auth: { users: 200, every_s: 1, duration_s: 300 },
  poll: { rate_per_s: 167, duration_s: 300 },
}
const API_MIX = { users: 50, rate_per_s: 50, duration_s: 90 }
const JOB_MIX = { of_each: 310, rate_per_minute: 24 }

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
    L2: { ...L2, missing_wait_s: 20 },
    L3: { ...L3, queued: 40, released: 5, conflicting: 4, authors: 20, reader_s: 15, missing_wait_s: 10 },
    L4: { ...L4, interval_s: 4, still_s: 20 },
    L5: { ...L5, cold: 3, trees: 8, files: 60, diffs: 6 },
    L6,
    L7: { ...L7, listings_per_user: 10, open_rate_per_s: 50, open_duration_s: 10 },
    // As many samples as a p99 takes.
    scale: {
      people: 500,
      changesets: 1_000,
      bulk: { rate_per_s: 10, duration_s: 32 },
      auth: { users: 20, every_s: 1, duration_s: 20 },
      poll: { rate_per_s: 50, duration_s: 10 },
    },
    'api-mix': { ...API_MIX, duration_s: 8 },
    'job-mix': { ...JOB_MIX, of_each: 12 },
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
    L2,
    L3,
    L4: { ...L4, interval_s: 20, still_s: 60 },
    L5,
    L6,
    L7,
    scale: SCALE,
    'api-mix': API_MIX,
    'job-mix': JOB_MIX,
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
    L2,
    L3: { ...L3, reader_s: 120, missing_wait_s: 600 },
    L4,
    L5,
    L6,
    L7,
    scale: SCALE,
    'api-mix': API_MIX,
    'job-mix': JOB_MIX,
    faults: FAULTS_GOLIVE,
    F3: { writes_ahead_s: 5 },
    F4: { outage_s: 75 },
    'GL-P4': { documents: 1_000_000 },
  },
}
