// Where a stack keeps its data. On a small virtual disk three journals and git's loose objects wait for the disk most of
// the time, and a load test would measure the disk of whoever runs the harness; so memory is used where there is enough.
// Nothing that is checked depends on surviving a power cut. What was used is printed with every run.

import { statfsSync } from 'node:fs'
import { freemem, tmpdir } from 'node:os'
import { resolve } from 'node:path'
import { UsageError } from '../errors.ts'

/** A stack with the largest fixtures needs about a gigabyte; twice that stays free for the programs themselves. */
const BYTES_WANTED = 3 * 2 ** 30
const MEMORY_FOLDER = '/dev/shm'

export interface StackParent {
  path: string
  kind: 'memory' | 'disk' | 'READINESS_TMP'
}

/** The folder under which stacks make theirs: READINESS_TMP, memory where there is enough of it, the system's own. */
export function stackParent(env: NodeJS.ProcessEnv = process.env): StackParent {
  if (env.READINESS_TMP) return { path: resolve(env.READINESS_TMP), kind: 'READINESS_TMP' }
  if (hasRoom(MEMORY_FOLDER) && freemem() >= BYTES_WANTED) return { path: MEMORY_FOLDER, kind: 'memory' }
  return { path: tmpdir(), kind: 'disk' }
}

/** Below this a member of the replica set dies half-way, with no room even for its last words in the log. */
const BYTES_DEMANDED = 256 * 2 ** 20

/** A full disk is said before anything is started on it. */
export function demandRoom(parent: StackParent): void {
  const free = freeBytes(parent.path)
  if (free === undefined)
    throw new UsageError(`${parent.path} cannot be read`, 'set READINESS_TMP to a folder that you may write to')
  if (free >= BYTES_DEMANDED) return
  throw new UsageError(
    `no room for a stack: ${parent.path} has ${Math.floor(free / 2 ** 20)} MiB free, ${BYTES_DEMANDED / 2 ** 20} are needed`,
    'make room, or set READINESS_TMP to a folder on another disk',
  )
}

function hasRoom(folder: string): boolean {
  return (freeBytes(folder) ?? 0) >= BYTES_WANTED
}

function freeBytes(folder: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize
  } catch {
    return undefined
  }
}
