// What the harness and its reaper say to each other: JSON lines, requests on the reaper's stdin, answers on its stdout.

import type { ProcessIdentity } from './process-table.ts'

export type ReaperRequest =
  | ({ do: 'register-group' } & ProcessIdentity)
  | ({ do: 'unregister-group' } & ProcessIdentity)
  | { do: 'register-folder'; path: string }
  | { do: 'unregister-folder'; path: string }
  /** Live on after the harness: write `state` and what is registered to the file, and clean up only on SIGTERM. */
  | { do: 'keep'; file: string; state: Record<string, unknown> }

export type ReaperAnswer = { kept: true } | { kept: false; why: string }

/** What the reaper adds to a kept stack's state, so that it can be ended with or without the reaper. */
export interface KeptBelongings {
  reaper: ProcessIdentity
  groups: ProcessIdentity[]
  folders: string[]
}
