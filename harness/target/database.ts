// A target's database as a witness: read, never written. The commands below are all that is ever sent; docs/configuration.md
// lists them, and a test holds them against a user with the role `read`.

import '../../tools/mongodb-driver.ts'
import { type Document, type ExplainVerbosity, MongoClient } from 'mongodb'
import { UsageError } from '../errors.ts'
import { describeFailure } from './http.ts'

/**
 * What this class sends, and what checks send to each member by itself (checklist/lib/members.ts). Beside these the driver
 * sends `ping`, `endSessions` and what logs in.
 */
export const COMMANDS = [
  'buildInfo',
  'find',
  'getMore',
  'killCursors',
  'aggregate',
  'count',
  'explain',
  'listIndexes',
  'listCollections',
  'hello',
  'serverStatus',
] as const

const SELECT_WITHIN_MS = 5_000
/** A collection scan of a large table ends by itself. */
const READ_WITHIN_MS = 30_000

export interface FindOptions {
  projection?: Document
  sort?: Document
  limit?: number
  /** What decides when something was there: no member that may be behind is asked. */
  readPreference?: 'primary'
  /** Only what no failover can undo. */
  readConcern?: 'majority'
}

export class DatabaseWitness implements AsyncDisposable {
  readonly version: string
  readonly #client: MongoClient
  readonly #name: string

  /** Around a client that is somebody else's to close, unless this is disposed of. */
  constructor(client: MongoClient, name: string, version: string) {
    this.#client = client
    this.#name = name
    this.version = version
  }

  /**
   * Connects, and makes sure that this is the target's database: the account that the harness logs in with stands in it.
   * Another one's rows would make verdicts about another Conman. `given` names what the user set, for messages.
   */
  static async open(
    { uri, database }: { uri: string; database: string },
    account: string,
    given: string,
  ): Promise<DatabaseWitness> {
    let client: MongoClient | undefined
    try {
      client = new MongoClient(uri, {
        serverSelectionTimeoutMS: SELECT_WITHIN_MS,
        connectTimeoutMS: SELECT_WITHIN_MS,
        appName: 'conman-readiness',
      })
      await client.connect()
      const { version } = await client.db(database).command({ buildInfo: 1 })
      const opened = new DatabaseWitness(client, database, String(version))
      const [found] = await opened.find(
        'users',
        { email: account.trim().toLowerCase() },
        { projection: { _id: 1 }, limit: 1 },
      )
      if (found === undefined) {
        throw new UsageError(
          `${given}: the database ‘${database}’ holds no account ${account}`,
          'is it the target’s database? Name another one in CONMAN_MONGO_DB (mongo.database)',
        )
      }
      return opened
    } catch (cause) {
      await client?.close()
      if (cause instanceof UsageError) throw cause
      throw new UsageError(
        `${given} cannot be used: ${withoutSecrets(describeFailure(cause), uri)}`,
        'a read-only user suffices (docs/configuration.md); leave it unset to go without',
        { cause },
      )
    }
  }

  async find(collection: string, filter: Document, options: FindOptions = {}): Promise<Document[]> {
    // A secondary's majority may be an older one.
    const where = options.readConcern === undefined ? {} : { readPreference: 'primary' as const }
    return await this.#collection(collection)
      .find(filter, { ...options, ...where, maxTimeMS: READ_WITHIN_MS })
      .toArray()
  }

  /** Stages that write are refused here and, with a read-only user, by the database. */
  async aggregate(collection: string, pipeline: readonly Document[]): Promise<Document[]> {
    const writing = pipeline.flatMap((stage) => Object.keys(stage)).find((name) => name === '$out' || name === '$merge')
    if (writing !== undefined) throw new Error(`${writing} writes, and the database is only read`)
    return await this.#collection(collection)
      .aggregate([...pipeline], { maxTimeMS: READ_WITHIN_MS })
      .toArray()
  }

  async explain(
    collection: string,
    filter: Document,
    options: FindOptions & { verbosity?: ExplainVerbosity } = {},
  ): Promise<Document> {
    const { verbosity = 'queryPlanner', ...find } = options
    return await this.#collection(collection)
      .find(filter, { ...find, maxTimeMS: READ_WITHIN_MS })
      .explain(verbosity)
  }

  /** Empty where there is no such collection. */
  async indexes(collection: string): Promise<Document[]> {
    try {
      return await this.#collection(collection).listIndexes().toArray()
    } catch (cause) {
      if (codeOf(cause) === NAMESPACE_NOT_FOUND) return []
      throw cause
    }
  }

  /** Sizes and counts of a collection, as its storage engine says them. */
  async statistics(collection: string): Promise<Document | undefined> {
    const [row] = await this.aggregate(collection, [{ $collStats: { storageStats: {}, count: {} } }])
    return row
  }

  /** How often each index was used; null where the user may not ask: it needs the role `clusterMonitor`. */
  async indexUse(collection: string): Promise<Document[] | null> {
    try {
      return await this.aggregate(collection, [{ $indexStats: {} }])
    } catch (cause) {
      if (codeOf(cause) === UNAUTHORIZED) return null
      throw cause
    }
  }

  /** The server's own counters; null where the user may not ask: it needs the role `clusterMonitor`. */
  async serverStatus(): Promise<Document | null> {
    try {
      return await this.#client.db('admin').command({ serverStatus: 1 })
    } catch (cause) {
      if (codeOf(cause) === UNAUTHORIZED) return null
      throw cause
    }
  }

  #collection(name: string) {
    return this.#client.db(this.#name).collection(name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close()
  }
}

const UNAUTHORIZED = 13
const NAMESPACE_NOT_FOUND = 26

function codeOf(cause: unknown): unknown {
  return cause instanceof Error && 'code' in cause ? cause.code : undefined
}

/** The driver quotes what it was given. */
function withoutSecrets(message: string, uri: string): string {
  return secretsOfUri(uri).reduce((text, secret) => text.replaceAll(secret, '…'), message.replaceAll(uri, '…'))
}

/** The password of a connection string, as it stands there and decoded. */
export function secretsOfUri(uri: string): string[] {
  const password = /^[a-z+]+:\/\/[^:@/?]*:([^@/?]*)@/i.exec(uri)?.[1]
  if (password === undefined || password === '') return []
  try {
    return [password, decodeURIComponent(password)]
  } catch {
    return [password]
  }
}
