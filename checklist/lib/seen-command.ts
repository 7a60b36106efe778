// What a member of the replica set was asked to do, as its own log tells it. With the log component `command` at verbosity
// 1 mongod writes one line for every command that it has done: who asked, with which concerns, and by which plan.

import { type Static, Type } from 'typebox'
import { recordOf } from '../../harness/target/conman.ts'
import { OUR_APP_NAME } from './members.ts'
import { shapeOf } from './shape.ts'

const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()])

export const SeenCommandSchema = Type.Object(
  {
    at_ms: Type.Number(),
    /** Which member, and what it was while it was watched. */
    member: Type.String(),
    on: Type.Union([Type.Literal('primary'), Type.Literal('secondary'), Type.Literal('other')]),
    app: Nullable(Type.String()),
    command: Type.String(),
    collection: Nullable(Type.String()),
    /** As the client said it; null where it said none, which means the primary. */
    read_preference: Nullable(Type.String()),
    /** What was in force, by the client's word or by a default; null for what reads, and inside a transaction. */
    write_concern: Nullable(
      Type.Object(
        { w: Type.Union([Type.String(), Type.Number()]), j: Nullable(Type.Boolean()), said_by: Type.String() },
        { additionalProperties: false },
      ),
    ),
    /** Names the transaction that it is part of; null: none. */
    transaction: Nullable(Type.String()),
    failed: Type.Boolean(),
    plan: Nullable(Type.String()),
    keys_examined: Nullable(Type.Integer()),
    documents_examined: Nullable(Type.Integer()),
    returned: Nullable(Type.Integer()),
    sorted_in_memory: Type.Boolean(),
    duration_ms: Type.Integer(),
    /** Of that, waiting for its write concern; absent where it did not. */
    write_concern_ms: Type.Optional(Type.Integer()),
    /** Fields and operators of what was asked, without its values. */
    shape: Type.String(),
  },
  { additionalProperties: false },
)
export type SeenCommand = Static<typeof SeenCommandSchema>

/** A command as it was logged, with its values: for asking again, never for keeping. */
export interface LoggedCommand {
  seen: SeenCommand
  command: Record<string, unknown>
  /** The log leaves out what is long. */
  whole: boolean
}

/** Names that the harness's own connections give themselves. */
const OURS = new Set([OUR_APP_NAME, 'readiness-harness'])

/** Commands that drivers send by themselves, to know who is there and to tidy up. */
const OF_THE_DRIVER = new Set([
  'hello',
  'ismaster',
  'isMaster',
  'endSessions',
  'saslStart',
  'saslContinue',
  'buildInfo',
])

/** Commands that look for documents. `getMore` goes on with one of them. */
export const READS: ReadonlySet<string> = new Set(['find', 'aggregate', 'count', 'distinct'])
export const WRITES: ReadonlySet<string> = new Set(['insert', 'update', 'delete', 'findAndModify'])

const SLOW_QUERY = 51_803
const CLIENT_METADATA = 51_800

/**
 * Reads a member's log, from its beginning, for who is on which connection; answers what was asked of `database` between
 * the two marks (members' own replication and the harness left out). Null where a mark is missing. Without marks: all of it.
 */
export function commandsIn(
  log: string,
  wanted: { database: string; from: string | null; to: string | null; member: string; on: SeenCommand['on'] },
): LoggedCommand[] | null {
  const internal = new Set<string>()
  const found: LoggedCommand[] = []
  let between = wanted.from === null
  for (const text of log.split('\n')) {
    const begins = wanted.from !== null && text.includes(wanted.from)
    const ends = wanted.to !== null && text.includes(wanted.to)
    if (!begins && !ends && !text.includes('"Slow query"') && !text.includes('"client metadata"')) continue
    const line = parsed(text)
    const attr = recordOf(line?.attr)
    if (line === undefined || attr === undefined) continue
    const connection = String(line.ctx)
    if (line.id === CLIENT_METADATA) {
      if (isInternal(attr)) internal.add(connection)
      else internal.delete(connection)
    }
    if (line.id !== SLOW_QUERY) continue
    if (begins) between = true
    if (ends) return between ? found : null
    if (!between || internal.has(connection) || OURS.has(String(attr.appName))) continue
    const command = logged(line, attr, wanted)
    if (command !== undefined) found.push(command)
  }
  return wanted.to === null && between ? found : null
}

function isInternal(attr: Record<string, unknown>): boolean {
  const driver = recordOf(recordOf(attr.doc)?.driver)?.name
  return typeof driver === 'string' && driver.startsWith('NetworkInterfaceTL')
}

function logged(
  line: Record<string, unknown>,
  attr: Record<string, unknown>,
  { database, member, on }: { database: string; member: string; on: SeenCommand['on'] },
): LoggedCommand | undefined {
  const command = recordOf(attr.command)
  const [name] = Object.keys(command ?? {})
  if (attr.type !== 'command' || command === undefined || name === undefined || OF_THE_DRIVER.has(name))
    return undefined
  // A transaction is committed on `admin`, whatever it changed; a ping may be sent to any database.
  const elsewhere = name === 'commitTransaction' || name === 'ping'
  const [ofDatabase] = String(attr.ns).split('.', 1)
  if (ofDatabase !== database && !elsewhere) return undefined
  const concern = READS.has(name) ? undefined : recordOf(attr.writeConcern)
  const lsid = recordOf(recordOf(command.lsid)?.id)?.$uuid
  const waited_ms = integerOrNull(attr.waitForWriteConcernDurationMillis)
  const inTransaction = command.autocommit === false && lsid !== undefined
  return {
    command,
    whole: line.truncated === undefined,
    seen: {
      at_ms: Date.parse(String(recordOf(line.t)?.$date)),
      member,
      on,
      app: typeof attr.appName === 'string' ? attr.appName : null,
      command: name,
      collection: collectionOf(command, name),
      read_preference: textOrNull(recordOf(command.$readPreference)?.mode),
      write_concern:
        concern === undefined
          ? null
          : {
              w: typeof concern.w === 'number' ? concern.w : String(concern.w),
              j: typeof concern.j === 'boolean' ? concern.j : null,
              said_by: concern.provenance === 'clientSupplied' ? 'the client' : 'a default',
            },
      transaction: inTransaction ? `${String(lsid).slice(0, 8)}/${JSON.stringify(command.txnNumber)}` : null,
      failed: attr.ok === 0 || attr.errCode !== undefined || attr.errName !== undefined,
      plan: textOrNull(attr.planSummary),
      keys_examined: integerOrNull(attr.keysExamined),
      documents_examined: integerOrNull(attr.docsExamined),
      returned: integerOrNull(attr.nreturned),
      sorted_in_memory: attr.hasSortStage === true,
      duration_ms: integerOrNull(attr.durationMillis) ?? 0,
      ...(waited_ms === null ? {} : { write_concern_ms: waited_ms }),
      shape: shapeOf(command),
    },
  }
}

function collectionOf(command: Record<string, unknown>, name: string): string | null {
  const target = name === 'getMore' ? command.collection : command[name]
  return textOrNull(target)
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    return recordOf(JSON.parse(text))
  } catch {
    // The last line of a log may still be written.
    return undefined
  }
}

const textOrNull = (value: unknown) => (typeof value === 'string' ? value : null)
const integerOrNull = (value: unknown) => (Number.isInteger(value) ? (value as number) : null)
