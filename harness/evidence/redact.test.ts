import { expect, test } from 'vitest'
import { Redactor, secretsIn } from './redact.ts'

test('known secrets vanish from text, plain and URL-encoded', () => {
  const redactor = new Redactor()
  redactor.add('pa$$ w0rd/secret')
  expect(redactor.text('login with pa$$ w0rd/secret done')).toBe('login with [redacted] done')
  expect(redactor.text(`?p=${encodeURIComponent('pa$$ w0rd/secret')}`)).toBe('?p=[redacted]')
})

test('secrets by their shape vanish though nobody named them', () => {
  const redactor = new Redactor()
  const token = `eyJ${'hbGciOiJIUzI1NiJ9'}.eyJzdWIiOiI2NmYifQ.c2lnbmF0dXJl`
  const line = redactor.text(`authorization: Bearer ${token} and $argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA`)
  expect(line).not.toContain(token)
  expect(line).not.toContain('c2FsdA')
  expect(redactor.text('mongodb://admin:hunter22@127.0.0.1:27017/')).toBe('mongodb://[redacted]@127.0.0.1:27017/')
})

test('members with a secret name are blanked whatever they hold, the rest stays', () => {
  const redactor = new Redactor()
  expect(
    redactor.json({ password: 'x', reset_token: 'y', nested: [{ Authorization: 'z' }], commit: 'abc', token: '' }),
  ).toEqual({
    password: '[redacted]',
    reset_token: '[redacted]',
    nested: [{ Authorization: '[redacted]' }],
    commit: 'abc',
    token: '',
  })
})

test('short values are left alone: they would blank out ordinary text', () => {
  const redactor = new Redactor()
  redactor.add('a', undefined)
  expect(redactor.text('a cat')).toBe('a cat')
})

test('of an environment, what is a secret by its name', () => {
  const secrets = {
    CONMAN_JWT_SECRET: 'a',
    VAULT_TOKEN: 'b',
    DB_PASSWORD: 'c',
    CONMAN_SECRETS_MASTER_KEY: 'd',
    API_KEY: 'e',
  }
  expect(secretsIn({ ...secrets, CONMAN_DEFECT: 'x', CONMAN_PORT: 'x', KEYBOARD: 'x' })).toEqual(Object.values(secrets))
})
