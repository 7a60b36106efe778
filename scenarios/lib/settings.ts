// What Node hands to a k6 script: one JSON file, named by the environment variable READINESS_SETTINGS. Types only.

import type { Manners } from './manners-settings.ts'

export interface EditorUser {
  /** 1…n: chosen by the scenario's own iteration number, so that a script can be split over several machines. */
  number: number
  token: string
  appId: string
  workspaceId: string
}

export interface EditSettings extends Manners {
  /** Marks this run's edits: part of every key, path-independent. */
  run: string
  scenario: 'L1' | 'L1.sample' | 'L1.open'
  baseUrl: string
  users: EditorUser[]
  filesPerUser: number
  /** Milliseconds; the requirement's limit after the user's overrides. */
  latencyLimitMs: number
  failedShareMax: number
  durationS: number
  pauseS: number
  ratePerS: number
  /** Address for the script's own HTTP time-out: well above the limit, so that a slow edit is measured, not cut off. */
  requestTimeoutS: number
}

export interface ListingSettings extends Manners {
  scenario: 'L7' | 'L7.open'
  baseUrl: string
  appId: string
  tokens: string[]
  /** Pages of `pageSize` rows that the queued changesets fill. */
  pages: number
  pageSize: number
  listingsPerUser: number
  ratePerS: number
  durationS: number
  latencyLimitMs: number
  requestTimeoutS: number
}

export interface SubmitSettings extends Manners {
  baseUrl: string
  appId: string
  /** One each; chosen by the scenario's own iteration number. */
  submits: { number: number; changesetId: string; token: string }[]
  requestTimeoutS: number
}

/** The background of L3: the queue is listed at a constant rate. */
export interface QueueReaderSettings extends Manners {
  baseUrl: string
  appId: string
  tokens: string[]
  ratePerS: number
  durationS: number
  requestTimeoutS: number
}

export interface ReadSettings extends Manners {
  baseUrl: string
  readers: number
  requests: { subject: number; kind: 'tree' | 'file' | 'diff'; path: string; token: string }[]
  /** Asked before the measurement, to warm up everything but the repository that is measured. */
  warmUps: { path: string; token: string }[]
  limitsMs: { tree: number; file: number; diff: number }
  requestTimeoutS: number
}

export interface MixSettings extends Manners {
  baseUrl: string
  /** By the number of their user, less one. */
  tokens: string[]
  ratePerS: number
  durationS: number
  /** Iteration by iteration. */
  requests: { user: number; method: string; path: string; body?: unknown; name: string; holds: 'data' | 'components' }[]
  latencyLimitMs: number
  requestTimeoutS: number
}
