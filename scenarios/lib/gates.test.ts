// Gates with however many samples: a quantile where there are enough, and each of them where there are not.

import { describe, expect, test } from 'vitest'
import type { Limit } from '../../harness/check.ts'
import { soundLoad } from './evidence.fixture.ts'
import { latencyFinding, shareFinding } from './gates.ts'

const latency: Limit = { name: 'l', value: 500, unit: 'ms', compare: 'at-most', source: 'a test' }
const share: Limit = { name: 's', value: 99.9, unit: '%', compare: 'at-least', source: 'a test' }

function judge(durations: readonly number[]) {
  const ended = durations.map((duration_ms) => ({ started_ms: 0, duration_ms, status: 200, error: '' }))
  return latencyFinding('quick', { what: 'jobs', ended }, latency, soundLoad(ended.length))
}

describe('latencies', () => {
  const quick = (n: number) => Array<number>(n).fill(20)

  test('from 299 on the p99 counts, and below it each', () => {
    expect(judge([...quick(298), 900])).toMatchObject({ outcome: 'pass', measured: { label: 'p99' } })
    expect(judge([...quick(297), 900])).toMatchObject({
      outcome: 'fail',
      because: expect.stringContaining('1 of 298 jobs took longer than 500 ms, the slowest 900 ms (fewer than the 299'),
    })
    expect(judge(quick(12))).toMatchObject({ outcome: 'pass', n: 12 })
  })

  test('none is no pass', () => {
    expect(judge([]).outcome).toBe('not-verified')
  })
})

describe('shares', () => {
  const judgeShare = (n: number, bad: number) =>
    shareFinding('served', { n, bad, what: 'requests', badOnes: `HTTP 500 × ${bad}`, limit: share })

  test.each([
    [4_000, 0, 'pass', '100 % of 4000 requests'],
    [4_000, 4, 'pass', '99.9 % of 4000 requests: HTTP 500 × 4'],
    [4_000, 5, 'fail', '99.88 % of 4000 requests: HTTP 500 × 5, limit 99.9 %'],
    [2_994, 1, 'fail', '(fewer than the 2995 that a share of 99.9 % takes: each is judged)'],
    [400, 0, 'pass', '(fewer than the 2995'],
    [0, 0, 'not-verified', 'there are no requests'],
  ] as const)('%i of which %i are bad: %s', (n, bad, outcome, because) => {
    expect(judgeShare(n, bad)).toMatchObject({ outcome, because: expect.stringContaining(because) })
  })
})
