// Watches every command that a target sends to its database, on every member. Where the stack is ours each member is told
// to log them and its log is read; elsewhere nothing is turned on, and nothing is watched.

import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { HarnessError } from '../../harness/errors.ts'
import type { Run } from '../../harness/run.ts'
import { type Database, type Member, stateOf } from './members.ts'
import { commandsIn, type LoggedCommand } from './seen-command.ts'

/** A log line is written when its command has ended; this long a line may take to be in the file. */
const WRITTEN_WITHIN_MS = 10_000
const LOOK_EVERY_MS = 20

export interface Watch {
  /** All that was seen since it began, by time. May be asked for once. */
  end(): Promise<Watched>
}

export interface Watched {
  commands: LoggedCommand[]
  /** What each member was at the beginning and at the end. */
  members: { host: string; before: string; after: string }[]
  began_ms: number
  ended_ms: number
}

/** Why a target's commands cannot be watched; undefined: they can. */
export function unwatchable(run: Run): string | undefined {
  if (run.target.fixtures === undefined) {
    return 'every command is only seen where the members of the replica set may be told to log them, which is on a stack of our own'
  }
  return undefined
}

export async function watchCommands(run: Run, database: Database): Promise<Watch> {
  const watched = logsOf(run, database)
  const from = `readiness-begin-${randomUUID()}`
  const to = `readiness-end-${randomUUID()}`
  const before = await Promise.all(watched.map(({ member }) => stateOf(member)))
  for (const { member } of watched) await logCommands(member, 1)
  const began_ms = Date.now()
  await Promise.all(watched.map(({ member }) => mark(member, from)))
  return {
    async end() {
      await Promise.all(watched.map(({ member }) => mark(member, to)))
      const ended_ms = Date.now()
      for (const { member } of watched) await logCommands(member, -1)
      const after = await Promise.all(watched.map(({ member }) => stateOf(member)))
      const commands: LoggedCommand[] = []
      for (const [index, { member, file }] of watched.entries()) {
        const log = await logWith(file, to, run.signal)
        const wanted = { database: database.name, from, to, member: member.host, on: before[index]! }
        const found = commandsIn(log, wanted)
        if (found === null)
          throw new HarnessError(`the log of ${member.host} does not hold what was marked`, 'run again')
        commands.push(...found)
      }
      return {
        commands: commands.sort((a, b) => a.seen.at_ms - b.seen.at_ms),
        members: watched.map(({ member }, index) => ({
          host: member.host,
          before: before[index]!,
          after: after[index]!,
        })),
        began_ms,
        ended_ms,
      }
    },
  }
}

/** Each member with the file that it logs to. */
export function logsOf(run: Run, database: Database): { member: Member; file: string }[] {
  const logs = logsByPort(run)
  return database.members.map((member) => {
    const file = logs.get(portOf(member.host))
    if (file === undefined) throw new HarnessError(`the log of ${member.host} is not known`, 'report it')
    return { member, file }
  })
}

async function logCommands({ client }: Member, verbosity: number): Promise<void> {
  await client.db('admin').command({ setParameter: 1, logComponentVerbosity: { command: { verbosity } } })
}

async function mark({ client }: Member, comment: string): Promise<void> {
  await client.db('admin').command({ ping: 1, comment })
}

/** A member's log, once it holds a text that is on its way there. */
export async function logWith(file: string, text: string, signal: AbortSignal): Promise<string> {
  const deadline = performance.now() + WRITTEN_WITHIN_MS
  for (;;) {
    const log = readFileSync(file, 'utf8')
    if (log.includes(text)) return log
    if (performance.now() > deadline) {
      throw new HarnessError(`${file} does not show what was asked ${WRITTEN_WITHIN_MS} ms ago`, 'run again')
    }
    await delay(LOOK_EVERY_MS, undefined, { signal })
  }
}

/** The members' logs by the port that each says it listens on. */
function logsByPort(run: Run): Map<number, string> {
  const files: string[] = []
  run.target.copyLogs((file, name) => {
    if (/^mongod/.test(name)) files.push(file)
  })
  const ports = new Map<number, string>()
  for (const file of files) {
    const port = /"msg":"Waiting for connections","attr":\{"port":(\d+)/.exec(readFileSync(file, 'utf8'))?.[1]
    if (port !== undefined) ports.set(Number(port), file)
  }
  return ports
}

function portOf(host: string): number {
  return Number(host.split(':').at(-1))
}
