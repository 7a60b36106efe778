/**
 * The way to MongoDB: one client a process, and collection handles that carry the read preference and write concern of their
 * purpose, so that no operation chooses its own.
 *
 * - `data`: what decides (roles, states, locks, read-modify-write) and every mutation. Primary, `{w: majority, j: true}`.
 * - `lists`: lists and details. `secondaryPreferred`, in sessions that see the caller's own writes (causality.ts).
 * - `log`: audit rows. `{w: 1, j: false}`; a rare loss in a crash is accepted.
 */
import '../../../tools/mongodb-driver.ts'
import {
  type Collection,
  type Db,
  MongoClient,
  type MongoClientOptions,
  MongoError,
  ReadPreference,
  type TopologyDescription,
  WriteConcern,
} from 'mongodb'
import { within } from '../bounded.ts'
import { describeError, type Logger } from '../logging.ts'
import { type Causality, createCausality } from './causality.ts'
import type { Documents } from './documents.ts'
import { createLookups, type Lookups } from './lookups.ts'
import { logSlowQueries } from './slow-queries.ts'

export type Collections = { readonly [Name in keyof Documents]: Collection<Documents[Name]> }

export interface Store {
  readonly db: Db
  readonly data: Collections
  readonly lists: Collections
  readonly log: Collections
  readonly causality: Causality
  /** What nearly every request decides on, from the primary. */
  readonly lookups: Lookups
  /** Another database of the same deployment: a temporary environment has its own. */
  database(name: string): Db
  /** Whether the driver knows a member that takes writes. */
  primaryKnown(): boolean
  /** A ping of whichever member `primaryPreferred` picks; answers its duration. */
  ping(limitMs: number): Promise<number>
  close(): Promise<void>
}

export interface StoreOptions {
  uri: string
  database: string
  appName: string
  logger: Logger
}

/**
 * How long things may take. With these an outage is noticed within two and a half seconds even when packets vanish silently,
 * and a request waits at most three and a half more for a new primary: long enough for a step-down's election.
 */
const TIMING: MongoClientOptions = {
  serverSelectionTimeoutMS: 3_500,
  connectTimeoutMS: 1_500,
  heartbeatFrequencyMS: 1_000,
  // The last resort against a peer that accepts and never answers.
  socketTimeoutMS: 15_000,
  waitQueueTimeoutMS: 5_000,
  minPoolSize: 4,
  maxPoolSize: 100,
}

/** A majority that cannot be had must not hold a request for ever. */
const MAJORITY = new WriteConcern('majority', 10_000, true)
const AUDIT = new WriteConcern(1, undefined, false)

const WRITABLE = new Set<string>(['RSPrimary', 'Standalone', 'Mongos', 'LoadBalancer'])

export async function openStore(options: StoreOptions): Promise<Store> {
  const client = new MongoClient(options.uri, {
    ...withoutNamedIn(options.uri, TIMING),
    appName: options.appName,
    monitorCommands: true,
    ignoreUndefined: true,
  })
  let topology: TopologyDescription | undefined
  client.on('topologyDescriptionChanged', (event) => {
    topology = event.newDescription
  })
  logSlowQueries(client, options.logger)
  const db = client.db(options.database)
  try {
    await client.connect()
    await db.command({ ping: 1 })
  } catch (error) {
    await client.close()
    throw error
  }
  const data = collections(db, { readPreference: ReadPreference.primary, writeConcern: MAJORITY })
  return {
    db,
    data,
    lists: collections(db, { readPreference: ReadPreference.secondaryPreferred, writeConcern: MAJORITY }),
    log: collections(db, { readPreference: ReadPreference.secondaryPreferred, writeConcern: AUDIT }),
    causality: createCausality(client),
    lookups: createLookups(data),
    database: (name) => client.db(name, { readPreference: ReadPreference.primary, writeConcern: MAJORITY }),
    primaryKnown: () => [...(topology?.servers.values() ?? [])].some((server) => WRITABLE.has(server.type)),
    async ping(limitMs) {
      const startedMs = performance.now()
      await within(limitMs, db.command({ ping: 1 }, { readPreference: ReadPreference.primaryPreferred }))
      return performance.now() - startedMs
    },
    async close() {
      await client.close().catch((error: unknown) => options.logger.warn(describeError(error), 'MongoDB close failed'))
    },
  }
}

export function isDuplicateKey(error: unknown): boolean {
  return error instanceof MongoError && error.code === 11_000
}

/** What the operator wrote into the URI wins over the values here; the driver would do it the other way round. */
function withoutNamedIn(uri: string, options: MongoClientOptions): MongoClientOptions {
  const named = new Set([...new URLSearchParams(uri.split('?')[1] ?? '').keys()].map((key) => key.toLowerCase()))
  return Object.fromEntries(Object.entries(options).filter(([key]) => !named.has(key.toLowerCase())))
}

type HandleOptions = { readPreference: ReadPreference; writeConcern: WriteConcern }

const NAMES: { [Name in keyof Documents]: true } = {
  users: true,
  app_memberships: true,
  apps: true,
  environments: true,
  runtime_profiles: true,
  runtime_profile_revisions: true,
  invites: true,
  password_reset_tokens: true,
  workspaces: true,
  changesets: true,
  changeset_revisions: true,
  changeset_reviews: true,
  changeset_comments: true,
  changeset_comment_revisions: true,
  changeset_profile_overrides: true,
  release_batches: true,
  release_changesets: true,
  deployments: true,
  temp_environments: true,
  jobs: true,
  job_logs: true,
  job_pauses: true,
  job_runner_heartbeats: true,
  audit_events: true,
  notification_preferences: true,
  notification_events: true,
  login_throttles: true,
}

function collections(db: Db, options: HandleOptions): Collections {
  const handles = Object.keys(NAMES).map((name) => [name, db.collection(name, options)])
  return Object.fromEntries(handles) as unknown as Collections
}
