// Where a stack keeps its data. On a small virtual disk three journals and git's loose objects wait for the disk most of
// the time, and a load test would measure the disk of whoever runs the harness; so memory is used where there is enough.
// Nothing that is checked depends on surviving a power cut. What was used is printed with every run.

import { statfsSync } from 'node:fs'
import { freemem, tmpdir } from 'node:os'
import { resolve } from 'node:path'

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

function hasRoom(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize >= BYTES_WANTED
  } catch {
    return false
  }
}
