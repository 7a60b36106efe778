import { describe, expect, test } from 'vitest'
import { controlFinding, receptionOf, refusedFinding, together } from './claims.ts'
import type { Probe } from './probe.ts'

const probe = (status: number, as = 'a user'): Probe => ({
  as,
  method: 'POST',
  path: '/api/x',
  headers: [],
  body: null,
  body_bytes: 0,
  base64: [],
  variables: [],
  status,
  code: null,
  said: `HTTP ${status}`,
  answer: '',
  answer_bytes: 0,
  answer_sha256: '',
})
const opens = probe(200, 'an admin')
const refused = (over: Partial<Parameters<typeof refusedFinding>[0]>) =>
  refusedFinding({ claim: 'c', probe: probe(403), control: opens, remedy: 'mend it', ...over })

describe('a refusal', () => {
  test('counts beside a control that opens', () => {
    expect(refused({})).toMatchObject({ outcome: 'pass', n: 1 })
  })

  test.each([200, 201, 204])('%d is none: it says what was wanted and got, and how to ask again', (status) => {
    expect(refused({ probe: probe(status) })).toMatchObject({
      outcome: 'fail',
      got: `HTTP ${status}`,
      remedy: 'mend it',
      repeat: expect.stringContaining('curl'),
    })
  })

  test('after which something has changed is none, whatever its status', () => {
    for (const status of [403, 500, 0]) {
      expect(refused({ probe: probe(status), changed: ['members'] })).toMatchObject({
        outcome: 'fail',
        because: expect.stringContaining('members'),
      })
    }
  })

  test.each([0, 301, 408, 429, 500, 502])('%d is neither a pass nor a failure', (status) => {
    expect(refused({ probe: probe(status) }).outcome).toBe('not-verified')
  })

  test.each([
    ['that was not tried', undefined],
    ['that is refused too', probe(403)],
    ['that got no answer', probe(0)],
  ])('beside a control %s says nothing', (_name, control) => {
    expect(refused({ control }).outcome).toBe('not-verified')
  })

  test('that was never asked for says nothing', () => {
    expect(refused({ probe: undefined }).outcome).toBe('not-verified')
  })
})

test('a control opens, or nothing is known', () => {
  expect(controlFinding('c', opens).outcome).toBe('pass')
  for (const control of [undefined, probe(403), probe(0), probe(429)]) {
    expect(controlFinding('c', control).outcome).toBe('not-verified')
  }
})

test('many claims in one: the worst decides in its own words, and none at all is no pass', () => {
  const pass = refused({})
  const fail = refused({ probe: probe(200) })
  const open = refused({ control: undefined })
  expect(together('t', [pass, pass])).toMatchObject({ claim: 't', outcome: 'pass', n: 2 })
  expect(together('t', [pass, open, fail])).toMatchObject({ claim: 't', outcome: 'fail', because: fail.because })
  expect(together('t', [pass, open])).toMatchObject({ outcome: 'not-verified' })
  expect(together('t', []).outcome).toBe('not-verified')
  const none = { claim: 'x', outcome: 'not-applicable' as const, because: 'no such route' }
  expect(together('t', [none, pass])).toMatchObject({ outcome: 'pass', n: 1 })
  expect(together('t', [none]).outcome).toBe('not-applicable')
})

test.each([
  [204, 'let in'],
  [404, 'refused'],
  [429, 'limited'],
  [503, 'broken'],
  [0, 'silent'],
] as const)('%d is %s', (status, reception) => {
  expect(receptionOf({ status })).toBe(reception)
})
