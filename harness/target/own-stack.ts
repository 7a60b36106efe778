// A Conman program on a stack of our own, whichever program it is: what the stack makes reachable is reached, and everything
// ends with the harness.

import '../../tools/mongodb-driver.ts'
import { MongoClient } from 'mongodb'
import { ALL_CAPABILITIES, type Capability } from '../capabilities.ts'
import { secretsIn } from '../evidence/redact.ts'
import type { ConmanProgram } from '../stack/conman.ts'
import { DEPLOY_COMMAND, EffectsLedger } from '../stack/effects.ts'
import { keepStack } from '../stack/keep.ts'
import { type Stack, startStack } from '../stack/stack.ts'
import { stackParent } from '../stack/storage.ts'
import { PROXY_NAMES } from '../stack/toxiproxy.ts'
import { auditFromMongo } from './audit.ts'
import { Conman } from './conman.ts'
import { DatabaseWitness } from './database.ts'
import { fingerprintOf, loginTime } from './first-look.ts'
import { fixturesIn } from './fixtures.ts'
import { HttpClient } from './http.ts'
import type { Opening } from './open.ts'
import type { HandedOver, Target } from './target.ts'

/**
 * The specified limits (100 requests, 30 writes and 10 logins a minute) would throttle every load scenario; on a stack of
 * our own they are off unless a check asks for them, and the report says so (decisions C6).
 */
export const UNTHROTTLED: Readonly<Record<string, string>> = {
  CONMAN_RATE_LIMIT_USER_PER_MINUTE: '0',
  CONMAN_RATE_LIMIT_WRITE_PER_MINUTE: '0',
  CONMAN_RATE_LIMIT_AUTH_PER_MINUTE: '0',
}

/** A stack of our own reaches everything but what only a user can have. */
export const UNREACHABLE_ON_OWN_STACK: ReadonlyMap<Capability, string> = new Map([['prometheus', 'none scrapes it']])

export interface OwnStackOptions {
  kind: 'reference' | 'command'
  /** For people: what was started. */
  address: string
  /** The bundled one when nothing is said. */
  program?: ConmanProgram
  /** For Conman, on top of what the stack sets. */
  env: Readonly<Record<string, string>>
  /** Values that must not be written anywhere. */
  secrets?: readonly string[]
  workers?: number
  /** The folder with its source. */
  source?: string
  /** Where the logs of a start that fails are kept; without it they go with the stack. */
  logsOfFailedStartIn?: string
  /** Once it is up: what of a stack this program does not let us reach, and why. What cannot be judged at all is thrown. */
  unreachable?(stack: Stack, parts: { mongo: MongoClient; http: HttpClient }): Promise<ReadonlyMap<Capability, string>>
}

