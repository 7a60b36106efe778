/**
 * The server's configuration: read from environment variables once, at start.
 *
 * Whatever is wrong becomes a ConfigError that names the variable and the rule, never the value: a value may be a secret.
 */
import { isIP } from 'node:net'

export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly variable: string

  constructor(variable: string, problem: string) {
    super(`${variable} ${problem}`)
    this.variable = variable
  }
}

export interface Argon2Parameters {
  memoryKib: number
  passes: number
  parallelism: number
}

export interface MongoConfig {
  uri: string
  database: string
}

export interface GitConfig {
  /** `host:port`, without a scheme. */
  address: string
  /** What one HTTP request may spend on the git backend in all, retries and waits included. */
  deadlineMs: number
  /** What one attempt may take, by class of operation. */
  timeoutMs: { repository: number; default: number; diff: number; commit: number; merge: number }
}

export interface RateLimits {
  /** Requests in a window; 0 switches a limit off. */
  userPerWindow: number
  writesPerWindow: number
  authPerWindow: number
  windowMs: number
}

export interface JobsConfig {
  /** How long a worker owns a job without renewing. */
  lockMs: number
  /** Jobs that one worker runs at the same time. */
  concurrency: number
  pollMs: number
  /** A runner that has been silent for so long is not healthy. */
  staleMs: number
  /** The wait before the second attempt; it doubles with each further one. */
  retryWaitMs: number
  /** What a worker that is asked to stop gives its running jobs before it hands them back. */
  drainMs: number
  /** How often the sweeps look. */
  sweepMs: number
}

export interface Config {
  host: string
  port: number
  mongo: MongoConfig
  /** The worker's own way to MongoDB, when it has one: a network fault can then meet the worker alone. */
  workerMongoUri: string
  git: GitConfig
  jwtSecret: Uint8Array
  jwtExpiryHours: number
  inviteExpiryDays: number
  secretsMasterKey: string
  /** The key before the present one, while it is being replaced: what it encrypted can still be read. */
  previousSecretsMasterKey: string | undefined
  tempUrlDomain: string
  argon2: Argon2Parameters
  login: { maxFailures: number; cooldownMs: number }
  rateLimits: RateLimits
  jobs: JobsConfig
  commands: {
    msuiteSubmit: string
    msuiteMerge: string
    msuiteDeploy: string
    deployRelease: string
    driftCheck: string
    tempEnvProvision: string | undefined
    tempEnvExpire: string | undefined
  }
  /** Variables of the server that commands get besides the harmless ones. */
  commandEnvironment: string[]
  tempEnvironments: { scanMs: number }
  /** Where mails are appended, one JSON object a line; without it they are only marked as sent. */
  outboxFile: string | undefined
  logLevel: string
}

export type Environment = Readonly<Record<string, string | undefined>>

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal']
const UNITS_MS: Record<string, number> = { ms: 1, s: 1000, m: MINUTE_MS }

