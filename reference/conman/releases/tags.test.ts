import { describe, expect, test } from 'vitest'
import { nextTag, tagPrefix } from './tags.ts'

const at = (text: string) => new Date(text)

describe('tags', () => {
  test('name the UTC day, whatever the hour', () => {
    expect(tagPrefix(at('2026-11-22T00:00:00.000Z'))).toBe('r2026.11.22.')
    expect(tagPrefix(at('2026-11-22T23:59:59.999Z'))).toBe('r2026.11.22.')
    expect(tagPrefix(at('2026-11-22T23:59:59.999-01:00'))).toBe('r2026.11.23.')
    expect(tagPrefix(at('2027-01-01T00:00:00.000Z'))).toBe('r2027.01.01.')
  })

  test('count over a day as numbers, and begin again on the next', () => {
    const taken: string[] = []
    const day = ['2026-02-28T00:00:01Z', '2026-02-28T12:00:00Z', '2026-02-28T23:59:59Z']
    for (const moment of day.flatMap((one) => Array(5).fill(one))) taken.push(nextTag(tagPrefix(at(moment)), taken))
    expect(taken).toEqual(Array.from({ length: 15 }, (_, index) => `r2026.02.28.${index + 1}`))
    expect(nextTag(tagPrefix(at('2026-03-01T00:00:00Z')), taken)).toBe('r2026.03.01.1')
  })

  test('follow the highest, not the last or the longest list, and never reuse a gap', () => {
    const prefix = 'r2026.11.22.'
    expect(nextTag(prefix, [])).toBe('r2026.11.22.1')
    expect(nextTag(prefix, ['r2026.11.22.9', 'r2026.11.22.10', 'r2026.11.22.2'])).toBe('r2026.11.22.11')
    expect(nextTag(prefix, ['r2026.11.22.99', 'r2026.11.2.400', 'r2026.11.22.x', 'r2026.11.22.007'])).toBe(
      'r2026.11.22.100',
    )
  })
})
