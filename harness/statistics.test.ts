import { describe, expect, test } from 'vitest'
import { ascending, fewestSamplesFor, percentile, percentileInterval } from './statistics.ts'

const oneTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1)

describe('percentiles are samples that were seen', () => {
  test('nearest rank, never between two samples', () => {
    expect(percentile(oneTo(100), 0.99)).toBe(99)
    expect(percentile(oneTo(100), 1)).toBe(100)
    expect(percentile([10, 20], 0.5)).toBe(10)
    expect(percentile([7], 0.01)).toBe(7)
  })

  test('no samples, or no quantile, is an error and not a zero', () => {
    expect(() => percentile([], 0.99)).toThrow(RangeError)
    expect(() => percentile([1], 0)).toThrow(RangeError)
  })

  test('sorted by number, not by text', () => {
    expect(ascending([10, 9, 100])).toEqual([9, 10, 100])
  })
})

describe('a percentile needs enough samples', () => {
  test('p99 needs 299, p95 59: the distribution-free bound at 95 %', () => {
    expect(fewestSamplesFor(0.99)).toBe(299)
    expect(fewestSamplesFor(0.95)).toBe(59)
  })

  test('below that there is no interval', () => {
    expect(percentileInterval(oneTo(298), 0.99)).toBeNull()
    expect(percentileInterval(oneTo(299), 0.99)).not.toBeNull()
  })

  test('the interval holds the percentile and narrows with more samples', () => {
    const few = percentileInterval(oneTo(1_000), 0.99)!
    const many = percentileInterval(
      oneTo(100_000).map((value) => value / 100),
      0.99,
    )!
    expect(few.low).toBeLessThanOrEqual(990)
    expect(few.high).toBeGreaterThanOrEqual(990)
    expect(many.high - many.low).toBeLessThan(few.high - few.low)
  })
})
