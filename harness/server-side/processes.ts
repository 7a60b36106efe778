// What each process of the stack, and the machine, did with its processors and memory: read from /proc every half second.

import { readFileSync } from 'node:fs'
import { processUsage } from '../stack/process-table.ts'
import { rounded } from './client.ts'
import type { ServerSideLoad, WatchedProcess } from './evidence.ts'

/** A picture holds no more. */
const POINTS_MAX = 60

type Named = { name: string; pid: number }
type Window = { from_ms: number; to_ms: number }

interface Reading {
  at_ms: number
  cpu_s: number
  rss_bytes: number
  threads: ReadonlyMap<number, { cpu_s: number; waited_s: number }> | null
}

interface MachineReading {
  at_ms: number
  busy: number
  iowait: number
  total: number
  io_stalled_us: number | null
}

export class ProcessWatch {
  readonly #list: () => readonly Named[]
  readonly #readings = new Map<string, Reading[]>()
  readonly #machine: MachineReading[] = []

  constructor(list: () => readonly Named[]) {
    this.#list = list
  }

  look(): void {
    const machine = readMachine()
    if (machine !== null) this.#machine.push(machine)
    for (const { name, pid } of this.#list()) {
      // A thread of a mongod is a connection: the busiest of them says nothing.
      const usage = processUsage(pid, { threads: !name.startsWith('mongod') })
      if (usage === undefined) continue
      const readings = this.#readings.get(name) ?? []
      this.#readings.set(name, readings)
      readings.push({ at_ms: Date.now(), ...usage })
    }
  }

  processes(window: Window, began_ms: number): ServerSideLoad['processes'] {
    const rows = [...this.#readings].flatMap(([name, readings]) => processOf(name, readings, window, began_ms) ?? [])
    return rows.length > 0
      ? rows
      : { because: 'the processes of the target are not the harness’s own, or not on Linux' }
  }

  machine(window: Window, cpus: number): ServerSideLoad['machine'] {
    const [first, last] = around(this.#machine, window)
    if (first === undefined || last === undefined || last.total <= first.total) {
      return { because: 'this system does not tell how busy it is' }
    }
    const total = last.total - first.total
    const stalled =
      first.io_stalled_us === null || last.io_stalled_us === null ? null : last.io_stalled_us - first.io_stalled_us
    return {
      cpus,
      busy_share: rounded((last.busy - first.busy) / total),
      iowait_share: rounded((last.iowait - first.iowait) / total),
      io_stalled_share: stalled === null ? null : rounded(stalled / 1_000 / (last.at_ms - first.at_ms)),
    }
  }
}

function processOf(
  name: string,
  all: readonly Reading[],
  window: Window,
  began_ms: number,
): WatchedProcess | undefined {
  // One that was started anew begins at nought again: what is seen of the older one is left out.
  const anew = all.findLastIndex((reading, index) => index > 0 && reading.cpu_s < all[index - 1]!.cpu_s)
  const readings = all.slice(Math.max(0, anew))
  const [first, last] = around(readings, window)
  if (first === undefined || last === undefined || last.at_ms <= first.at_ms) return undefined
  const seconds = (last.at_ms - first.at_ms) / 1_000
  const busiest = busiestThread(first, last)
  return {
    name,
    cores: rounded((last.cpu_s - first.cpu_s) / seconds),
    busiest_thread_cores: busiest && rounded(busiest.cpu_s / seconds),
    busiest_thread_waited: busiest && rounded(busiest.waited_s / seconds),
    rss_bytes_max: Math.max(...readings.map(({ rss_bytes }) => rss_bytes)),
    points: thinned(readings).map(({ from, to }) => ({
      at_s: rounded((to.at_ms - began_ms) / 1_000),
      cores: rounded((to.cpu_s - from.cpu_s) / ((to.at_ms - from.at_ms) / 1_000)),
    })),
  }
}

/** Counted with its wait for a processor: a thread that had none would have used it. */
function busiestThread(first: Reading, last: Reading): { cpu_s: number; waited_s: number } | null {
  if (first.threads === null || last.threads === null) return null
  let busiest = { cpu_s: 0, waited_s: 0 }
  for (const [id, { cpu_s, waited_s }] of last.threads) {
    const before = first.threads.get(id) ?? { cpu_s: 0, waited_s: 0 }
    const used = { cpu_s: cpu_s - before.cpu_s, waited_s: waited_s - before.waited_s }
    if (used.cpu_s > busiest.cpu_s) busiest = used
  }
  return busiest
}

/** The last reading before the window and the first after it; those at its ends where there is none beyond. */
function around<T extends { at_ms: number }>(readings: readonly T[], { from_ms, to_ms }: Window): (T | undefined)[] {
  const first = readings.findLast(({ at_ms }) => at_ms <= from_ms) ?? readings[0]
  const last = readings.find(({ at_ms }) => at_ms >= to_ms) ?? readings.at(-1)
  return [first, last]
}

/** Neighbouring readings, put together until there are few enough. */
function thinned(readings: readonly Reading[]): { from: Reading; to: Reading }[] {
  const step = Math.max(1, Math.ceil((readings.length - 1) / POINTS_MAX))
  const kept = readings.filter((_, index) => index % step === 0)
  return kept.slice(1).flatMap((to, index) => {
    const from = kept[index]!
    return to.at_ms > from.at_ms ? [{ from, to }] : []
  })
}

function readMachine(): MachineReading | null {
  try {
    // proc(5): user, nice, system, idle, iowait, irq, softirq, steal.
    const line = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0]!
    const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number)
    const total = ticks.reduce((sum, value) => sum + value, 0)
    const iowait = ticks[4]!
    return { at_ms: Date.now(), busy: total - ticks[3]! - iowait, iowait, total, io_stalled_us: ioStalled() }
  } catch {
    return null
  }
}

function ioStalled(): number | null {
  try {
    const total = /^some .*total=(\d+)/m.exec(readFileSync('/proc/pressure/io', 'latin1'))?.[1]
    return total === undefined ? null : Number(total)
  } catch {
    return null
  }
}
