// What the operating system knows about processes: when each began (so that a reused id is not taken for the old process),
// which carry a stack's marker in their environment, and how much memory they hold. Linux answers from /proc; elsewhere
// `ps` answers, without the environments.

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** Every process of a stack carries this variable, with the stack's id as its value; so do their children. */
export const MARKER = 'READINESS_STACK'

const onLinux = process.platform === 'linux'

/** A process, told apart from a later one with the same id. */
export interface ProcessIdentity {
  pid: number
  started: string
}

/** `undefined` when there is no such process, or only its zombie. */
export function startOf(pid: number): string | undefined {
  if (!onLinux) {
    const started = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).stdout?.trim()
    return started === '' ? undefined : started
  }
  const stat = statOf(pid)
  return stat === undefined || stat.state === 'Z' ? undefined : stat.started
}

export function isRunning(identity: ProcessIdentity): boolean {
  return startOf(identity.pid) === identity.started
}

interface Stat {
  state: string
  group: number
  /** User and system time of all its threads, in seconds; and of its children that have ended. */
  cpu_s: number
  children_cpu_s: number
  started: string
}

/** Ticks a second of the times in /proc: a constant of the interface on every Linux. */
const TICKS_PER_S = 100

function statOf(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The second field is the program's name in brackets, and may itself hold brackets and spaces.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    // Of proc(5)'s list: 3 state, 5 process group, 14 to 17 user and system time, its own and its ended children's, 22 start
    // time, all in ticks.
    return {
      state: fields[0] ?? '',
      group: Number(fields[2]),
      cpu_s: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S,
      children_cpu_s: (Number(fields[13]) + Number(fields[14])) / TICKS_PER_S,
      started: fields[19] ?? '',
    }
  } catch {
    return undefined
  }
}

/** `T`: stopped, `Z`: a zombie, by proc(5)'s letters. `undefined` when there is no such process. */
export function stateOf(pid: number): string | undefined {
  if (onLinux) return statOf(pid)?.state
  const state = spawnSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' }).stdout?.trim()
  return state ? state[0] : undefined
}

export interface MarkedProcess extends ProcessIdentity {
  group: number
}

/** All living processes with the stack's marker, whatever group they are in. Empty where there is no /proc. */
export function markedProcesses(stackId: string): MarkedProcess[] {
  if (!onLinux) return []
  const wanted = `${MARKER}=${stackId}`
  const found: MarkedProcess[] = []
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry)
    if (!Number.isInteger(pid) || pid === process.pid) continue
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(wanted)) continue
    } catch {
      // It ended, or it is somebody else's.
      continue
    }
    const stat = statOf(pid)
    if (stat !== undefined && stat.state !== 'Z') found.push({ pid, started: stat.started, group: stat.group })
  }
  return found
}

/** CPU time that a process has used. `undefined` where there is no /proc, or the process is gone. */
export function cpuSeconds(pid: number): number | undefined {
  return onLinux ? statOf(pid)?.cpu_s : undefined
}

export interface ProcessUsage {
  /** Of all its threads, and of children that have ended. */
  cpu_s: number
  rss_bytes: number
  /** Time on a processor, and time ready without one, by thread; null where they are too many, or the system does not tell. */
  threads: Map<number, { cpu_s: number; waited_s: number }> | null
}

/** Beyond it a look at each of them costs more than it tells. */
const THREADS_MAX = 64

/** `undefined` where there is no /proc, or the process is gone. */
export function processUsage(pid: number, look: { threads: boolean }): ProcessUsage | undefined {
  const stat = onLinux ? statOf(pid) : undefined
  const rss_bytes = stat === undefined ? undefined : residentBytes(pid)
  if (stat === undefined || rss_bytes === undefined) return undefined
  return { cpu_s: stat.cpu_s + stat.children_cpu_s, rss_bytes, threads: look.threads ? threadsOf(pid) : null }
}

function threadsOf(pid: number): ProcessUsage['threads'] {
  const ids = readOrNot(`/proc/${pid}/task`, (path) => readdirSync(path))
  if (ids === undefined || ids.length > THREADS_MAX) return null
  const threads: NonNullable<ProcessUsage['threads']> = new Map()
  for (const id of ids) {
    // Nanoseconds on a processor, and nanoseconds ready without one. Absent where the thread has ended meanwhile.
    const text = readOrNot(`/proc/${pid}/task/${id}/schedstat`, (path) => readFileSync(path, 'latin1'))
    const [used, waited] = text?.split(' ').map(Number) ?? []
    if (used !== undefined && waited !== undefined) {
      threads.set(Number(id), { cpu_s: used / 1e9, waited_s: waited / 1e9 })
    }
  }
  return threads.size > 0 ? threads : null
}

function readOrNot<T>(path: string, read: (path: string) => T): T | undefined {
  try {
    return read(path)
  } catch {
    return undefined
  }
}

/** Resident memory. `undefined` when the process is gone. */
export function residentBytes(pid: number): number | undefined {
  if (!onLinux) {
    const kib = Number(
      spawnSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }).stdout?.trim() || Number.NaN,
    )
    return Number.isNaN(kib) ? undefined : kib * 1024
  }
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
    return kib === undefined ? undefined : Number(kib) * 1024
  } catch {
    return undefined
  }
}

/** Sends a signal to a process or, with a negative id, to a group. `false` when there is none. */
export function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, name)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    // EPERM: it is there, and somebody else's.
    return name === 0
  }
}
