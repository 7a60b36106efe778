// A running Conman, whatever kind it is. Checks ask for capabilities, never for the kind.

import type { Capability } from '../capabilities.ts'
import type { Effect } from '../check.ts'
import type { Redactor } from '../evidence/redact.ts'
import type { Fingerprint } from '../result.ts'
import type { App, Conman } from './conman.ts'

export interface Target extends AsyncDisposable {
  readonly kind: Fingerprint['kind']
  /** For people: the URL, or what was started. */
  readonly address: string
  readonly baseUrl: string
  readonly capabilities: ReadonlySet<Capability>
  /** Why what is not among them is not: what was given and did not work, or that nothing was given. */
  readonly unreachable: ReadonlyMap<Capability, string>
  /** One process for API and jobs, or one each; null where it cannot be seen. */
  readonly processes: 'single' | 'split' | null
  /** The most that may be done to it: everything on a stack of our own, what the user consented to on a URL. */
  readonly allowed: Effect
  /** Bounds on what is sent to a target that is not ours; undefined on a stack of our own. */
  readonly loadBounds: LoadBounds | undefined
  readonly conman: Conman
  readonly admin: { email: string; password: string }
  /** The folder with the git repositories, where it can be read. */
  readonly gitStorage: string | undefined
  /** What the harness set that a verdict could depend on; shown in the report. */
  readonly settings: Record<string, string>
  fingerprint(): Promise<Fingerprint>
  /** Makes sure that a repository with a first commit on `main` stands where the app will look for it. Returns its path. */
  repositoryFor(appName: string): Promise<string>
  /** Direct writes for fixtures; absent where the database is not ours to write. */
  readonly fixtures: DirectFixtures | undefined
  /** Commits of audited file writes of an app, from the database or the audit route; null where neither can be read. */
  fileWriteAudit(appId: string, adminToken: string): Promise<{ source: 'mongo' | 'http'; commits: string[] } | null>
  /** Copies the logs that the target's processes wrote. */
  copyLogs(copy: (from: string, name: string) => void): void
  secretsInto(redactor: Redactor): void
  /** Resident memory of the processes that were started. Absent where nothing was. */
  memory?(): { name: string; rss_bytes: number }[]
  /** Leaves what was started running after the harness ends, and says in a line how to end it. Absent where nothing was started. */
  keep?(): Promise<string>
}

export interface LoadBounds {
  /** Requests a second of all generators together. */
  requests_per_s_max: number
  /** Users at the same time. */
  users_max: number
  /** A load that meets this share of 5xx answers is stopped: 0…1. */
  stop_at_5xx_share: number
}

/** The fast path of the seed, on stacks of our own: rows as the contract stores them (data-and-runtime §1.3, §1.7). */
export interface DirectFixtures {
  /** Inserts whole documents, ids included, with a majority write; answers how many. */
  insert(collection: string, documents: readonly object[]): Promise<number>
  /** Inserts members that do not exist yet and returns a session for each, in order. */
  members(
    app: App,
    people: readonly { email: string; name: string; role: string }[],
  ): Promise<{ userId: string; email: string; token: string }[]>
}
