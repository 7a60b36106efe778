// What the database did while a load ran. Of members that are ours: each one's counters before and after, the operations that
// are under way twice a second, and the slow ones from its log. Of a database that was handed over: the counters of the server
// that is read. No setting of it is touched.

import { closeSync, openSync, readSync, statSync } from 'node:fs'
import type { Document } from 'mongodb'
import { logsOf } from '../../checklist/lib/command-log.ts'
import { type Database, OUR_APP_NAME, openDatabase, stateOf } from '../../checklist/lib/members.ts'
import { commandsIn, type LoggedCommand, type SeenCommand } from '../../checklist/lib/seen-command.ts'
import { shapeOf } from '../../checklist/lib/shape.ts'
import type { Run } from '../run.ts'
import { recordOf } from '../target/conman.ts'
import { rounded } from './client.ts'
import type { SeenQuery, ServerSideLoad, SlowQuery, WatchedDatabase, WatchedMember } from './evidence.ts'
import { ServerCounters } from './server-status.ts'

const ROWS_MAX = 20
/** Of a log that grew more while the load ran, its last part. */
const LOG_BYTES_MAX = 8 * 1024 * 1024
/** More operations under way are only counted by the others. */
const UNDER_WAY_MAX = 200

export interface DatabaseWatch {
  /** Often: what is under way. */
  look(): Promise<void>
  /** Seldom: the server's counters. */
  count(): Promise<void>
  result(): Promise<ServerSideLoad['database']>
  close(): Promise<void>
}

export async function watchDatabase(run: Run): Promise<DatabaseWatch | { because: string }> {
  const { database, fixtures } = run.target
  if (database === undefined) return { because: 'the database was not handed over' }
  if (fixtures !== undefined) return await watchMembers(run, await openDatabase(run.target))
  const first = await database.serverStatus()
  if (first === null)
    return { because: 'the database’s user may not ask for its counters: that needs the role clusterMonitor' }
  const counters = new ServerCounters(first)
  const count = async () => counters.add((await database.serverStatus()) ?? {})
  return {
    look: async () => {},
    count,
    async result() {
      await count()
      const host = String(first.host ?? 'the server that is read').slice(0, 200)
      return { members: [counters.result(host, roleIn(first))], collections: null, slow: null, under_way: null }
    },
    close: async () => {},
  }
}

async function watchMembers(run: Run, database: Database): Promise<DatabaseWatch> {
  const logs = logsOf(run, database).map(({ member, file }) => ({ member, file, from: statSync(file).size }))
  const members = await Promise.all(
    logs.map(async ({ member, file, from }) => ({
      member,
      file,
      from,
      role: await stateOf(member),
      counters: new ServerCounters(await statusOf(member.client)),
      top: await topOf(member.client, database.name),
    })),
  )
  const seen = new Map<string, SeenQuery>()
  let looks = 0
  const count = async () => {
    await Promise.all(members.map(async ({ member, counters }) => counters.add(await statusOf(member.client))))
  }
  return {
    async look() {
      looks += 1
      const all = await Promise.all(members.map(({ member }) => underWay(member.client, database.name)))
      for (const operation of all.flat()) addSeen(seen, operation)
    },
    count,
    async result() {
      await count()
      const collections = new Map<string, { operations: number; ms: number }>()
      for (const { member, top } of members) addUse(collections, top, await topOf(member.client, database.name))
      const { slowms } = await members[0]!.member.client.db(database.name).command({ profile: -1 })
      const commands = members.flatMap(({ member, file, from, role }) =>
        slowCommands(partOf(file, from), { database: database.name, member: member.host, on: role }),
      )
      return {
        members: members.map(({ member, role, counters }): WatchedMember => counters.result(member.host, role)),
        collections: [...collections]
          .map(([collection, { operations, ms }]) => ({ collection, operations, ms: rounded(ms) }))
          .sort((a, b) => b.ms - a.ms)
          .slice(0, ROWS_MAX),
        slow: { from_ms: Number(slowms), queries: slowQueries(commands) },
        under_way: {
          looks,
          queries: [...seen.values()].sort((a, b) => b.seen - a.seen).slice(0, ROWS_MAX),
        },
      } satisfies WatchedDatabase
    },
    close: async () => await database[Symbol.asyncDispose](),
  }
}

type Client = Database['client']

function statusOf(client: Client): Promise<Document> {
  return client.db('admin').command({ serverStatus: 1 })
}