export function readConfig(env: Environment): Config {
  return {
    host: ipAddress(env, 'CONMAN_HOST', '0.0.0.0'),
    port: integer(env, 'CONMAN_PORT', 3000, { min: 0, max: 65_535 }),
    mongo: readMongoConfig(env),
    workerMongoUri: mongoUri(env, 'CONMAN_WORKER_MONGO_URI') ?? readMongoConfig(env).uri,
    git: {
      address: gitAddress(env),
      deadlineMs: duration(env, 'CONMAN_GIT_DEADLINE', 30_000),
      timeoutMs: {
        repository: 5_000,
        default: duration(env, 'CONMAN_GITALY_TIMEOUT_DEFAULT', 10_000),
        diff: duration(env, 'CONMAN_GITALY_TIMEOUT_DIFF', 30_000),
        commit: 30_000,
        merge: duration(env, 'CONMAN_GITALY_TIMEOUT_MERGE', 60_000),
      },
    },
    jwtSecret: jwtSecret(env),
    jwtExpiryHours: integer(env, 'CONMAN_JWT_EXPIRY_HOURS', 24, { min: 0, max: 1_000_000 }),
    inviteExpiryDays: integer(env, 'CONMAN_INVITE_EXPIRY_DAYS', 7, { min: 0, max: 36_500 }),
    secretsMasterKey: masterKey('CONMAN_SECRETS_MASTER_KEY', required(env, 'CONMAN_SECRETS_MASTER_KEY')),
    previousSecretsMasterKey: previousMasterKey(env),
    tempUrlDomain: required(env, 'CONMAN_TEMP_URL_DOMAIN'),
    argon2: readArgon2Parameters(env),
    login: {
      maxFailures: integer(env, 'CONMAN_LOGIN_MAX_FAILURES', 5, { min: 1, max: 1_000_000 }),
      cooldownMs: integer(env, 'CONMAN_LOGIN_COOLDOWN_SECONDS', 900, { min: 1, max: 31_536_000 }) * 1000,
    },
    rateLimits: {
      userPerWindow: integer(env, 'CONMAN_RATE_LIMIT_USER_PER_MINUTE', 100, { min: 0 }),
      writesPerWindow: integer(env, 'CONMAN_RATE_LIMIT_WRITE_PER_MINUTE', 30, { min: 0 }),
      authPerWindow: integer(env, 'CONMAN_RATE_LIMIT_AUTH_PER_MINUTE', 10, { min: 0 }),
      windowMs: MINUTE_MS,
    },
    jobs: {
      lockMs: integer(env, 'CONMAN_JOB_LOCK_SECONDS', 300, { min: 1, max: 86_400 }) * 1000,
      concurrency: integer(env, 'CONMAN_JOB_CONCURRENCY', 4, { min: 1, max: 256 }),
      pollMs: integer(env, 'CONMAN_JOB_POLL_INTERVAL_MS', 1000, { min: 10, max: HOUR_MS }),
      staleMs: integer(env, 'CONMAN_RUNNER_STALE_SECONDS', 60, { min: 1, max: 86_400 }) * 1000,
      retryWaitMs: duration(env, 'CONMAN_JOB_RETRY_WAIT', 1_000),
      drainMs: duration(env, 'CONMAN_JOB_DRAIN', 60_000),
      sweepMs: duration(env, 'CONMAN_SWEEP_INTERVAL', 60_000),
    },
    commands: {
      msuiteSubmit: env.CONMAN_MSUITE_SUBMIT_CMD ?? 'true',
      msuiteMerge: env.CONMAN_MSUITE_MERGE_CMD ?? 'true',
      msuiteDeploy: env.CONMAN_MSUITE_DEPLOY_CMD ?? 'true',
      deployRelease: env.CONMAN_DEPLOY_RELEASE_CMD ?? 'true',
      driftCheck: env.CONMAN_RUNTIME_PROFILE_DRIFT_CHECK_CMD ?? 'true',
      tempEnvProvision: env.CONMAN_TEMP_ENV_PROVISION_CMD,
      tempEnvExpire: env.CONMAN_TEMP_ENV_EXPIRE_CMD,
    },
    commandEnvironment: (env.CONMAN_COMMAND_ENV ?? '')
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
    tempEnvironments: {
      scanMs: integer(env, 'CONMAN_TEMP_ENV_SCAN_SECONDS', 300, { min: 1, max: 86_400 }) * 1000,
    },
    outboxFile: env.CONMAN_OUTBOX_FILE,
    logLevel: oneOf(env, 'CONMAN_LOG_LEVEL', 'info', LOG_LEVELS),
  }
}

