import { beforeEach, describe, expect, test } from 'vitest'
import { createRateLimiter, type RateLimiter } from './rate-limit.ts'

const LIMITS = { userPerWindow: 3, writesPerWindow: 1, authPerWindow: 2, windowMs: 60_000 }

describe('rate limits', () => {
  let nowMs: number
  let limiter: RateLimiter

  beforeEach(() => {
    nowMs = 1_000_000
    limiter = createRateLimiter(LIMITS, () => nowMs)
  })

  test('count down to zero and refuse until the window ends', () => {
    const remaining = Array.from({ length: 3 }, () => limiter.user('a', false).tightest?.remaining)
    expect(remaining).toEqual([2, 1, 0])
    expect(limiter.user('a', false)).toEqual({
      allowed: false,
      tightest: { limit: 3, remaining: 0, resetSeconds: 1060 },
    })
    nowMs += 59_999
    expect(limiter.user('a', false).allowed).toBe(false)
    nowMs += 1
    expect(limiter.user('a', false)).toMatchObject({ allowed: true, tightest: { remaining: 2 } })
  })

  test('keep users apart', () => {
    for (let request = 0; request < 4; request += 1) limiter.user('a', false)
    expect(limiter.user('b', false).allowed).toBe(true)
  })

  test('count a write in both windows and show the tighter one', () => {
    expect(limiter.user('a', true).tightest).toMatchObject({ limit: 1, remaining: 0 })
    expect(limiter.user('a', true).allowed).toBe(false)
    expect(limiter.user('a', false).tightest).toMatchObject({ limit: 3, remaining: 1 })
  })

  test('let a refused write use up nothing', () => {
    limiter.user('a', true)
    for (let request = 0; request < 5; request += 1) limiter.user('a', true)
    expect(limiter.user('a', false).tightest?.remaining).toBe(1)
  })

  test('limit addresses on their own', () => {
    expect([1, 2, 3].map(() => limiter.auth('127.0.0.1').allowed)).toEqual([true, true, false])
    expect(limiter.auth('127.0.0.2').allowed).toBe(true)
  })

  test('are off at zero', () => {
    const off = createRateLimiter({ ...LIMITS, userPerWindow: 0, writesPerWindow: 0, authPerWindow: 0 })
    expect(off.user('a', true)).toEqual({ allowed: true })
    expect(off.auth('x')).toEqual({ allowed: true })
  })
})
