// What the database called slow while a load ran: each member's own slow-query log, and the proof that it would have shown
// one. Only on a stack of our own: elsewhere nothing says that the log is on and whole. Touches the world, judges nothing.

import { randomUUID } from 'node:crypto'
import { type Static, Type } from 'typebox'
import { logsOf, logWith, unwatchable } from '../../checklist/lib/command-log.ts'
import { type Member, openDatabase, stateOf } from '../../checklist/lib/members.ts'
import { commandsIn, type SeenCommand, SeenCommandSchema } from '../../checklist/lib/seen-command.ts'
import type { Run } from '../../harness/run.ts'

export const SlowQueriesSchema = Type.Object(
  {
    /** Why nothing could be watched; null when it was. */
    because: Type.Union([Type.String(), Type.Null()]),
    members: Type.Array(
      Type.Object(
        {
          host: Type.String(),
          before: Type.String(),
          after: Type.String(),
          /** What it calls slow, and which share of that it logs. */
          slow_ms: Type.Number(),
          sample_rate: Type.Number(),
          /** Queries and writes that it did meanwhile, whoever asked. */
          operations: Type.Integer(),
          /** Its log shows a query of the harness's own that was made to be slow. */
          shows_control: Type.Boolean(),
        },
        { additionalProperties: false },
      ),
    ),
    /** Members that the set names and that could not be reached. */
    unreachable: Type.Array(Type.String()),
    /** The slowest first; more than so many tell no more. */
    slow: Type.Array(SeenCommandSchema, { maxItems: 200 }),
    slow_in_all: Type.Integer(),
  },
  { additionalProperties: false },
)
export type SlowQueries = Static<typeof SlowQueriesSchema>

const KEPT_MAX = 200
/** Clearly slower than the 100 ms from which mongod logs by default. */
const CONTROL_MS = 250
/** Making indexes is no query, and nobody waits for it. */
const NOT_QUERIES = new Set(['createIndexes'])

export interface SlowQueryWatch extends AsyncDisposable {
  end(): Promise<SlowQueries>
}

export async function watchSlowQueries(run: Run): Promise<SlowQueryWatch> {
  const because = run.target.mongo === undefined ? 'the database was not handed over' : unwatchable(run)
  if (because !== undefined) {
    const nothing = { because, members: [], unreachable: [], slow: [], slow_in_all: 0 }
    return { end: async () => nothing, [Symbol.asyncDispose]: async () => {} }
  }
  await using undo = new AsyncDisposableStack()
  const database = undo.use(await openDatabase(run.target))
  const watched = logsOf(run, database)
  const before = await Promise.all(watched.map(({ member }) => lookAt(member)))
  const from_ms = Date.now()
  const owned = undo.move()
  return {
    async end() {
      const to_ms = Date.now()
      const members: SlowQueries['members'] = []
      const slow: SeenCommand[] = []
      for (const [index, { member, file }] of watched.entries()) {
        const { host } = member
        const first = before[index]!
        const last = await lookAt(member)
        const control = randomUUID()
        await slowQuery(member, database.name, control)
        // Lines come in their order: what was slow before it is there when it is.
        const log = await logWith(file, control, run.signal).catch(() => {
          run.signal.throwIfAborted()
          return null
        })
        members.push({
          host,
          before: first.state,
          after: last.state,
          slow_ms: last.slow_ms,
          sample_rate: last.sample_rate,
          operations: last.operations - first.operations,
          shows_control: log !== null,
        })
        slow.push(...slowIn(log ?? '', { database: database.name, from_ms, to_ms, member: host, on: first.state }))
      }
      const queries = slow
        .filter(({ command }) => !NOT_QUERIES.has(command))
        .sort((a, b) => b.duration_ms - a.duration_ms)
      return {
        because: null,
        members,
        unreachable: [...database.unreachable],
        slow: queries.slice(0, KEPT_MAX),
        slow_in_all: queries.length,
      }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** What ended within the time. By default mongod's log has only what was slow. */
export function slowIn(
  log: string,
  wanted: { database: string; from_ms: number; to_ms: number; member: string; on: SeenCommand['on'] },
): SeenCommand[] {
  const logged = commandsIn(log, { ...wanted, from: null, to: null }) ?? []
  return logged.map(({ seen }) => seen).filter(({ at_ms }) => at_ms >= wanted.from_ms && at_ms <= wanted.to_ms)
}

async function lookAt(member: Member) {
  const admin = member.client.db('admin')
  const profile = await admin.command({ profile: -1 })
  const { opcounters } = await admin.command({ serverStatus: 1 })
  // Commands and getMores are left out: members send them to one another all the time.
  const counted = ['insert', 'query', 'update', 'delete']
  return {
    state: await stateOf(member),
    slow_ms: Number(profile.slowms),
    sample_rate: Number(profile.sampleRate),
    operations: counted.reduce((sum, name) => sum + Number(opcounters[name] ?? 0), 0),
  }
}

async function slowQuery({ client }: Member, database: string, comment: string): Promise<void> {
  await client
    .db(database)
    .collection('users')
    .find({ $where: `sleep(${CONTROL_MS}) || true` }, { comment, readPreference: 'nearest' })
    .limit(1)
    .toArray()
}

/** Whether another member was the primary afterwards; null where that could not be seen. */
export function primaryChanged({ members, unreachable }: SlowQueries): boolean | null {
  if (members.length === 0 || unreachable.length > 0) return null
  return members.some(({ before, after }) => before !== after)
}
