// A Conman that runs somewhere: what the user hands over decides what can be reached. Nothing is started, and nothing
// is done to it but what its API offers.

import { MongoClient } from 'mongodb'
import type { Capability } from '../capabilities.ts'
import { UsageError } from '../errors.ts'
import { auditFromMongo, auditFromRoute } from './audit.ts'
import { Conman } from './conman.ts'
import { HttpClient } from './http.ts'
import type { Opening, UrlOptions } from './open.ts'
import { demandConman, demandLogin, fingerprintOf } from './probe.ts'
import type { Target } from './target.ts'

export async function openUrl(options: UrlOptions, opening: Opening): Promise<Target> {
  const http = new HttpClient(options.baseUrl)
  const conman = new Conman(http, (seconds) =>
    opening.progress.update(`the target limits its rate: waiting ${seconds} s, as it asks`),
  )
  await using undo = new AsyncDisposableStack()
  undo.use(http)
  opening.progress.say(
    `target: ${options.baseUrl}; its API will be asked to make users and one app with the prefix ‘readiness-’`,
  )
  await demandConman(conman)
  await demandLogin(conman, { email: options.adminEmail, password: options.adminPassword })
  const mongo = options.mongoUri === undefined ? undefined : await connect(options.mongoUri)
  if (mongo) undo.defer(() => mongo.close())
  const mongodb = mongo ? ((await mongo.db(options.mongoDb).command({ buildInfo: 1 })).version as string) : null

  const capabilities = new Set<Capability>(['http', 'repositories'])
  if (mongo) capabilities.add('mongo')
  if (options.gitStorage !== undefined) capabilities.add('git-storage')
  const owned = undo.move()
  return {
    kind: 'url',
    address: options.baseUrl,
    baseUrl: options.baseUrl,
    capabilities,
    unreachable: new Map(),
    processes: null,
    allowed: 'writes',
    loadBounds: undefined,
    conman,
    admin: { email: options.adminEmail, password: options.adminPassword },
    gitStorage: options.gitStorage,
    settings: {},
    fixtures: undefined,
    fingerprint: () =>
      fingerprintOf(conman, {
        kind: 'url',
        address: options.baseUrl,
        capabilities: [...capabilities].sort(),
        settings: {},
        mongodb,
      }),
    async repositoryFor(appName) {
      if (options.repoPath !== undefined) return options.repoPath
      // A Conman that makes repositories itself (E03) makes this one.
      return `${appName}.git`
    },
    async fileWriteAudit(appId, adminToken) {
      if (mongo) return { source: 'mongo', commits: await auditFromMongo(mongo, options.mongoDb, appId) }
      const commits = await auditFromRoute(conman, adminToken, appId)
      return commits === null ? null : { source: 'http', commits }
    },
    copyLogs() {},
    secretsInto(redactor) {
      redactor.add(options.adminPassword, options.mongoUri)
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

async function connect(uri: string): Promise<MongoClient> {
  const client = new MongoClient(uri, { serverSelectionTimeoutMS: 5_000, appName: 'conman-readiness' })
  try {
    await client.connect()
    return client
  } catch (cause) {
    await client.close()
    const message = cause instanceof Error ? cause.message.replaceAll(uri, '…') : ''
    throw new UsageError(
      `CONMAN_MONGO_URI cannot be used: ${message}`,
      'a read-only user suffices; leave it unset to go without',
      { cause },
    )
  }
}