/** The part that `bootstrap-admin` needs; its options come before the variables. */
export function readMongoConfig(env: Environment): MongoConfig {
  const database = env.CONMAN_MONGO_DB ?? 'conman'
  if (!/^[^/\\. "$*<>:|?\0]{1,63}$/.test(database)) {
    throw new ConfigError('CONMAN_MONGO_DB', 'must be a database name: 1 to 63 characters without /\\. "$*<>:|?')
  }
  return { uri: mongoUri(env, 'CONMAN_MONGO_URI') ?? 'mongodb://localhost:27017', database }
}

/**
 * S2 asks for at least m=19456, t=2, p=1, and S3 for a verification of 100 to 500 ms. The first alone takes about 20 ms on a
 * current core; these defaults take about 170 ms there.
 */
export function readArgon2Parameters(env: Environment): Argon2Parameters {
  return {
    memoryKib: integer(env, 'CONMAN_ARGON2_M', 65_536, { min: 8, max: 4_194_304 }),
    passes: integer(env, 'CONMAN_ARGON2_T', 7, { min: 1, max: 1000 }),
    parallelism: integer(env, 'CONMAN_ARGON2_P', 1, { min: 1, max: 64 }),
  }
}

function required(env: Environment, name: string): string {
  const value = env[name]
  if (value === undefined) throw new ConfigError(name, 'is required')
  return value
}

function integer(env: Environment, name: string, fallback: number, range: { min: number; max?: number }): number {
  const text = env[name]
  if (text === undefined) return fallback
  const max = range.max ?? Number.MAX_SAFE_INTEGER
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= range.min && value <= max)) {
    throw new ConfigError(name, `must be a whole number from ${range.min} to ${max}`)
  }
  return value
}

/** A number with a unit (`500ms`, `10s`, `2m`); a bare number means seconds. */
function duration(env: Environment, name: string, fallbackMs: number): number {
  const text = env[name]
  if (text === undefined) return fallbackMs
  const parts = /^(\d{1,9})(ms|s|m)?$/.exec(text)
  const valueMs = parts ? Number(parts[1]) * (UNITS_MS[parts[2] ?? 's'] ?? 1000) : 0
  if (valueMs <= 0) throw new ConfigError(name, 'must be a duration above zero, such as 500ms, 10s or 2m')
  return valueMs
}

function oneOf(env: Environment, name: string, fallback: string, allowed: readonly string[]): string {
  const value = env[name] ?? fallback
  if (!allowed.includes(value)) throw new ConfigError(name, `must be one of ${allowed.join(', ')}`)
  return value
}

function ipAddress(env: Environment, name: string, fallback: string): string {
  const address = (env[name] ?? fallback).replace(/^\[(.*)\]$/, '$1')
  if (isIP(address) === 0) throw new ConfigError(name, 'must be an IP address; a host name is not accepted')
  return address
}

function mongoUri(env: Environment, name: string): string | undefined {
  const uri = env[name]
  if (uri !== undefined && !/^mongodb(\+srv)?:\/\/./.test(uri)) {
    throw new ConfigError(name, 'must begin with mongodb:// or mongodb+srv://')
  }
  return uri
}

function jwtSecret(env: Environment): Uint8Array {
  const secret = new TextEncoder().encode(required(env, 'CONMAN_JWT_SECRET'))
  if (secret.length < 32) throw new ConfigError('CONMAN_JWT_SECRET', 'must be at least 32 characters')
  return secret
}

/** What encrypts every stored secret must not be a word that can be guessed. */
function masterKey(name: string, key: string): string {
  if (Buffer.byteLength(key) < 16) throw new ConfigError(name, 'must be at least 16 characters')
  return key
}

function previousMasterKey(env: Environment): string | undefined {
  const name = 'CONMAN_SECRETS_MASTER_KEY_PREVIOUS'
  const key = env[name]
  if (key === undefined) return undefined
  if (key === env.CONMAN_SECRETS_MASTER_KEY) {
    throw new ConfigError(name, 'must be another key than CONMAN_SECRETS_MASTER_KEY')
  }
  return masterKey(name, key)
}

function gitAddress(env: Environment): string {
  const name = 'CONMAN_GITALY_ADDRESS'
  const url = URL.parse(env[name] ?? 'http://localhost:8075')
  // TLS is refused rather than spoken in clear text under an `https` name.
  if (url?.protocol !== 'http:' || url.hostname === '' || url.username !== '' || url.password !== '') {
    throw new ConfigError(name, 'must be http://host:port (plain text; https is not supported)')
  }
  return `${url.hostname}:${url.port === '' ? '80' : url.port}`
}
