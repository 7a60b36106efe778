import { describe, expect, test } from 'vitest'
import { ConfigError, readConfig } from './config.ts'

const REQUIRED = {
  CONMAN_JWT_SECRET: 'x'.repeat(32),
  CONMAN_SECRETS_MASTER_KEY: 'x'.repeat(16),
  CONMAN_TEMP_URL_DOMAIN: 'example.test',
}

describe('the configuration', () => {
  test("has the contract's defaults", () => {
    expect(readConfig(REQUIRED)).toMatchObject({
      host: '0.0.0.0',
      port: 3000,
      mongo: { uri: 'mongodb://localhost:27017', database: 'conman' },
      workerMongoUri: 'mongodb://localhost:27017',
      git: {
        address: 'localhost:8075',
        deadlineMs: 30_000,
        timeoutMs: { repository: 5_000, default: 10_000, diff: 30_000, commit: 30_000, merge: 60_000 },
      },
      jwtExpiryHours: 24,
      inviteExpiryDays: 7,
      login: { maxFailures: 5, cooldownMs: 900_000 },
      rateLimits: { userPerWindow: 100, writesPerWindow: 30, authPerWindow: 10, windowMs: 60_000 },
      jobs: { lockMs: 300_000, pollMs: 1000, staleMs: 60_000 },
    })
  })

  test('counts the secret in bytes', () => {
    const sixteenTwoByteLetters = 'ä'.repeat(16)
    expect(readConfig({ ...REQUIRED, CONMAN_JWT_SECRET: sixteenTwoByteLetters }).jwtSecret).toHaveLength(32)
  })

  test('reads durations with and without a unit', () => {
    const deadline = (text: string) => readConfig({ ...REQUIRED, CONMAN_GIT_DEADLINE: text }).git.deadlineMs
    expect(['500ms', '10s', '2m', '7'].map(deadline)).toEqual([500, 10_000, 120_000, 7_000])
  })

  test.each([
    ['CONMAN_JWT_SECRET', undefined],
    ['CONMAN_JWT_SECRET', 'secret-but-short'],
    ['CONMAN_SECRETS_MASTER_KEY', undefined],
    ['CONMAN_TEMP_URL_DOMAIN', undefined],
    ['CONMAN_HOST', 'localhost'],
    ['CONMAN_PORT', '65536'],
    ['CONMAN_PORT', ''],
    ['CONMAN_MONGO_URI', 'http://user:hunter2@host'],
    ['CONMAN_MONGO_DB', 'a/b'],
    ['CONMAN_GITALY_ADDRESS', 'https://localhost:1'],
    ['CONMAN_GITALY_ADDRESS', 'localhost:8075'],
    ['CONMAN_GIT_DEADLINE', 'soon'],
    ['CONMAN_RATE_LIMIT_USER_PER_MINUTE', '-1'],
    ['CONMAN_LOGIN_MAX_FAILURES', '-3'],
    ['CONMAN_JOB_LOCK_SECONDS', '1.5'],
    ['CONMAN_ARGON2_M', '1e9'],
  ])('names %s when it is wrong, and never shows the value', (variable, value) => {
    const read = () => readConfig({ ...REQUIRED, [variable]: value })
    expect(read).toThrow(ConfigError)
    expect(read).toThrow(new RegExp(`^${variable} `))
    if (value !== undefined && value !== '') expect(read).not.toThrow(value)
  })
})
