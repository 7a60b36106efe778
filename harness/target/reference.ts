// The bundled Conman on a stack of its own: everything can be reached, and everything ends with the harness.

import { createHmac } from 'node:crypto'
import { MongoClient, ObjectId } from 'mongodb'
import { ALL_CAPABILITIES, type Capability } from '../capabilities.ts'
import { keepStack } from '../stack/keep.ts'
import { type Stack, startStack } from '../stack/stack.ts'
import { stackParent } from '../stack/storage.ts'
import { auditFromMongo } from './audit.ts'
import { Conman } from './conman.ts'
import { HttpClient } from './http.ts'
import type { Opening, ReferenceOptions } from './open.ts'
import { fingerprintOf } from './probe.ts'
import type { DirectFixtures, Target } from './target.ts'

/**
 * The specified limits (100 requests, 30 writes and 10 logins a minute) would throttle every load scenario; on a stack of
 * our own they are off unless a check asks for them, and the report says so (decisions C6).
 */
export const UNTHROTTLED: Readonly<Record<string, string>> = {
  CONMAN_RATE_LIMIT_USER_PER_MINUTE: '0',
  CONMAN_RATE_LIMIT_WRITE_PER_MINUTE: '0',
  CONMAN_RATE_LIMIT_AUTH_PER_MINUTE: '0',
}

/** A stack of our own reaches everything but what only a user can have: a Prometheus, and the source of a stranger. */
const OWN_STACK: readonly Capability[] = ALL_CAPABILITIES.filter((one) => one !== 'prometheus')

export async function openReference(options: ReferenceOptions, opening: Opening): Promise<Target> {
  const { progress, profile } = opening
  const env = { ...UNTHROTTLED, ...(options.defect === undefined ? {} : { CONMAN_DEFECT: options.defect }) }
  const workers = options.workers ?? 1
  progress.update('starting the stack: three mongod, Toxiproxy, the git backend, Conman')
  const started = performance.now()
  await using undo = new AsyncDisposableStack()
  const stack = undo.use(
    await startStack(
      {
        env,
        electionTimeout_ms: profile.election_timeout_ms,
        workers,
        onProgress: (line) => progress.update(line),
      },
      opening.signal,
    ),
  )
  progress.say(
    `stack is ready after ${((performance.now() - started) / 1_000).toFixed(1)} s: Conman on ${stack.baseUrl}`,
  )
  const http = undo.use(new HttpClient(stack.baseUrl))
  const conman = new Conman(http)
  const mongo = undo.adopt(new MongoClient(stack.mongoUri, { appName: 'conman-readiness' }), (client) => client.close())
  await mongo.connect()
  const mongodb = (await mongo.db(stack.databaseName).command({ buildInfo: 1 })).version as string
  const address =
    options.defect === undefined
      ? 'the bundled Conman on its own stack'
      : `the bundled Conman with the known defect ${options.defect}`
  const settings = {
    ...env,
    'replica set election time-out': `${profile.election_timeout_ms} ms`,
    ...(workers === 1 ? {} : { 'worker processes': String(workers) }),
    'data of the stack on': stackParent().kind === 'memory' ? 'memory (tmpfs)' : 'disk',
  }
  const capabilities = new Set(OWN_STACK)
  const owned = undo.move()
  return {
    kind: 'reference',
    address,
    baseUrl: stack.baseUrl,
    capabilities,
    unreachable: new Map([['prometheus', 'none scrapes it']]),
    processes: 'split',
    allowed: 'disrupts',
    loadBounds: undefined,
    conman,
    admin: { email: stack.adminEmail, password: stack.adminPassword },
    gitStorage: stack.gitStorage,
    settings,
    fixtures: fixturesIn(mongo, stack),
    fingerprint: () =>
      fingerprintOf(conman, { kind: 'reference', address, capabilities: [...capabilities].sort(), settings, mongodb }),
    async repositoryFor(appName) {
      const path = `${appName}.git`
      await stack.createRepository(path, FIRST_FILES)
      return path
    },
    async fileWriteAudit(appId) {
      return { source: 'mongo', commits: await auditFromMongo(mongo, stack.databaseName, appId) }
    },
    copyLogs(copy) {
      for (const [name, file] of Object.entries(stack.logFiles())) copy(file, `${name}.log`)
    },
    secretsInto(redactor) {
      redactor.add(stack.adminPassword, stack.jwtSecret, stack.addresses.secretsMasterKey)
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
}

/** A repository is never empty in practice: the first commit of `main`. */
const FIRST_FILES: Readonly<Record<string, string>> = {
  'README.md': '# Configuration\n\nEach service has a folder under config/.\n',
  'config/defaults/settings.json': `${JSON.stringify({ service: 'defaults', enabled: true }, null, 2)}\n`,
}

/** A day, as the server's own tokens. */
const TOKEN_S = 86_400

/** Rows as data-and-runtime §1.3 stores them; the sessions are tokens that the server would have made itself. */
function fixturesIn(mongo: MongoClient, stack: Stack): DirectFixtures {
  const db = mongo.db(stack.databaseName)
  return {
    async insert(collection, documents) {
      const { insertedCount } = await db
        .collection(collection)
        .insertMany([...documents], { writeConcern: { w: 'majority', j: true } })
      return insertedCount
    },
    async members(app, people) {
      const admin = await db.collection('users').findOne({ email: stack.adminEmail })
      const now = new Date()
      const majority = { writeConcern: { w: 'majority', j: true } } as const
      await db.collection('users').bulkWrite(
        people.map(({ email, name }) => ({
          updateOne: {
            filter: { email },
            // One hash for all: they come in by token. Whoever wants to log in as one uses the admin's password.
            update: {
              $setOnInsert: { email, name, password_hash: admin!.password_hash, created_at: now, updated_at: now },
            },
            upsert: true,
          },
        })),
        majority,
      )
      const users = await db
        .collection('users')
        .find({ email: { $in: people.map((one) => one.email) } })
        .toArray()
      const idOf = new Map(users.map((user) => [user.email as string, user._id]))
      const appId = new ObjectId(app.id)
      await db.collection('app_memberships').bulkWrite(
        people.map(({ email, role }) => ({
          updateOne: {
            filter: { user_id: idOf.get(email)!, app_id: appId },
            update: { $setOnInsert: { user_id: idOf.get(email)!, app_id: appId, role, created_at: now } },
            upsert: true,
          },
        })),
        majority,
      )
      return people.map(({ email, role }) => {
        const userId = idOf.get(email)!.toHexString()
        return { userId, email, token: mint(stack.jwtSecret, { sub: userId, email, roles: { [app.id]: role } }) }
      })
    },
  }
}

/** HS256 over the server's secret, with the claims of http-api §1.7. */
function mint(secret: string, claims: { sub: string; email: string; roles: Record<string, string> }): string {
  const now = Math.floor(Date.now() / 1_000)
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${encode({ typ: 'JWT', alg: 'HS256' })}.${encode({ ...claims, iat: now, exp: now + TOKEN_S })}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}
