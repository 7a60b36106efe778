// Recovery times on histories made by hand: what counts as back, and what never is.

import { expect, test } from 'vitest'
import type { Operation, OperationClass } from '../workload/history.ts'
import { operation, refused, steady } from './history.fixture.ts'
import { recoveryOf } from './recovery.ts'

const CLASSES: OperationClass[] = ['plain-read', 'plain-write', 'jobs']
const baseline = { from_ms: 0, to_ms: 6_000 }

/** Well, then broken from 6 s to 9 s, then well again from `back_ms` on. */
function history(back_ms: number, change: (after: Operation[]) => void = () => {}): Operation[] {
  const after = steady(CLASSES, { from_ms: 9_000, to_ms: 20_000 })
  for (const one of after) if (one.invoked_ms < back_ms) Object.assign(one, refused(503, 'unavailable'))
  change(after)
  return [...steady(CLASSES, { to_ms: 6_000 }), ...after]
}
const judge = (operations: Operation[], until_ms = 20_000) =>
  recoveryOf(operations, { baseline, from_ms: 9_000, until_ms, classes: CLASSES })

test('back with the first stretch without a failure, stable when it is also as fast', () => {
  const slow = (after: Operation[]) => {
    for (const one of after)
      if (one.invoked_ms >= 11_000 && one.invoked_ms < 14_000) one.ended_ms = one.invoked_ms + 900
  }
  const { first_success_ms, back_ms, stable_ms, watched_ms } = judge(history(11_000, slow))
  // Whoever asked first had to wait.
  expect(first_success_ms).toBe(2_900)
  expect(back_ms).toBe(2_900)
  expect(stable_ms).toBeGreaterThanOrEqual(4_500)
  expect(watched_ms).toBe(11_000)
})

test('a lucky success between failures is no recovery', () => {
  const flaky = history(20_000, (after) => Object.assign(after[3]!, { type: 'ok', status: 200 }))
  expect(judge(flaky)).toMatchObject({ first_success_ms: expect.any(Number), back_ms: null, stable_ms: null })
})

test('silence is no recovery: a class that is no longer asked is not back', () => {
  const silent = history(9_000).filter((one) => one.invoked_ms < 9_000 || one.class !== 'plain-write')
  expect(judge(silent).back_ms).toBeNull()
})

test('what was watched for too short a time to hold a stretch has no time', () => {
  expect(judge(history(9_000), 11_000).back_ms).toBeNull()
})

test('drained when no more jobs wait than before, and every earlier request has its answer', () => {
  const jobs = (open: number) =>
    Array.from({ length: open }, (_, index) => ({ kind: 'job', id: `j${index}`, state: 'queued' }))
  const piled = history(9_000, (after) => {
    for (const one of after) if (one.class === 'jobs') one.saw = jobs(one.invoked_ms < 13_000 ? 5 : 0)
  })
  expect(judge(piled).drained_ms).toBe(4_000)
  const hanging = operation({ class: 'plain-write', invoked_ms: 8_000, ended_ms: 16_000, status: 0, type: 'info' })
  expect(judge([...piled, hanging]).drained_ms).toBe(7_000)
  expect(judge([...piled, { ...hanging, ended_ms: null }]).drained_ms).toBeNull()
})
