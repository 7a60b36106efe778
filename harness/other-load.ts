// How much of this machine's processors went to programs that are no part of the run, while something was measured. A
// target that shares its processors with strangers is slow for their sake, and must not be blamed for it.

import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** Long enough for the kernel's ticks of 10 ms to mean something, short enough to see a burst. */
const SLICE_MS = 1_000

interface Reading {
  at_ms: number
  /** Of all cores together, in ticks. */
  busy: number
  total: number
  /** Of this process, everything that it started, and what those started. */
  own: number
}

export interface Slice {
  from_ms: number
  to_ms: number
  /** 0…1 of all cores: what was busy, and not ours. */
  share: number
}

/** Watches until it is stopped. Null where the system does not tell. */
export function watchOtherLoad(): { stop(): Slice[] } | null {
  const first = read()
  if (first === null) return null
  const readings = [first]
  const take = () => {
    const reading = read()
    if (reading !== null) readings.push(reading)
  }
  const ticker = setInterval(take, SLICE_MS)
  return {
    stop() {
      clearInterval(ticker)
      const last = readings.at(-1)!
      // What is left is a slice of its own only if it is long enough to be one.
      if (Date.now() - last.at_ms >= SLICE_MS / 2) take()
      return slicesOf(readings)
    },
  }
}

/**
 * Waits until programs that are no part of the run take at most this share, or the time is up. Answers whether they do;
 * true where the system does not tell.
 */
export async function waitForQuiet(input: {
  share_max: number
  within_ms: number
  signal: AbortSignal
  onWait(share: number): void
}): Promise<boolean> {
  const deadline = performance.now() + input.within_ms
  for (let before = read(); before !== null; ) {
    await delay(SLICE_MS, undefined, { signal: input.signal })
    const after = read()
    if (after === null) return true
    const [{ share }] = slicesOf([before, after]) as [Slice]
    if (share <= input.share_max) return true
    if (performance.now() > deadline) return false
    input.onWait(share)
    before = after
  }
  return true
}

function slicesOf(readings: readonly Reading[]): Slice[] {
  return readings.slice(1).map((after, index) => {
    const before = readings[index]!
    const total = after.total - before.total
    const others = after.busy - before.busy - (after.own - before.own)
    const share = total > 0 ? Math.min(1, Math.max(0, others / total)) : 0
    return { from_ms: before.at_ms, to_ms: after.at_ms, share }
  })
}

/** The busiest slice that touches the window; null where nothing is known of it. */
export function busiestIn(slices: readonly Slice[], from_ms: number, to_ms: number): number | null {
  const touching = slices.filter((slice) => slice.to_ms >= from_ms && slice.from_ms <= to_ms)
  return touching.length === 0 ? null : Math.max(...touching.map(({ share }) => share))
}

/**
 * The largest share over any stretch of this length, or over all where there is less: what takes that long is not explained by
 * one busy second. Null where nothing is known.
 */
export function busiestOver(slices: readonly Slice[], stretch_ms: number): number | null {
  const shares = slices.map((first, index) => {
    let busy_ms = 0
    let last_ms = first.from_ms
    for (let next = index; next < slices.length && last_ms - first.from_ms < stretch_ms; next += 1) {
      const slice = slices[next]!
      busy_ms += slice.share * (slice.to_ms - slice.from_ms)
      last_ms = slice.to_ms
    }
    // The end is too short to be a stretch of its own.
    const whole = last_ms - first.from_ms >= stretch_ms || index === 0
    return whole && last_ms > first.from_ms ? busy_ms / (last_ms - first.from_ms) : 0
  })
  return slices.length === 0 ? null : Math.max(...shares)
}

function read(): Reading | null {
  try {
    // proc(5): user, nice, system, idle, iowait, irq, softirq, steal; a guest's time is in user already.
    const line = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0]!
    const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number)
    const total = ticks.reduce((sum, value) => sum + value, 0)
    const idle = ticks[3]! + ticks[4]!
    return { at_ms: Date.now(), busy: total - idle, total, own: ownTicks() }
  } catch {
    return null
  }
}

/** Those that have ended are in the account of who waited for them. */
function ownTicks(): number {
  const children = new Map<number, number[]>()
  const ticksOf = new Map<number, number>()
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry)
    if (!Number.isInteger(pid)) continue
    try {
      const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
      // The second field is the program's name in brackets, and may itself hold brackets and spaces.
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
      // Of proc(5)'s list: 4 parent; 14 to 17 user and system time, its own and its ended children's.
      const parent = Number(fields[1])
      ticksOf.set(
        pid,
        fields.slice(11, 15).reduce((sum, value) => sum + Number(value), 0),
      )
      children.set(parent, [...(children.get(parent) ?? []), pid])
    } catch {
      // It ended while we looked.
    }
  }
  let sum = 0
  const open = [process.pid]
  for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
    sum += ticksOf.get(pid) ?? 0
    open.push(...(children.get(pid) ?? []))
  }
  return sum
}
