// A busy program of our own is not taken for a stranger's; a window without slices says nothing.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { busiestIn, busiestOver, waitForQuiet, watchOtherLoad } from './other-load.ts'

test('the busiest slice of those that touch the window counts', () => {
  const slices = [
    { from_ms: 0, to_ms: 1_000, share: 0.9 },
    { from_ms: 1_000, to_ms: 2_000, share: 0.1 },
    { from_ms: 2_000, to_ms: 3_000, share: 0.4 },
  ]
  expect(busiestIn(slices, 1_200, 2_100)).toBe(0.4)
  expect(busiestIn(slices, 1_200, 1_900)).toBe(0.1)
  expect(busiestIn(slices, 5_000, 6_000)).toBeNull()
})

test('one busy second explains nothing that takes long', () => {
  const slices = Array.from({ length: 10 }, (_, index) => ({
    from_ms: index * 1_000,
    to_ms: (index + 1) * 1_000,
    share: index === 9 ? 1 : index < 4 ? 0.5 : 0,
  }))
  expect(busiestOver(slices, 1_000)).toBe(1)
  expect(busiestOver(slices, 4_000)).toBe(0.5)
  expect(busiestOver(slices, 60_000)).toBeCloseTo(0.3)
  expect(busiestOver([], 1_000)).toBeNull()
})

test.skipIf(!existsSync('/proc/stat'))('what this process starts is its own, also when it has ended', async () => {
  const watch = watchOtherLoad()!
  // One that spins by itself, and one that a child starts and waits for.
  const spin = 'const until = Date.now() + 1500; while (Date.now() < until);'
  const nested = `require('node:child_process').spawnSync(process.execPath, ['-e', ${JSON.stringify(spin)}])`
  const child = spawn(process.execPath, ['-e', nested], { stdio: 'ignore' })
  await once(child, 'exit')
  const slices = watch.stop()
  expect(slices.length).toBeGreaterThan(0)
  for (const { share } of slices) {
    expect(share).toBeGreaterThanOrEqual(0)
    expect(share).toBeLessThanOrEqual(1)
  }
})

test.skipIf(!existsSync('/proc/stat'))(
  'waiting for a quiet machine has a bound, and ends at once where all is allowed',
  async () => {
    const seen: number[] = []
    const input = { signal: new AbortController().signal, onWait: (share: number) => seen.push(share) }
    expect(await waitForQuiet({ ...input, share_max: 1, within_ms: 60_000 })).toBe(true)
    expect(await waitForQuiet({ ...input, share_max: -1, within_ms: 0 })).toBe(false)
    expect(seen).toEqual([])
  },
)
