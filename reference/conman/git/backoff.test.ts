import { status } from '@grpc/grpc-js'
import { describe, expect, test } from 'vitest'
import { isRetryable, normaliseCode, RETRIES, waitBeforeRetryMs } from './backoff.ts'

describe('retries', () => {
  test('wait about 100, 200 and 400 ms, a fifth more or less', () => {
    const retries = Array.from({ length: RETRIES }, (_, index) => index + 1)
    expect(retries.map((retry) => waitBeforeRetryMs(retry, 0.5))).toEqual([100, 200, 400])
    expect(retries.map((retry) => waitBeforeRetryMs(retry, 0))).toEqual([80, 160, 320])
    expect(retries.map((retry) => Math.round(waitBeforeRetryMs(retry, 1)))).toEqual([120, 240, 480])
  })

  test('are for UNAVAILABLE and DEADLINE_EXCEEDED alone', () => {
    const codes = Object.values(status).filter((code) => typeof code === 'number')
    expect(codes.filter(isRetryable)).toEqual([status.DEADLINE_EXCEEDED, status.UNAVAILABLE])
  })

  test.each([
    [status.INTERNAL, 'Received RST_STREAM with code 2 (Internal server error)', status.UNAVAILABLE],
    [status.UNKNOWN, 'Connection dropped', status.UNAVAILABLE],
    [status.CANCELLED, 'Call cancelled', status.UNAVAILABLE],
    [status.INTERNAL, 'git update-ref failed', status.INTERNAL],
    [status.NOT_FOUND, 'connection dropped', status.NOT_FOUND],
  ])('a lost connection is UNAVAILABLE (%i, %s)', (code, details, expected) => {
    expect(normaliseCode(code, details)).toBe(expected)
  })
})
