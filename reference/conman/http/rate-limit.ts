/**
 * Rate limits (RL1–RL3): fixed windows in memory, begun by the first request and reset lazily.
 *
 * The limits are those of one process; the specification accepts that for a single instance.
 */
import type { RateLimits } from '../config.ts'

export interface Allowance {
  limit: number
  remaining: number
  /** Unix seconds at which the window ends. */
  resetSeconds: number
}

export type LimitDecision = { allowed: true; tightest?: Allowance } | { allowed: false; tightest: Allowance }

export interface RateLimiter {
  /** A signed-in user's request; a write counts in both of the user's windows. */
  user(userId: string, isWrite: boolean): LimitDecision
  /** A request below `/api/auth/`, by the caller's address. */
  auth(address: string): LimitDecision
}

interface Window {
  count: number
  endsMs: number
}

interface FixedWindow {
  look(key: string, nowMs: number): Allowance
  take(key: string, nowMs: number): Allowance
}

/** Enough to notice that many keys came once and never again. */
const SWEEP_ABOVE_KEYS = 10_000

export function createRateLimiter(limits: RateLimits, now: () => number = Date.now): RateLimiter {
  const users = fixedWindow(limits.userPerWindow, limits.windowMs)
  const writes = fixedWindow(limits.writesPerWindow, limits.windowMs)
  const addresses = fixedWindow(limits.authPerWindow, limits.windowMs)

  function decide(windows: (FixedWindow | undefined)[], key: string): LimitDecision {
    const nowMs = now()
    const active = windows.filter((window) => window !== undefined)
    // A refused request uses up nothing, so all windows are looked at before any is counted in.
    const exhausted = active.map((window) => window.look(key, nowMs)).find(({ remaining }) => remaining === 0)
    if (exhausted !== undefined) return { allowed: false, tightest: exhausted }
    const allowances = active.map((window) => window.take(key, nowMs))
    const tightest = allowances.sort((a, b) => a.remaining - b.remaining)[0]
    return tightest === undefined ? { allowed: true } : { allowed: true, tightest }
  }

  return {
    user: (userId, isWrite) => decide(isWrite ? [users, writes] : [users], userId),
    auth: (address) => decide([addresses], address),
  }
}

function fixedWindow(limit: number, windowMs: number): FixedWindow | undefined {
  if (limit === 0) return undefined
  const windows = new Map<string, Window>()

  function current(key: string, nowMs: number): Window {
    const known = windows.get(key)
    return known !== undefined && nowMs < known.endsMs ? known : { count: 0, endsMs: nowMs + windowMs }
  }

  function allowance({ count, endsMs }: Window): Allowance {
    return { limit, remaining: Math.max(0, limit - count), resetSeconds: Math.ceil(endsMs / 1000) }
  }

  return {
    look: (key, nowMs) => allowance(current(key, nowMs)),
    take(key, nowMs) {
      const window = current(key, nowMs)
      window.count += 1
      if (windows.size > SWEEP_ABOVE_KEYS) dropEnded(windows, nowMs)
      windows.set(key, window)
      return allowance(window)
    },
  }
}

function dropEnded(windows: Map<string, Window>, nowMs: number): void {
  for (const [key, window] of windows) {
    if (nowMs >= window.endsMs) windows.delete(key)
  }
}
