// What k6 leaves is read rightly: a load that its bound held, and one that ended itself.

import { describe, expect, test } from 'vitest'
import { boundFor } from '../../harness/load-bounds.ts'
import { DEFAULT_LOAD_BOUNDS } from '../../harness/target/target.ts'
import { STOP_METRIC, stoppedAt, wasHeld } from './manners-settings.ts'

const evenly = (per_s: number, count = 250) => Array.from({ length: count }, (_, index) => (index * 1_000) / per_s)

describe.each([1, 7, 50, 333, 1_000])('starts at %i a second', (per_s) => {
  test('are as many as that bound lets pass, so it held them', () => {
    expect(wasHeld(evenly(per_s), per_s)).toBe(true)
  })

  test('are free under the bound that a plan asks for', () => {
    expect(wasHeld(evenly(per_s), boundFor(per_s))).toBe(false)
  })
})

test('two starts close together are not held by a low bound', () => {
  expect(wasHeld([0, 3, 10_000, 20_000], 2)).toBe(false)
})

describe('a load that met too many 5xx', () => {
  const thresholds = [{ metric: STOP_METRIC, threshold: 'rate<0.1', ok: false }]

  test('ended itself when k6 says so', () => {
    const log_tail = [`thresholds on metrics '${STOP_METRIC}' were crossed; … stopping test prematurely`]
    expect(stoppedAt({ thresholds, log_tail }, DEFAULT_LOAD_BOUNDS)).toBe(0.1)
  })

  test('and was over before it could, did not', () => {
    const log_tail = [`thresholds on metrics '${STOP_METRIC}' have been crossed`]
    expect(stoppedAt({ thresholds, log_tail }, DEFAULT_LOAD_BOUNDS)).toBeNull()
  })
})