export async function openOwnStack(options: OwnStackOptions, opening: Opening): Promise<Target> {
  const { progress, profile } = opening
  const { kind, address, env, program, secrets = [], logsOfFailedStartIn } = options
  const workers = options.workers ?? 1
  progress.update('starting the stack: three mongod, Toxiproxy, the git backend, Conman')
  const started = performance.now()
  await using undo = new AsyncDisposableStack()
  const stack = undo.use(
    await startStack(
      {
        env,
        secrets,
        electionTimeout_ms: profile.election_timeout_ms,
        workers,
        ...(program === undefined ? {} : { conman: program }),
        ...(logsOfFailedStartIn === undefined ? {} : { logsOfFailedStartIn }),
        onProgress: (line) => progress.update(line),
      },
      opening.signal,
    ),
  )
  progress.say(
    `stack is ready after ${((performance.now() - started) / 1_000).toFixed(1)} s: Conman on ${stack.baseUrl}`,
  )
  const http = undo.use(new HttpClient(stack.baseUrl))
  const conman = new Conman(http, undefined, opening.signal)
  const mongo = undo.adopt(new MongoClient(stack.mongoUri, { appName: 'conman-readiness' }), (client) => client.close())
  await mongo.connect()
  const mongodb = (await mongo.db(stack.databaseName).command({ buildInfo: 1 })).version as string
  const database = new DatabaseWitness(mongo, stack.databaseName, mongodb)
  const unreachable = new Map<Capability, string>([
    ...UNREACHABLE_ON_OWN_STACK,
    ...unreachableEffects(env),
    ...((await options.unreachable?.(stack, { mongo, http })) ?? []),
  ])
  const capabilities = new Set(ALL_CAPABILITIES.filter((one) => !unreachable.has(one)))
  const settings = {
    ...env,
    'replica set election time-out': `${profile.election_timeout_ms} ms`,
    ...(stack.conman.roles === 'split' ? {} : { 'processes of Conman': 'one, for the API and the jobs' }),
    ...(stack.conman.mongoPath === 'proxied' ? {} : { 'way to MongoDB': 'direct' }),
    ...(unreachable.has('effects') ? {} : { 'command of deployments': 'notes each of them in the ledger of effects' }),
    ...(workers === 1 ? {} : { 'worker processes': String(workers) }),
    'data of the stack on': stackParent().kind === 'memory' ? 'memory (tmpfs)' : 'disk',
  }
  const admin = { email: stack.adminEmail, password: stack.adminPassword }
  const owned = undo.move()
  const target: Target = {
    kind,
    address,
    baseUrl: stack.baseUrl,
    capabilities,
    unreachable,
    processes: stack.conman.roles,
    allowed: 'disrupts',
    loadBounds: undefined,
    conman,
    admin,
    gitStorage: stack.gitStorage,
    mongo: { uri: stack.mongoUri, database: stack.databaseName },
    database,
    ...(unreachable.has('effects') ? {} : { effects: new EffectsLedger(stack.addresses.effectsFile) }),
    stack,
    handedOver: handedOver(stack, options.source),
    settings,
    fixtures: fixturesIn(mongo, stack),
    fingerprint: async () =>
      fingerprintOf(
        conman,
        { kind, address, capabilities: [...capabilities].sort(), settings, mongodb },
        await loginTime(conman, admin),
      ),
    async repositoryFor(appName) {
      const path = `${appName}.git`
      await stack.createRepository(path, FIRST_FILES)
      return path
    },
    async fileWriteAudit(appId) {
      return { source: 'mongo', commits: await auditFromMongo(database, appId) }
    },
    async configured(given) {
      await using parts = new AsyncDisposableStack()
      const beside = parts.use(await stack.serveBeside(given, opening.signal))
      const client = parts.use(new HttpClient(beside.baseUrl))
      const held = parts.move()
      return {
        ...target,
        baseUrl: beside.baseUrl,
        conman: new Conman(client, undefined, opening.signal),
        settings: { ...settings, ...given },
        [Symbol.asyncDispose]: () => held.disposeAsync(),
      }
    },
    copyLogs(copy) {
      for (const [name, file] of Object.entries(stack.logFiles())) copy(file, `${name}.log`)
    },
    secretsInto(redactor) {
      redactor.add(stack.adminPassword, stack.jwtSecret, stack.addresses.secretsMasterKey)
      redactor.add(...secrets, ...secretsIn(env))
    },
    memory: () => stack.memory(),
    async keep() {
      await keepStack(stack)
      await http[Symbol.asyncDispose]()
      await mongo.close()
      return `the stack was left up for a look: Conman on ${stack.baseUrl}, logs in ${stack.addresses.logDir}\n  → end it with: ./readiness down ${stack.id}`
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
  return target
}

/** With a deploy command of the user's own, nothing is noted. */
export function unreachableEffects(env: Readonly<Record<string, string>>): [Capability, string][] {
  return DEPLOY_COMMAND in env ? [['effects', `its own ${DEPLOY_COMMAND} is run instead of the stack’s`]] : []
}

/** What a URL's user would hand over. */
function handedOver(stack: Stack, source: string | undefined): HandedOver {
  const { toxiproxyUrl: url, outboxFile, jwtSecret } = stack.addresses
  // What is not on a program's way to MongoDB is no switch of it.
  const names = PROXY_NAMES.filter((name) => name === 'git' || stack.conman.mongoPath === 'proxied')
  return {
    toxiproxy: { url, proxies: Object.fromEntries(names.map((name) => [name, name])) },
    outboxFile,
    jwtSecret,
    ...(source === undefined ? {} : { source }),
  }
}

/** A repository is never empty in practice: the first commit of `main`. */
const FIRST_FILES: Readonly<Record<string, string>> = {
  'README.md': '# Configuration\n\nEach service has a folder under config/.\n',
  'config/defaults/settings.json': `${JSON.stringify({ service: 'defaults', enabled: true }, null, 2)}\n`,
}
