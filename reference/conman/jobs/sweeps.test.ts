import { expect, test } from 'vitest'
import { createQuarantine } from './sweeps.ts'

const HOUR_MS = 3_600_000

test('what failed waits longer each time, up to an hour, and is forgotten when it succeeds', () => {
  let nowMs = 0
  const quarantine = createQuarantine<string>(String, () => nowMs)
  const waitsMs = Array.from({ length: 12 }, () => {
    quarantine.failed('a')
    expect(quarantine.waiting).toEqual(['a'])
    const beganMs = nowMs
    while (quarantine.waiting.length > 0) nowMs += 1_000
    return nowMs - beganMs
  })
  expect(waitsMs.slice(0, 4)).toEqual([10_000, 20_000, 40_000, 80_000])
  expect(Math.max(...waitsMs)).toBe(HOUR_MS)
  quarantine.failed('a')
  quarantine.succeeded('a')
  expect(quarantine.waiting).toEqual([])
  quarantine.failed('a')
  nowMs += 10_001
  expect(quarantine.waiting).toEqual([])
})

test('one row does not hold up another, and what is gone is forgotten', () => {
  let nowMs = 0
  const quarantine = createQuarantine<{ id: number }>(
    ({ id }) => String(id),
    () => nowMs,
  )
  quarantine.failed({ id: 1 })
  nowMs += 5_000
  quarantine.failed({ id: 2 })
  expect(quarantine.waiting).toEqual([{ id: 1 }, { id: 2 }])
  nowMs += 6_000
  expect(quarantine.waiting).toEqual([{ id: 2 }])
  nowMs += 2 * HOUR_MS
  quarantine.failed({ id: 3 })
  // Its earlier failure does not count any more.
  quarantine.failed({ id: 1 })
  nowMs += 10_001
  expect(quarantine.waiting).toEqual([])
})
