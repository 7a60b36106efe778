import fc from 'fast-check'
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

describe('whatever the samples are', () => {
  const quantile = fc.constantFrom(0.5, 0.9, 0.95, 0.99)
  const samples = (fewest: number) =>
    fc.array(fc.integer({ min: 0, max: 50 }), { minLength: fewest, maxLength: fewest + 400 }).map(ascending)

  test('the interval holds the percentile, is made of samples and covers at least 95 %', () => {
    fc.assert(
      fc.property(
        quantile.chain((q) => fc.tuple(fc.constant(q), samples(fewestSamplesFor(q)))),
        ([q, sorted]) => {
          const interval = percentileInterval(sorted, q)
          // Half and half is asked for on both sides, which takes one sample more than the floor.
          if (interval === null) {
            expect(sorted.length).toBeLessThanOrEqual(fewestSamplesFor(q) + 1)
            return
          }
          expect(interval.low).toBeLessThanOrEqual(percentile(sorted, q))
          expect(interval.high).toBeGreaterThanOrEqual(percentile(sorted, q))
          expect(sorted).toContain(interval.low)
          expect(sorted).toContain(interval.high)
          expect(interval.coverage).toBeGreaterThanOrEqual(0.95)
          expect(interval.coverage).toBeLessThanOrEqual(1)
        },
      ),
    )
  })

  test('an order that keeps values apart keeps the interval: it is a matter of ranks', () => {
    fc.assert(
      fc.property(samples(299), (sorted) => {
        const interval = percentileInterval(sorted, 0.99)!
        const stretched = percentileInterval(
          sorted.map((value) => value ** 3 + 7),
          0.99,
        )!
        expect(stretched.low).toBe(interval.low ** 3 + 7)
        expect(stretched.high).toBe(interval.high ** 3 + 7)
      }),
    )
  })

  test('drawn from a known distribution, the interval holds the true quantile as often as it says', () => {
    // 400 draws of 600: with a coverage of 0.95 fewer than 360 hits happen less than once in a hundred thousand times.
    let state = 1
    const uniform = () => {
      state = (state * 48_271) % 2_147_483_647
      return state / 2_147_483_647
    }
    const hits = Array.from({ length: 400 }, () => {
      const { low, high } = percentileInterval(ascending(Array.from({ length: 600 }, uniform)), 0.9)!
      return low <= 0.9 && 0.9 <= high
    }).filter(Boolean)
    expect(hits.length).toBeGreaterThanOrEqual(360)
  })
})

test('the exact ranks of a known case: the median of ten lies between the second and the ninth (0.9785)', () => {
  const interval = percentileInterval(oneTo(10), 0.5)!
  expect(interval).toMatchObject({ low: 2, high: 9 })
  expect(interval.coverage).toBeCloseTo(0.9785, 4)
})
