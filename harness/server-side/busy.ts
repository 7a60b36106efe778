// Processors, disk and the load generator: which of them was at its limit. Pure.

import type { Bottleneck } from './bottlenecks.ts'
import { isMissing, type ServerSideLoad, type WatchedProcess } from './evidence.ts'

/** Above it, requests queue for what is busy longer than they take: the mean wait at 85 % is some six times the work. */
const AT_LIMIT = 0.85
/** Ready without a processor for so long, a thread is slowed by those that have them. */
const SHORT = 0.2
/** Other programs beside k6 are in it: only when there is nothing left is the machine itself named. */
const MACHINE_AT_LIMIT = 0.95
/** k6's own advice: below 80 % of the processors it is sound; half of that leaves room for what it cannot see. */
const GENERATOR_SHARE_MAX = 0.6
/** A wait of this length is as long as the strictest limit of a single query. */
const LAG_MS_MAX = 100
const STALLED_SHARE_MAX = 0.2
const JOURNAL_SYNC_MS_MAX = 10
const SYNCS_MIN = 10

export function busyParts(load: ServerSideLoad): Bottleneck[] {
  return [...busyProcesses(load), ...busyMachine(load), ...disk(load), ...generator(load)]
}

/**
 * Slowed for lack of a processor: it had most of all there are, or one of its threads always had something to do. What the
 * thread waited for a processor is counted with what it ran: without the others it would have run.
 */
export function isShort(process: WatchedProcess, cpus: number): boolean {
  return isThreadShort(process) || process.cores >= AT_LIMIT * cpus
}

function isThreadShort(process: WatchedProcess): boolean {
  return wanted(process) >= AT_LIMIT || (process.busiest_thread_waited ?? 0) >= SHORT
}

function wanted({ busiest_thread_cores: ran, busiest_thread_waited: waited }: WatchedProcess): number {
  return (ran ?? 0) + (waited ?? 0)
}

function busyProcesses({ processes, machine }: ServerSideLoad): Bottleneck[] {
  if (isMissing(processes)) return []
  const cpus = isMissing(machine) ? Number.POSITIVE_INFINITY : machine.cpus
  const short = processes.filter((process) => isShort(process, cpus)).sort((a, b) => wanted(b) - wanted(a))
  // Where the machine has no room all wait a little: then the one that waits most is named.
  const named = short.filter((process) => wanted(process) >= AT_LIMIT || process.cores >= AT_LIMIT * cpus)
  return (named.length > 0 ? named : short.slice(0, 1)).map((process) => ({
    where: `processor: ${process.name}`,
    figure: isThreadShort(process) ? threadWords(process) : `it had ${process.cores.toFixed(2)} of ${cpus} cores`,
  }))
}

function threadWords({ busiest_thread_cores: ran, busiest_thread_waited: waited }: WatchedProcess): string {
  const words = `its busiest thread ran ${percent(ran ?? 0)} of the time`
  return (waited ?? 0) < SHORT
    ? words
    : `${words}; it was ready without a processor for another ${percent(waited ?? 0)}, because others had them`
}

function busyMachine({ machine, processes, one_server }: ServerSideLoad): Bottleneck[] {
  if (isMissing(machine) || machine.busy_share < MACHINE_AT_LIMIT) return []
  const target = isMissing(processes) ? null : processes.reduce((sum, { cores }) => sum + cores, 0)
  const busy = machine.busy_share * machine.cpus
  const parts =
    target === null
      ? ''
      : `: ${target.toFixed(2)} by the target’s processes, ${Math.max(0, busy - target).toFixed(2)} by k6 and everything else`
  return [
    {
      where: one_server ? 'processors of this machine' : 'processors of the load generator’s machine',
      figure: `${busy.toFixed(2)} of ${machine.cpus} cores were busy${parts}`,
    },
  ]
}

function disk({ machine, database, one_server }: ServerSideLoad): Bottleneck[] {
  const found: Bottleneck[] = []
  // Of a target elsewhere this machine's disk is not its disk.
  if (!isMissing(machine) && one_server) {
    const { io_stalled_share: stalled, iowait_share: iowait } = machine
    if ((stalled ?? 0) >= STALLED_SHARE_MAX || iowait >= STALLED_SHARE_MAX) {
      found.push({
        where: 'disk',
        figure: `something waited for it for ${percent(stalled ?? iowait)} of the time; ${percent(iowait)} of the processors’ time was idle for it`,
      })
    }
  }
  for (const { host, role, journal_syncs } of isMissing(database) ? [] : database.members) {
    if (journal_syncs === null || journal_syncs.syncs < SYNCS_MIN) continue
    const each_ms = journal_syncs.ms / journal_syncs.syncs
    if (each_ms < JOURNAL_SYNC_MS_MAX) continue
    found.push({
      where: `disk: journal of the ${role} ${host}`,
      figure: `${each_ms.toFixed(0)} ms for each of ${journal_syncs.syncs} syncs`,
    })
  }
  return found
}

function generator({ generator: { cpu_share, dropped_iterations, pulse_lag_ms_max } }: ServerSideLoad): Bottleneck[] {
  const found: Bottleneck[] = []
  if (cpu_share !== null && cpu_share >= GENERATOR_SHARE_MAX) {
    found.push({ where: 'load generator', figure: `k6 had ${percent(cpu_share)} of all cores` })
  }
  if (dropped_iterations > 0) {
    found.push({
      where: 'load generator',
      figure: `${dropped_iterations} iterations were never started: all virtual users were waiting for answers`,
    })
  }
  if (pulse_lag_ms_max >= LAG_MS_MAX) {
    found.push({
      where: 'machine of the load generator',
      figure: `it kept a ready process waiting for up to ${pulse_lag_ms_max.toFixed(0)} ms`,
    })
  }
  return found
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`
}
