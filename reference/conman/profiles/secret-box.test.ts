import { ObjectId } from 'mongodb'
import { expect, test } from 'vitest'
import type { Config } from '../config.ts'
import { maskSecret } from './mask.ts'
import { createSecretBox, type StoredSecrets } from './secret-box.ts'

const NEW = 'the master key of the tests'
const OLD = 'the master key before that'

function box(secretsMasterKey: string, previousSecretsMasterKey?: string) {
  return createSecretBox({ config: { secretsMasterKey, previousSecretsMasterKey } as Config })
}

const profile = new ObjectId()
const secrets = { API_KEY: 'dev-secret-key', EMPTY: '', LONG: 'ü€😀'.repeat(1000) }

test('what is sealed opens again, and shows nothing of itself', () => {
  const sealed = box(NEW).seal(profile, secrets)
  expect(box(NEW).open(profile, sealed)).toEqual(secrets)
  expect(JSON.stringify(sealed)).not.toContain('dev-secret-key')
  expect(Object.values(sealed.secrets_encrypted).map((text) => Buffer.from(text, 'base64').length)).toEqual([
    12 + 14 + 16,
    12 + 16,
    12 + 9000 + 16,
  ])
})

test('the same secret never has the same ciphertext, nor two profiles the same key', () => {
  const [a, b] = [box(NEW).seal(profile, secrets), box(NEW).seal(profile, secrets)]
  expect(a.secrets_encrypted.API_KEY).not.toBe(b.secrets_encrypted.API_KEY)
  expect(a.secrets_key.wrapped).not.toBe(b.secrets_key.wrapped)
  const again = box(NEW).seal(profile, secrets, a.secrets_key)
  expect(again.secrets_key).toBe(a.secrets_key)
  expect(again.secrets_encrypted.API_KEY).not.toBe(a.secrets_encrypted.API_KEY)
})

test('moved to another name, another profile or another key, it does not open', () => {
  const sealed = box(NEW).seal(profile, { A: 'of A', B: 'of B' })
  const { A = '', B = '' } = sealed.secrets_encrypted
  const swapped: StoredSecrets = { ...sealed, secrets_encrypted: { A: B, B: A, C: A } }
  expect(box(NEW).open(profile, swapped)).toEqual({ A: undefined, B: undefined, C: undefined })
  expect(box(NEW).open(new ObjectId(), sealed)).toEqual({ A: undefined, B: undefined })
  const other = box(NEW).seal(profile, {})
  expect(box(NEW).open(profile, { ...sealed, secrets_key: other.secrets_key })).toEqual({ A: undefined, B: undefined })
})

test.each(['nonce', 'ciphertext', 'tag', 'length', 'form'] as const)('a changed %s is noticed', (what) => {
  const sealed = box(NEW).seal(profile, secrets)
  const spoil = (text: string) => {
    const bytes = Buffer.from(text, 'base64')
    const place = { nonce: 0, ciphertext: 13, tag: bytes.length - 1, length: 0, form: 0 }[what]
    bytes.writeUInt8(bytes.readUInt8(place) ^ 1, place)
    if (what === 'length') return bytes.subarray(0, 20).toString('base64')
    return what === 'form' ? '\u0000 not base64 at all' : bytes.toString('base64')
  }
  const spoilt = spoil(sealed.secrets_encrypted.API_KEY ?? '')
  const opened = box(NEW).open(profile, { ...sealed, secrets_encrypted: { API_KEY: spoilt } })
  expect(opened).toEqual({ API_KEY: undefined })
  const wrapped = { ...sealed.secrets_key, wrapped: spoil(sealed.secrets_key.wrapped) }
  expect(box(NEW).open(profile, { ...sealed, secrets_key: wrapped }).API_KEY).toBeUndefined()
})

test('the key id chooses the master key; writing takes the present one', () => {
  const old = box(OLD).seal(profile, secrets)
  const { key_id } = box(NEW).seal(profile, {}).secrets_key
  expect(key_id).toMatch(/^[0-9a-f]{16}$/)
  expect(key_id).not.toBe(old.secrets_key.key_id)
  expect(box(NEW, OLD).open(profile, old)).toEqual(secrets)
  expect(box(NEW).open(profile, old)).toEqual({ API_KEY: undefined, EMPTY: undefined, LONG: undefined })
  const written = box(NEW, OLD).seal(profile, secrets, old.secrets_key)
  expect(written.secrets_key.key_id).toBe(key_id)
  expect(box(NEW).open(profile, written)).toEqual(secrets)
  // Another name on it does not make it another key's.
  const renamed = { ...old, secrets_key: { ...old.secrets_key, key_id } }
  expect(box(NEW, OLD).open(profile, renamed).API_KEY).toBeUndefined()
})

test("Conman's own form opens with the key that it was made with", () => {
  // AES-256-GCM-SIV by the Python package `cryptography`: key SHA-256 of the master key, nonce 00 01 … 0b.
  const API_KEY = 'AAECAwQFBgcICQoLAfzHbhBx+EjjnmdLeBnC3Ejy4NFPYGq5ppKfknOK+C0wJ10qCadC638='
  const stored = { secrets_encrypted: { API_KEY, BROKEN: API_KEY.replace('fzH', 'fzI'), SHORT: 'AAEC' } }
  const opened = { API_KEY: 'a secret of Conman itself', BROKEN: undefined, SHORT: undefined }
  expect(box(NEW).open(profile, stored)).toEqual(opened)
  expect(box('another master key', NEW).open(profile, { ...stored, secrets_key: null })).toEqual(opened)
  expect(box(OLD).open(profile, stored).API_KEY).toBeUndefined()
})

test.each([
  ['', ''],
  ['a', '*'],
  ['abcd', '****'],
  ['abcde', '*bcde'],
  ['abcdefgh', '****efgh'],
  ['abcdefghi', 'abcd***fghi'],
  ['dev-secret-key', 'dev-***-key'],
  ['😀😀😀😀', '****'],
  ['😀😀😀😀ä😀', '**😀😀ä😀'],
  [undefined, '****'],
])('%j is masked as %s', (secret, masked) => {
  expect(maskSecret(secret)).toBe(masked)
})
