import { expect, test } from 'vitest'
import { oneLine } from './one-line.ts'

test.each([
  ['a title', 'a title'],
  ['  two\r\nBcc: everybody@example.com  ', 'two Bcc: everybody@example.com'],
  ['tab\there\0and\u001b[31m there', 'tab here and [31m there'],
  ['line\u2028separator\u0085and\u2029paragraph', 'line separator and paragraph'],
  ['Ünïcödé 😀 stays', 'Ünïcödé 😀 stays'],
])('%j becomes one line', (text, line) => expect(oneLine(text)).toBe(line))

test('a line is bounded, and cut at a character', () => {
  expect(oneLine('x'.repeat(300))).toBe('x'.repeat(300))
  expect(oneLine(`x${'€'.repeat(500)}`)).toBe(`x${'€'.repeat(99)}…`)
})
