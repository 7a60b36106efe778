// The reaper: a small process of its own that outlives the harness by the moment it takes to clean up after it. Its stdin
// is a pipe that only the harness holds, so the pipe's end says that the harness ended, however it did (kill -9, a crash,
// Ctrl-C). Then it ends every registered process group and every process with the stack's marker, removes the registered
// folders, and exits. Told to keep, it lives on instead, and does all that when it gets SIGTERM or SIGINT.
// Argument: STACK_ID.

import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { cleanUp } from './clean-up.ts'
import { type ProcessIdentity, startOf } from './process-table.ts'
import type { KeptBelongings, ReaperAnswer, ReaperRequest } from './reaper-protocol.ts'

const stackId = process.argv[2]
if (stackId === undefined) throw new Error('usage: reaper.ts STACK_ID')

/** By id and start, so that a late 'unregister' of an old process does not drop a new one with the same id. */
const groups = new Map<string, ProcessIdentity>()
const folders = new Set<string>()
let keptIn: string | undefined

const keyOf = ({ pid, started }: ProcessIdentity) => `${pid} ${started}`

async function handle(request: ReaperRequest): Promise<void> {
  switch (request.do) {
    case 'register-group':
      groups.set(keyOf(request), { pid: request.pid, started: request.started })
      break
    case 'unregister-group':
      groups.delete(keyOf(request))
      break
    case 'register-folder':
      folders.add(request.path)
      break
    case 'unregister-folder':
      folders.delete(request.path)
      break
    case 'keep':
      try {
        await writeState(request.file, request.state)
        keptIn = request.file
        answer({ kept: true })
      } catch (error) {
        answer({ kept: false, why: (error as Error).message })
      }
  }
}

/** Whole or not at all, and readable by its owner only: it holds the stack's credentials. */
async function writeState(file: string, state: Record<string, unknown>): Promise<void> {
  const belongings: KeptBelongings = {
    reaper: { pid: process.pid, started: startOf(process.pid) ?? '' },
    groups: [...groups.values()],
    folders: [...folders],
  }
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  await writeFile(`${file}.new`, `${JSON.stringify({ ...state, ...belongings }, undefined, 2)}\n`, { mode: 0o600 })
  await rename(`${file}.new`, file)
}

function answer(line: ReaperAnswer): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

let ending = false
async function end(): Promise<never> {
  if (ending) return await new Promise<never>(() => {})
  ending = true
  const left = await cleanUp({ stackId: stackId as string, groups: [...groups.values()], folders: [...folders] })
  // A state file that stays tells `end` what was not cleaned.
  if (keptIn !== undefined && left.length === 0) await rm(keptIn, { force: true })
  process.exit(left.length === 0 ? 0 : 1)
}

// While the harness lives, the pipe decides and nothing else: a Ctrl-C or a `kill` meant for the harness must not take
// its cleaner away. Kept, a signal is how it is told to end.
for (const name of ['SIGTERM', 'SIGINT'] as const) {
  process.on(name, () => {
    if (keptIn !== undefined) void end()
  })
}
process.on('SIGHUP', () => {})
// The harness may be gone before it reads an answer.
process.stdout.on('error', () => {})

// One after the other: what is kept must be all that was registered before.
let handled = Promise.resolve()
createInterface({ input: process.stdin })
  .on('line', (line) => {
    handled = handled.then(() => handle(JSON.parse(line) as ReaperRequest)).catch(() => {})
  })
  .on('close', async () => {
    await handled
    if (keptIn === undefined) await end()
    // Nothing is left to wait for but a signal, and a signal handler alone keeps no process alive.
    setInterval(() => {}, 2 ** 30)
  })
