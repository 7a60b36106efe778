// Who was throttled for his own requests is told from who was throttled for others'.

import { describe, expect, test } from 'vitest'
import { mostThatPass, refusedForOthers } from './buckets.ts'

describe('whose requests used a limit up', () => {
  const passing = (bucket: string, started_ms: number, status: number, limit = 10) => ({
    bucket,
    started_ms,
    duration_ms: 5,
    status,
    limit,
  })
  const tenOf = (bucket: string, from_ms = 0) =>
    Array.from({ length: 10 }, (_, index) => passing(bucket, from_ms + index, 200))

  test('his own', () => {
    expect(refusedForOthers([...tenOf('a'), passing('a', 59_000, 429)])).toEqual([])
  })

  test("others'", () => {
    expect(refusedForOthers([...tenOf('a'), passing('b', 20, 200), passing('b', 100, 429)])).toMatchObject([
      { bucket: 'b', own: 1 },
    ])
  })

  test('his own, of a window that is over', () => {
    expect(refusedForOthers([...tenOf('a'), passing('a', 70_000, 429)])).toMatchObject([{ bucket: 'a', own: 0 }])
  })

  test('who was told no limit cannot be judged', () => {
    expect(refusedForOthers([passing('a', 0, 429, 0)])).toEqual([])
  })

  test('windows begin with the first request, or nobody knows when', () => {
    expect([mostThatPass(10, 20_000, true), mostThatPass(10, 20_000, false)]).toEqual([10, 20])
    expect([mostThatPass(10, 300_500, true), mostThatPass(10, 300_500, false)]).toEqual([60, 70])
  })
})
