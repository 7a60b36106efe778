// Ends everything that a stack left: its process groups, whatever else carries its marker, and its folders. Used by the
// reaper when the harness is gone, and by whoever ends a kept stack whose reaper is gone too.

import { rm } from 'node:fs/promises'
import { basename, isAbsolute } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isRunning, markedProcesses, type ProcessIdentity, signal, startOf } from './process-table.ts'

/** What a stack has that must not outlive it. */
export interface Belongings {
  stackId: string
  /** Leaders of process groups: the group's id is the leader's. */
  groups: ProcessIdentity[]
  folders: string[]
}

/** Every folder of ours is named so; nothing else is ever removed. */
export const FOLDER_PREFIX = 'conman-readiness-'

/** Long enough for programs to write their last line; nothing that they hold is kept. */
const TERM_GRACE_MS = 1_500
const KILL_WITHIN_MS = 8_000
const POLL_MS = 25

/** Returns what is still there, empty when all is gone. */
export async function cleanUp(belongings: Belongings): Promise<string[]> {
  const began = performance.now()
  const elapsed = () => performance.now() - began
  let asked = new Set<number>()
  let left = survivors(belongings)
  let emptyScans = 0
  // Two empty looks in a row: a child that was being started while we looked the first time is there the second time.
  while (emptyScans < 2 && elapsed() < TERM_GRACE_MS + KILL_WITHIN_MS) {
    const name = elapsed() < TERM_GRACE_MS ? 'SIGTERM' : 'SIGKILL'
    for (const target of left) {
      // Asking once is enough; some programs take a second request for impatience. SIGKILL may be repeated.
      if (name === 'SIGTERM' && asked.has(target)) continue
      signal(target, name)
      // A frozen process would take the request only when it is thawed.
      if (name === 'SIGTERM') signal(target, 'SIGCONT')
    }
    if (name === 'SIGTERM') asked = new Set([...asked, ...left])
    await delay(POLL_MS)
    left = survivors(belongings)
    emptyScans = left.length === 0 ? emptyScans + 1 : 0
  }
  const remaining = left.map((target) => `process ${target}`)
  for (const folder of belongings.folders) {
    if (!isAbsolute(folder) || !basename(folder).startsWith(FOLDER_PREFIX)) continue
    try {
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    } catch (error) {
      // Below a file there is no folder: it could not be made.
      if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') continue
      remaining.push(`${folder} (${(error as Error).message})`)
    }
  }
  return remaining
}

/** Targets for `signal`: groups as negative numbers, single processes outside of them as positive ones. */
function survivors({ stackId, groups }: Belongings): number[] {
  const marked = markedProcesses(stackId)
  const targets = new Set<number>()
  for (const leader of groups) {
    // The number of a group is ours while its leader is the process that we started, or while a marked one is in it:
    // the kernel gives no new process the number of a group that still has members.
    // Where environments cannot be read, a group without a leader is taken for ours for the same reason.
    const ours =
      isRunning(leader) ||
      marked.some((one) => one.group === leader.pid) ||
      (process.platform !== 'linux' && startOf(leader.pid) === undefined)
    if (ours && signal(-leader.pid, 0)) targets.add(-leader.pid)
  }
  for (const one of marked) if (!targets.has(-one.group)) targets.add(one.pid)
  return [...targets]
}
