import { expect, test } from 'vitest'
import { requestIdOf, uuidV7 } from './request-id.ts'

test.each(['abc', '', 'with spaces and "quotes"', 'x'.repeat(5000)])('a printable id is kept as it is', (given) => {
  expect(requestIdOf(given)).toBe(given)
})

test.each([undefined, 'ümlaut', 'tab\there', ['two', 'ids']])('anything else is replaced', (given) => {
  expect(requestIdOf(given)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})

test('a UUIDv7 begins with its time', () => {
  expect(uuidV7(0x0123456789ab).slice(0, 13)).toBe('01234567-89ab')
  expect(uuidV7()).not.toBe(uuidV7())
})