function roleIn(status: Document): SeenCommand['on'] {
  const repl = recordOf(status.repl)
  return repl?.isWritablePrimary === true ? 'primary' : repl?.secondary === true ? 'secondary' : 'other'
}

type Top = Map<string, { operations: number; us: number }>

/** Operations that a client asks for, by collection, since the member was started. */
async function topOf(client: Client, database: string): Promise<Top> {
  const { totals } = await client.db('admin').command({ top: 1 })
  const top: Top = new Map()
  for (const [namespace, use] of Object.entries(recordOf(totals) ?? {})) {
    if (!namespace.startsWith(`${database}.`)) continue
    const kinds = ['queries', 'insert', 'update', 'remove', 'commands'].map((kind) => recordOf(recordOf(use)?.[kind]))
    const sum = (what: string) => kinds.reduce((all, kind) => all + Number(kind?.[what] ?? 0), 0)
    top.set(namespace.slice(database.length + 1), { operations: sum('count'), us: sum('time') })
  }
  return top
}

function addUse(into: Map<string, { operations: number; ms: number }>, before: Top, after: Top): void {
  for (const [collection, { operations, us }] of after) {
    const from = before.get(collection) ?? { operations: 0, us: 0 }
    if (operations <= from.operations) continue
    const use = into.get(collection) ?? { operations: 0, ms: 0 }
    use.operations += operations - from.operations
    use.ms += (us - from.us) / 1_000
    into.set(collection, use)
  }
}

async function underWay(client: Client, database: string): Promise<Document[]> {
  const pipeline = [
    { $currentOp: { allUsers: true } },
    { $match: { active: true, ns: { $regex: `^${database}\\.` }, appName: { $ne: OUR_APP_NAME } } },
    { $limit: UNDER_WAY_MAX },
    { $project: { ns: 1, op: 1, command: 1, planSummary: 1, waitingForLock: 1 } },
  ]
  return await client.db('admin').aggregate(pipeline).toArray()
}

function addSeen(seen: Map<string, SeenQuery>, operation: Document): void {
  const command = recordOf(operation.command) ?? {}
  // Of an update or a delete its statement is told, not its command.
  const statement = recordOf(command.q)
  const query = {
    collection: collectionOf(String(operation.ns)),
    command: (statement === undefined ? Object.keys(command)[0] : undefined) ?? String(operation.op),
    shape: shapeOf(statement === undefined ? command : { filter: statement }),
    plan: typeof operation.planSummary === 'string' ? operation.planSummary : null,
  }
  const key = JSON.stringify(query)
  const entry = seen.get(key) ?? { ...query, seen: 0, waiting_for_lock: 0 }
  entry.seen += 1
  if (operation.waitingForLock === true) entry.waiting_for_lock += 1
  seen.set(key, entry)
}

function collectionOf(namespace: string): string {
  return namespace.slice(namespace.indexOf('.') + 1)
}

function slowCommands(log: string, on: { database: string; member: string; on: SeenCommand['on'] }): LoggedCommand[] {
  return commandsIn(log, { ...on, from: null, to: null }) ?? []
}

function slowQueries(commands: readonly LoggedCommand[]): SlowQuery[] {
  const rows = new Map<string, SlowQuery>()
  for (const { seen } of commands) {
    const query = { collection: seen.collection ?? '', command: seen.command, shape: seen.shape, plan: seen.plan }
    const key = JSON.stringify(query)
    const row = rows.get(key) ?? {
      ...query,
      count: 0,
      max_ms: 0,
      total_ms: 0,
      documents_examined: 0,
      keys_examined: 0,
      returned: 0,
      sorted_in_memory: false,
    }
    row.count += 1
    row.max_ms = Math.max(row.max_ms, seen.duration_ms)
    row.total_ms += seen.duration_ms
    row.documents_examined += seen.documents_examined ?? 0
    row.keys_examined += seen.keys_examined ?? 0
    row.returned += seen.returned ?? 0
    row.sorted_in_memory ||= seen.sorted_in_memory
    rows.set(key, row)
  }
  return [...rows.values()].sort((a, b) => b.total_ms - a.total_ms).slice(0, ROWS_MAX)
}

/** What was written to a log since it was so long. */
function partOf(file: string, offset: number): string {
  const { size } = statSync(file)
  const from = Math.max(offset, size - LOG_BYTES_MAX)
  const bytes = Buffer.alloc(Math.max(0, size - from))
  const descriptor = openSync(file, 'r')
  try {
    return bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, from)).toString('utf8')
  } finally {
    closeSync(descriptor)
  }
}
