// A 429 of exactly the specified shape is told from every other.

import { describe, expect, test } from 'vitest'
import { limitTold, misshapen, saysWhen } from './shape.ts'

describe('the shape of a 429', () => {
  const sound = () => ({
    headers: {
      'Content-Type': 'application/json; charset=utf-8',
      'X-Request-Id': 'r-1',
      'X-Ratelimit-Limit': '10',
      'X-Ratelimit-Remaining': '0',
      'X-Ratelimit-Reset': '1764000060',
      'Retry-After': '41',
    } as Record<string, string>,
    body: JSON.stringify({
      error: { code: 'rate_limited', message: 'Too many requests. Please wait and try again.', request_id: 'r-1' },
    }),
    now_s: 1_764_000_019,
  })
  type Sound = ReturnType<typeof sound>

  test('as specified', () => {
    expect(misshapen(sound())).toBe('')
    expect(saysWhen(sound())).toBe(true)
    expect(limitTold(sound())).toBe(10)
  })

  const error = (change: object) => (it: Sound) => {
    it.body = JSON.stringify({ error: { ...JSON.parse(it.body).error, ...change } })
  }
  test.each<[string, (it: Sound) => void, string]>([
    ['text', (it) => (it.headers['Content-Type'] = 'text/plain'), 'it is no JSON by its content type'],
    ['no JSON', (it) => (it.body = 'Too many requests'), 'its body is no error envelope'],
    ['an error that is a text', (it) => (it.body = '{"error":"slow down"}'), 'its body is no error envelope'],
    ['another code', error({ code: 'forbidden' }), 'its code is not rate_limited'],
    ['no message', error({ message: '' }), 'it has no message'],
    ['no request id', (it) => delete it.headers['X-Request-Id'], 'it has no x-request-id'],
    ['another request id', error({ request_id: 'r-2' }), 'its request_id is not that of the header'],
    ['no limit', (it) => delete it.headers['X-Ratelimit-Limit'], 'it has no X-RateLimit-Limit'],
    ['something left', (it) => (it.headers['X-Ratelimit-Remaining'] = '3'), 'its X-RateLimit-Remaining is not 0'],
    [
      'a reset in milliseconds',
      (it) => (it.headers['X-Ratelimit-Reset'] = '1764000060000'),
      'its X-RateLimit-Reset is no moment of this window',
    ],
    [
      'a reset in seconds from now',
      (it) => (it.headers['X-Ratelimit-Reset'] = '41'),
      'its X-RateLimit-Reset is no moment of this window',
    ],
  ])('%s', (_, change, wrong) => {
    const it = sound()
    change(it)
    expect(misshapen(it)).toBe(wrong)
  })

  test.each([undefined, '', '0', 'soon', '86400'])('a Retry-After of %s does not say when', (value) => {
    const { 'Retry-After': _, ...headers } = sound().headers
    expect(saysWhen({ headers: value === undefined ? headers : { ...headers, 'Retry-After': value } })).toBe(false)
  })
})
