import { describe, expect, test } from 'vitest'
import type { Limit } from '../harness/check.ts'
import { count, duration, headroomText, instant, limitText, measuredText, quantity, THIN } from './format.ts'

const spaced = (text: string) => text.replaceAll(THIN, ' ')
const limit = (compare: Limit['compare'], value: number, unit: string): Limit => ({
  name: 'x',
  value,
  unit,
  compare,
  source: 'test',
})
const measured = (value: number, unit: string) => ({ value, unit, label: '' })

test.each([
  [843, 'ms', '843 ms'],
  [1342, 'ms', '1.34 s'],
  [2000, 'ms', '2 s'],
  [12.345, 'ms', '12.3 ms'],
  [0.25, 'ms', '250 µs'],
  [0, 'ms', '0 ms'],
  [1200, 's', '20 min'],
  [8_323_694_592, 'bytes', '7.75 GiB'],
  [12_040, 'answers', '12 040 answers'],
  [4500, 'count', '4500'],
  [0.99942, 'ratio', '99.94 %'],
  [0.99999, 'ratio', '99.999 %'],
  [61, '%', '61 %'],
  [-3.2468, 'ms', '−3.25 ms'],
  [1e21, 'count', '1e+21'],
  [Number.NaN, 'ms', 'no number'],
])('%d %s is written %s', (value, unit, text) => {
  expect(spaced(quantity(value, unit))).toBe(text)
})

describe('against a limit', () => {
  test.each([
    [measured(2003.4, 'ms'), limit('at-most', 2000, 'ms'), '2.003 s'],
    [measured(1999.7, 'ms'), limit('at-most', 2000, 'ms'), '1.9997 s'],
    [measured(2.0004, 's'), limit('at-most', 2000, 'ms'), '2.0004 s'],
    [measured(0.99899, 'ratio'), limit('at-least', 0.999, 'ratio'), '99.899 %'],
    [measured(1342, 'ms'), limit('at-most', 2000, 'ms'), '1.34 s'],
  ])('rounding never crosses it: %j', (value, against, text) => {
    expect(spaced(measuredText(value, against))).toBe(text)
  })

  test.each([
    [measured(1340, 'ms'), limit('at-most', 2000, 'ms'), '33 % headroom'],
    [measured(1340, 'ms'), limit('at-most', 2, 's'), '33 % headroom'],
    [measured(2003, 'ms'), limit('at-most', 2000, 'ms'), 'under 1 % over the limit'],
    [measured(1200, 's'), limit('at-most', 330, 's'), '3.6 times the limit'],
    [measured(3, 'leaks'), limit('at-most', 0, 'leaks'), '3 leaks too many'],
    [measured(0, 'leaks'), limit('at-most', 0, 'leaks'), ''],
    [measured(200, 'edits'), limit('at-least', 250, 'edits'), '50 short'],
    [measured(250, 'edits'), limit('exactly', 250, 'edits'), ''],
    [measured(251, 'edits'), limit('exactly', 250, 'edits'), '1 too many'],
    [measured(0.9995, 'ratio'), limit('at-least', 0.999, 'ratio'), '50 % of the error budget left'],
    [measured(1, 'edits'), limit('at-most', 2, 's'), ''],
  ])('%j', (value, against, text) => {
    expect(spaced(headroomText(value, against))).toBe(text)
  })

  test('the limit keeps its own digits', () => {
    expect(spaced(limitText(limit('at-most', 2000, 'ms')))).toBe('at most 2 s')
    expect(spaced(limitText(limit('at-least', 0.999, 'ratio')))).toBe('at least 99.9 %')
    expect(spaced(limitText(limit('exactly', 250, 'edits')))).toBe('exactly 250 edits')
  })
})

test('times are UTC, to the minute', () => {
  expect(instant('2026-11-22T06:48:31+01:00')).toBe('2026-11-22 05:48 UTC')
  expect(instant('yesterday')).toBe('yesterday')
})

test.each([
  [400, 'under 1 s'],
  [59_999, '59 s'],
  [107_788, '1 min 47 s'],
  [31 * 60_000 + 20_000, '31 min'],
  [5 * 3_600_000, '5 h'],
  [72 * 3_600_000, '3 days'],
])('%d ms lasts %s', (ms, text) => {
  expect(spaced(duration(ms))).toBe(text)
})

test('four digits stay together, five are grouped', () => {
  expect(spaced(count(4500))).toBe('4500')
  expect(spaced(count(1_234_567))).toBe('1 234 567')
})
