/** When to try a git call again, and how long to wait first. */
import { status } from '@grpc/grpc-js'

/** E12 §7.1: three retries after the first attempt, about 100, 200 and 400 ms apart. */
export const RETRIES = 3
const FIRST_WAIT_MS = 100
const JITTER = 0.2

/** The wait before retry number `retry` (from 1); `random` is in [0, 1). */
export function waitBeforeRetryMs(retry: number, random: number = Math.random()): number {
  return FIRST_WAIT_MS * 2 ** (retry - 1) * (1 - JITTER + 2 * JITTER * random)
}

export function isRetryable(code: number): boolean {
  return code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED
}

/**
 * A connection that breaks during a call surfaces under several codes, depending on where the break was noticed. All of them
 * mean that the backend went away, which is UNAVAILABLE. (Calls that are cancelled here never come this far.)
 */
export function normaliseCode(code: number, details: string): number {
  const broken =
    /RST_STREAM|call cancelled|connection dropped|without gRPC status|ECONN|EPIPE|socket hang up|goaway|transport/i
  const ambiguous = code === status.INTERNAL || code === status.UNKNOWN || code === status.CANCELLED
  return ambiguous && broken.test(details) ? status.UNAVAILABLE : code
}
