// Stacks that outlive the harness: `./readiness up`, and a failed run that is to be looked at. The stack's reaper keeps it;
// a state file with its addresses and credentials says where it is, and goes when the stack goes.

import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { HarnessError, UsageError } from '../errors.ts'
import { cleanUp } from './clean-up.ts'
import { isRunning, signal } from './process-table.ts'
import type { KeptBelongings } from './reaper-protocol.ts'
import type { Stack, StackAddresses } from './stack.ts'
import { stateFolder } from './state-folder.ts'
import { waitFor } from './wait-for.ts'

export interface KeptStack extends StackAddresses, KeptBelongings {
  startedAt: string
  processes: { name: string; pid: number; logFile: string }[]
}

export interface KeptStackReport {
  state: KeptStack
  file: string
  /** Whether its keeper lives. `endKept` cleans up either way. */
  kept: boolean
}

/** The reaper's own bounds (clean-up.ts), with room for a large folder. */
const END_WITHIN_MS = 20_000

/** The harness may end after this, and dispose its stack: it stays until `endKept`. Returns the state file. */
export async function keepStack(stack: Stack): Promise<string> {
  const file = join(stateFolder('stacks'), `${stack.id}.json`)
  const processes = [...stack.processes.values()].flatMap(({ name, pid, logFile }) =>
    pid === undefined ? [] : [{ name, pid, logFile }],
  )
  await stack.handOver(file, { ...stack.addresses, startedAt: new Date().toISOString(), processes })
  return file
}

export async function listKept(): Promise<KeptStackReport[]> {
  const folder = stateFolder('stacks')
  const names = await readdir(folder).catch(() => [])
  const reports: KeptStackReport[] = []
  for (const name of names.filter((one) => one.endsWith('.json')).sort()) {
    const file = join(folder, name)
    const state = await readState(file)
    if (state !== undefined) reports.push({ state, file, kept: isRunning(state.reaper) })
  }
  return reports
}

/** Ends a kept stack and waits until nothing of it is left, whether its keeper still lives or not. */
export async function endKept(id: string): Promise<void> {
  const file = join(stateFolder('stacks'), `${id}.json`)
  const state = await readState(file)
  if (state === undefined)
    throw new UsageError(`no stack ${id} is kept`, `the kept ones are the files in ${stateFolder('stacks')}`)
  if (isRunning(state.reaper)) {
    signal(state.reaper.pid, 'SIGTERM')
    // It may be stuck; then the same is done from here.
    await waitFor(() => !isRunning(state.reaper), { what: 'the stack to end', within_ms: END_WITHIN_MS }).catch(() => {
      signal(state.reaper.pid, 'SIGKILL')
    })
  }
  const left = await cleanUp({ stackId: state.id, groups: state.groups, folders: state.folders })
  if (left.length > 0)
    throw new HarnessError(`of stack ${id} is left: ${left.join(', ')}`, 'end and remove these by hand')
  await rm(file, { force: true })
}

async function readState(file: string): Promise<KeptStack | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as KeptStack
  } catch {
    // It went while we looked, or it is not ours to read.
    return undefined
  }
}
