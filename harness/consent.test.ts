// What may be done to a target: everything where it is ours, and elsewhere what the user has said twice, for that very host.

import { describe, expect, test } from 'vitest'
import { consentLacking, withConsent } from './consent.ts'
import { UsageError } from './errors.ts'
import { referenceOptions, urlOptions } from './target/options.ts'

const NONE = { 'allow-writes': false, 'allow-destructive': false }
const WRITES = { ...NONE, 'allow-writes': true }
const DESTRUCTIVE = { ...NONE, 'allow-destructive': true }

function consent(baseUrl: string, consentHost: string | undefined, flags: typeof NONE) {
  const options = urlOptions({
    baseUrl,
    adminEmail: 'admin@example.test',
    adminPassword: 'AdminPassw0rd!!',
    repos: [],
    hooks: {},
    load: {},
    givenBy: {},
    ...(consentHost === undefined ? {} : { consentHost }),
  })
  const aimed = withConsent(options, flags)
  return aimed.kind === 'url' ? aimed.consent : undefined
}

test.each([
  ['nothing', undefined, NONE, 'reads'],
  ['a flag alone', undefined, DESTRUCTIVE, 'reads'],
  ['the host alone', 'conman.example', NONE, 'reads'],
  ['a flag and the host', 'conman.example', WRITES, 'writes'],
  ['the other flag and the host', 'conman.example', DESTRUCTIVE, 'disrupts'],
  ['both flags and the host', 'conman.example', { ...WRITES, ...DESTRUCTIVE, 'allow-writes': true }, 'disrupts'],
] as const)('%s allows what it says', (_, host, flags, allowed) => {
  expect(consent('https://conman.example', host, flags)?.allowed).toBe(allowed)
})

describe('the host', () => {
  test.each([
    ['https://conman.example', 'CONMAN.example'],
    ['https://conman.example', 'conman.example:443'],
    ['https://conman.example:8443/behind/this', 'conman.example:8443'],
    ['http://127.0.0.1:3000', '127.0.0.1:3000'],
    ['http://[::1]:3000', '[::1]:3000'],
  ])('of %s may be typed as %s', (url, host) => {
    expect(consent(url, host, WRITES)?.allowed).toBe('writes')
  })

  test.each([
    ['https://conman.example', 'staging.conman.example'],
    ['https://conman.example', 'conman.example.'],
    ['https://conman.example', 'conman.example:80'],
    ['https://conman.example:8443', 'conman.example'],
    ['http://127.0.0.1:3000', '127.0.0.1'],
    ['http://127.0.0.1:3000', '127.0.0.1:3001'],
    ['http://127.0.0.1:3000', 'localhost:3000'],
    ['https://conman.example', 'conman.example/path'],
    ['https://conman.example', 'me@conman.example'],
    ['https://conman.example', ''],
  ])('of %s is not %s: refused, with or without a flag', (url, host) => {
    for (const flags of [NONE, WRITES]) expect(() => consent(url, host, flags)).toThrow(UsageError)
  })
})

test('what is still to be given is the half that is missing', () => {
  const lacking = (host: string | undefined, flags: typeof NONE) =>
    consentLacking('disrupts', consent('https://conman.example', host, flags))
  expect(lacking(undefined, NONE)).toMatch(/--allow-destructive .* and type its host in CONMAN_CONSENT_HOST/)
  expect(lacking(undefined, WRITES)).toMatch(/--allow-destructive .* and type its host/)
  expect(lacking(undefined, DESTRUCTIVE)).toMatch(/^type its host in CONMAN_CONSENT_HOST/)
  expect(lacking('conman.example', WRITES)).toMatch(/^give --allow-destructive/)
})

test('a stack of our own is not asked about', () => {
  const options = referenceOptions()
  expect(withConsent(options, NONE)).toBe(options)
})
