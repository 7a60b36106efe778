// Every change of a state, as a majority of the database has it for good and in its order: read afterwards from the database's
// own log of changes, so that nothing that happened while it was away is missed.

import '../../../tools/mongodb-driver.ts'
import { type ChangeStreamDocument, type Document, MongoClient, type Timestamp } from 'mongodb'
import { type Static, Type } from 'typebox'
import type { Target } from '../../../harness/target/target.ts'
import type { Clock } from '../clock.ts'
import { bothForms } from './readings.ts'

export const StateChangeSchema = Type.Object(
  {
    at_ms: Type.Number(),
    kind: Type.String(),
    id: Type.String(),
    /** Null: it was not there. */
    from: Type.Union([Type.String(), Type.Null()]),
    /** Null: it was removed. */
    to: Type.Union([Type.String(), Type.Null()]),
    place: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
)
export type StateChange = Static<typeof StateChangeSchema>

const KINDS: Readonly<Record<string, string>> = {
  changesets: 'changeset',
  release_batches: 'release',
  deployments: 'deployment',
  jobs: 'job',
  temp_environments: 'temp-env',
}

const SELECT_WITHIN_MS = 10_000
const READ_WITHIN_MS = 60_000

export interface StateLog {
  /** From the time at which it was opened to now. Throws where the database keeps no such log, or no longer. */
  read(): Promise<StateChange[]>
}

/** The states that there are now, and the moment from which changes count. */
export async function openStateLog(
  { mongo }: Pick<Target, 'mongo'>,
  appIds: readonly string[],
  clock: Clock,
): Promise<StateLog | undefined> {
  if (mongo === undefined) return undefined
  const client = () =>
    new MongoClient(mongo.uri, { appName: 'conman-readiness', serverSelectionTimeoutMS: SELECT_WITHIN_MS })
  const known = new Map<string, { state: string | null; place?: string }>()
  let since: Timestamp
  {
    await using opened = await client().connect()
    const db = opened.db(mongo.database)
    const { operationTime } = await db.command({ ping: 1 })
    since = operationTime as Timestamp
    const ofApps = { app_id: { $in: appIds.flatMap(bothForms) } }
    for (const collection of Object.keys(KINDS)) {
      const rows = db.collection(collection).find(ofApps, { projection: { state: 1, environment_id: 1 } })
      for await (const row of rows) known.set(String(row._id), { state: String(row.state), ...placeOf(row) })
    }
  }
  return {
    async read() {
      await using opened = await client().connect()
      const db = opened.db(mongo.database)
      const until = (await db.command({ ping: 1 })).operationTime as Timestamp
      const stream = db.watch(PIPELINE, { startAtOperationTime: since, maxAwaitTimeMS: 200 })
      await using _ = { [Symbol.asyncDispose]: () => stream.close() }
      const changes: StateChange[] = []
      const mine = new Set(appIds)
      const deadline = performance.now() + READ_WITHIN_MS
      for (let empty = 0; empty < 2; ) {
        if (performance.now() > deadline)
          throw new Error(`the log of changes was not read within ${READ_WITHIN_MS / 1_000} s`)
        const change = await stream.tryNext()
        if (change === null) {
          empty += 1
          continue
        }
        empty = 0
        if (change.clusterTime?.greaterThan(until)) break
        const told = changeIn(change, known, mine)
        if (told !== undefined) changes.push({ at_ms: clock.at(timeOf(change)), ...told })
      }
      return changes
    },
  }
}

/** Updates that leave the state as it is are many: heartbeats of a job's lock. */
const PIPELINE = [
  {
    $match: {
      'ns.coll': { $in: Object.keys(KINDS) },
      $or: [
        { operationType: { $in: ['insert', 'replace', 'delete'] } },
        { operationType: 'update', 'updateDescription.updatedFields.state': { $exists: true } },
      ],
    },
  },
]

function changeIn(
  change: ChangeStreamDocument,
  known: Map<string, { state: string | null; place?: string }>,
  apps: ReadonlySet<string>,
): Omit<StateChange, 'at_ms'> | undefined {
  if (!('documentKey' in change) || !('ns' in change) || !('coll' in change.ns)) return undefined
  const id = String(change.documentKey._id)
  const kind = KINDS[String(change.ns.coll)]
  if (kind === undefined) return undefined
  if (change.operationType === 'insert') {
    const row: Document = change.fullDocument
    if (!apps.has(String(row.app_id))) return undefined
    known.set(id, { state: null, ...placeOf(row) })
  }
  const before = known.get(id)
  // Another app's.
  if (before === undefined) return undefined
  const to = stateAfter(change)
  if (to === before.state) return undefined
  const from = before.state
  before.state = to
  return { kind, id, from, to, ...(before.place === undefined ? {} : { place: before.place }) }
}

function stateAfter(change: ChangeStreamDocument): string | null {
  if (change.operationType === 'update') return String(change.updateDescription.updatedFields?.state)
  if (change.operationType === 'insert' || change.operationType === 'replace') {
    return String((change.fullDocument as Document).state)
  }
  return null
}

function placeOf(row: Document): { place?: string } {
  return row.environment_id === undefined || row.environment_id === null ? {} : { place: String(row.environment_id) }
}

/** By the primary's own clock (MongoDB ≥ 6), else to the second. */
function timeOf(change: ChangeStreamDocument): number {
  const { wallTime, clusterTime } = change as { wallTime?: Date; clusterTime?: Timestamp }
  return wallTime?.getTime() ?? (clusterTime?.getHighBits() ?? 0) * 1_000
}
