import { describe, expect, test } from 'vitest'
import { type ComparableRun, compareRuns, differences, figuresOf, noiseOf } from './comparing.ts'
import type { CheckDetails, Plan } from './result.ts'

/** A run whose one check measured so many milliseconds. */
function run(ms: number, more: { outcome?: 'pass' | 'fail' | 'not-verified'; catalogue?: string } = {}): ComparableRun {
  const plan = {
    catalogue_sha256: more.catalogue ?? 'c'.repeat(64),
    profile: 'smoke',
    target: { kind: 'reference', version: '1', settings: {} },
    machine: { cpus: 2, cpu_model: 'X' },
    harness: { version: '1', commit: 'abc' },
  } as unknown as Plan
  const limit = { name: 'latency_ms_p99', value: 500, unit: 'ms', compare: 'at-most', source: 'E12' } as const
  const result = {
    id: 'L7',
    outcome: more.outcome ?? 'pass',
    measured: { value: ms, unit: 'ms', label: 'p99' },
    limit,
    n: 4_500,
    findings: [],
  }
  return { plan, details: [{ schema: 'readiness-check/1', result, charts: [], tables: [] } as unknown as CheckDetails] }
}

/** Repeated runs that differ by a few per cent. */
const REPEATED = [100, 104, 98, 103, 101].map((ms) => run(ms))

describe('two runs', () => {
  test('that differ less than repeated ones do are no worse', () => {
    expect(compareRuns([run(100)], [run(105)], REPEATED).judgement).toBe('no worse')
  })

  test('that differ by more are worse, or better, by which way the limit lies', () => {
    expect(compareRuns([run(100)], [run(150)], REPEATED)).toMatchObject({
      judgement: 'worse',
      comparisons: [{ check: 'L7', ratio: 1.5, because: expect.stringMatching(/^beyond the noise of ×1\.\d\d$/) }],
    })
    expect(compareRuns([run(150)], [run(100)], REPEATED).judgement).toBe('better')
  })

  test('without repeated runs say nothing of a difference: noise is measured, not assumed', () => {
    expect(compareRuns([run(100)], [run(101)], [])).toMatchObject({
      judgement: 'cannot say',
      comparisons: [{ because: 'the noise was not measured: give --noise three runs' }],
    })
    expect(noiseOf([100, 104])).toBeNull()
  })

  test('several pairs are firmer than one', () => {
    const noisy = [100, 120, 90, 115].map((ms) => run(ms))
    expect(compareRuns([run(100)], [run(140)], noisy).judgement).toBe('no worse')
    const five = (ms: number) => Array.from({ length: 5 }, () => run(ms))
    expect(compareRuns(five(100), five(140), noisy).judgement).toBe('worse')
  })

  test('of which one fails what the other passed: worse, whatever the figures say', () => {
    expect(compareRuns([run(100)], [run(90, { outcome: 'fail' })], REPEATED).judgement).toBe('worse')
    expect(compareRuns([run(100)], [run(100, { outcome: 'not-verified' })], REPEATED).judgement).toBe('cannot say')
  })

  test('of other catalogues are not comparable, and it is said what differs', () => {
    expect(differences([run(1), run(1)], REPEATED)).toEqual([])
    expect(differences([run(1), run(1, { catalogue: 'd'.repeat(64) })], [])).toEqual([
      'catalogue: cccccccccccc and dddddddddddd',
    ])
  })
})

describe('the figures of a run', () => {
  const measured = (label: string, value: number, interval?: { low: number; high: number }) => ({
    value,
    unit: 'ms',
    label,
    ...(interval === undefined ? {} : { interval }),
  })
  const finding = (claim: string, it: ReturnType<typeof measured>) => ({
    claim,
    outcome: 'pass' as const,
    because: '',
    measured: it,
    n: 400,
  })

  test('each claim has one of its own; that of the check is one of these, with its interval', () => {
    const one = run(45)
    const { result } = one.details[0]!
    result.findings.push(
      finding('trees', measured('slowest of 250', 45)),
      finding('the percentile', measured('p99', 45, { low: 40, high: 50 })),
      finding('files', measured('slowest of 900', 12)),
    )
    expect(figuresOf(one).map(({ what, value, interval }) => [what, value, interval])).toEqual([
      ['p99', 45, { low: 40, high: 50 }],
      ['slowest (trees)', 45, null],
      ['slowest (files)', 12, null],
    ])
  })
})
