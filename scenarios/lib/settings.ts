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
