import { ObjectId } from 'mongodb'
import { expect, test } from 'vitest'
import { createTokens, isVoided, validAfterReset } from './tokens.ts'

const tokens = createTokens({
  jwtSecret: new TextEncoder().encode('a secret that is long enough for HS256'),
  jwtExpiryHours: 1,
})
const at = (seconds: number) => new Date(seconds * 1000)
/** A second that has not ended for as long as the tests run. */
const NOW = Math.floor(Date.now() / 1000)

async function issued(provenSeconds: number, tokensValidAfter: Date | null) {
  const user = { id: new ObjectId(), email: 'a@example.com', name: 'A', tokensValidAfter }
  return tokens.verify(await tokens.issue(user, provenSeconds * 1000))
}

test('a reset voids what was issued before it, to the millisecond', async () => {
  for (const provenSeconds of [NOW - 100, NOW - 0.9, NOW, NOW + 0.499]) {
    expect(isVoided(await issued(provenSeconds, null), at(NOW + 0.5))).toBe(true)
  }
  expect(isVoided(await issued(NOW + 0.5, null), null)).toBe(false)
  expect(isVoided(await issued(NOW + 0.5, null), undefined)).toBe(false)
})

test('what is issued after a reset holds, from its own second on', async () => {
  const reset = validAfterReset(at(NOW + 0.5), null)
  for (const provenSeconds of [NOW + 0.5, NOW + 0.9, NOW + 1, NOW + 100]) {
    expect(isVoided(await issued(provenSeconds, reset), reset)).toBe(false)
  }
})

test('credentials that were proven before a reset open nothing after it, however long their verification took', async () => {
  const began = NOW + 0.9
  const reset = validAfterReset(at(NOW + 1.1), null)
  expect(isVoided(await issued(began, null), reset)).toBe(true)
})

test('each of several resets within a second voids what was issued since the one before', async () => {
  let reset = validAfterReset(at(NOW + 0.1), null)
  for (const moment of [0.2, 0.3, 0.4]) {
    const token = await issued(NOW + moment, reset)
    expect(isVoided(token, reset)).toBe(false)
    reset = validAfterReset(at(NOW + moment + 0.05), reset)
    expect(isVoided(token, reset)).toBe(true)
  }
  expect(validAfterReset(at(NOW + 60), reset)).toEqual(at(NOW + 60))
})
