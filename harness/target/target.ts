// A running Conman, whatever kind it is. Checks ask for capabilities, never for the kind.

import type { Capability } from '../capabilities.ts'
import type { Effect } from '../check.ts'
import type { Consent } from '../consent.ts'
import type { Redactor } from '../evidence/redact.ts'
import type { Fingerprint } from '../result.ts'
import type { EffectsLedger } from '../stack/effects.ts'
import type { Stack } from '../stack/stack.ts'
import type { ToxiproxyAccess } from './beside.ts'
import type { App, Conman } from './conman.ts'
import type { DatabaseWitness } from './database.ts'
import type { Hooks, RecordSink } from './hooks.ts'

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
  /** What of the user's consent is there; absent on a stack of our own, which needs none. */
  readonly consent?: Consent
  /** Bounds on what is sent to a target that is not ours; undefined on a stack of our own. */
  readonly loadBounds: LoadBounds | undefined
  readonly conman: Conman
  readonly admin: { email: string; password: string }
  /** The folder with the git repositories, where it can be read. */
  readonly gitStorage: string | undefined
  /** Its database as a witness, where it can be read. */
  readonly database?: DatabaseWitness
  /** What deployments really did, and a way to hold them; absent where the deploy command is not the stack's. */
  readonly effects?: EffectsLedger
  /** The user's commands that stop and start its parts; absent where there is none, and on a stack of our own. */
  readonly hooks?: Hooks
  /** What the harness started for it: for the injectors of faults alone, which ask for the capability `processes`. */
  readonly stack?: Stack
  /** What else a user handed over for a URL. A check asks for the capability first. */
  readonly handedOver?: HandedOver
  /** Certificates (PEM) of the private authority that vouches for it: for children that talk to it themselves. */
  readonly caFile?: string
  /** What the harness set that a verdict could depend on; shown in the report. */
  readonly settings: Record<string, string>
  fingerprint(): Promise<Fingerprint>
  /** Makes sure that a repository with a first commit on `main` stands where the app will look for it. Returns its path. */
  repositoryFor(appName: string): Promise<string>
  /** The error to throw when an app or its first workspace could not be made: says what to hand over where that may be why. */
  explainRepository?(cause: unknown): unknown
  /** The database, where it can be reached: to read. Absent where it was not handed over. */
  readonly mongo?: { uri: string; database: string }
  /** Direct writes for fixtures; absent where the database is not ours to write. */
  readonly fixtures: DirectFixtures | undefined
  /** Commits of audited file writes of an app, from the database or the audit route; null where neither can be read. */
  fileWriteAudit(appId: string, adminToken: string): Promise<{ source: 'mongo' | 'http'; commits: string[] } | null>
  /**
   * The same target with other variables: one more process on the same database and repositories, until it is disposed of.
   * There with the capability `configuration`.
   */
  configured?(env: Readonly<Record<string, string>>): Promise<Target>
  /** Copies the logs that the target's processes wrote. */
  copyLogs(copy: (from: string, name: string) => void): Promise<void> | void
  /** From here on what was done by the user's commands is written into the run. */
  recordInto?(sink: RecordSink): void
  secretsInto(redactor: Redactor): void
  /** The processes that were started, and their resident memory. Absent where nothing was. */
  memory?(): { name: string; pid: number; rss_bytes: number }[]
  /** Leaves what was started running after the harness ends, and says in a line how to end it. Absent where nothing was started. */
  keep?(): Promise<string>
}

export interface HandedOver {
  toxiproxy?: ToxiproxyAccess
  prometheusUrl?: string
  outboxFile?: string
  source?: string
  jwtSecret?: string
}

export interface LoadBounds {
  /** Requests a second of all generators together. */
  requests_per_s_max: number
  /** Users at the same time. */
  users_max: number
  /** A load that meets this share of 5xx answers (no answer counts as one) is stopped: 0…1. */
  stop_at_5xx_share: number
}

/** For a target that is not ours, where its user says nothing else: CONMAN_LOAD_… or `load` of the configuration file. */
export const DEFAULT_LOAD_BOUNDS: LoadBounds = { requests_per_s_max: 500, users_max: 50, stop_at_5xx_share: 0.1 }

/** The fast path of the seed, on stacks of our own: rows as the contract stores them (data-and-runtime §1.3, §1.7). */
export interface DirectFixtures {
  /** Inserts whole documents, ids included, with a majority write; answers how many. */
  insert(collection: string, documents: readonly object[]): Promise<number>
  /** Inserts members that do not exist yet and returns a session for each, in order. */
  members(
    app: App,
    people: readonly { email: string; name: string; role: string }[],
  ): Promise<{ userId: string; email: string; token: string }[]>
  /** No route does it (specified-only §2). Whether there was one to remove. */
  removeMember(app: App, userId: string): Promise<boolean>
}
