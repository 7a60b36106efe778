// The database as a witness, on a real mongod that asks who one is: a user with the role `read` suffices, what is sent is
// what docs/configuration.md lists, and nothing is ever written.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Document, MongoClient } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { queryPlans } from '../../checklist/GL-P4/gather.ts'
import type { IndexEvidence } from '../../checklist/IX/evidence.ts'
import { indexes } from '../../checklist/IX/gather.ts'
import { UsageError } from '../errors.ts'
import { silent } from '../progress.ts'
import type { Run } from '../run.ts'
import { freePort } from '../stack/ports.ts'
import { ManagedProcess } from '../stack/processes.ts'
import { Reaper } from '../stack/reaper-client.ts'
import { resolveTool } from '../toolchain/resolve.ts'
import { COMMANDS, DatabaseWitness, secretsOfUri } from './database.ts'

const ADMIN = 'admin@example.test'
const PASSWORD = 'hunter2:hunter2/&'

let owned: AsyncDisposableStack
let port: number
let root: MongoClient
beforeAll(async () => {
  owned = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'conman-readiness-'))
  owned.defer(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(join(folder, 'data'))
  const reaper = owned.use(new Reaper(`database-test-${process.pid}`))
  const { path } = await resolveTool('mongod', { install: true })
  port = await freePort()
  const mongod = owned.use(
    new ManagedProcess(
      {
        name: 'mongod',
        command: path,
        args: ['--auth', '--bind_ip', '127.0.0.1', '--port', String(port), '--dbpath', join(folder, 'data')],
        logFile: join(folder, 'mongod.log'),
        ready: { what: 'to listen', within_ms: 60_000, probe: (it) => it.log().includes('Waiting for connections') },
      },
      reaper,
    ),
  )
  await mongod.start()
  // mongod lets the first user be made from this machine; from then on it asks.
  await using first = new MongoClient(`mongodb://127.0.0.1:${port}`)
  await first.db('admin').command({ createUser: 'root', pwd: PASSWORD, roles: ['root'] })
  root = owned.adopt(new MongoClient(uriOf('root', 'admin')), (client) => client.close())
  const db = root.db('conman')
  await db.command({ createUser: 'readiness', pwd: PASSWORD, roles: [{ role: 'read', db: 'conman' }] })
  await db.command({ createUser: 'nobody', pwd: PASSWORD, roles: [] })
  await db.collection('users').insertOne({ email: ADMIN })
  await db.collection('jobs').insertMany(Array.from({ length: 250 }, (_, n) => ({ n })))
  await db.collection('jobs').createIndex({ n: 1 }, { name: 'by_n' })
})
afterAll(() => owned?.disposeAsync())

const uriOf = (user: string, source: string, password = PASSWORD) =>
  `mongodb://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/?authSource=${source}`
const open = (uri: string, database = 'conman', account = ADMIN) =>
  DatabaseWitness.open({ uri, database }, account, 'CONMAN_MONGO_URI')

describe('a user with the role `read`', () => {
  test('suffices for everything that verdicts rest on; how indexes are used is left out', async () => {
    await using database = await open(uriOf('readiness', 'conman'))
    expect(database.version).toMatch(/^\d+\.\d+\.\d+/)
    expect(
      await database.find('jobs', { n: { $lt: 3 } }, { projection: { _id: 0 }, sort: { n: -1 }, limit: 2 }),
    ).toEqual([{ n: 2 }, { n: 1 }])
    expect(await database.find('jobs', {})).toHaveLength(250)
    expect(await database.aggregate('jobs', [{ $group: { _id: null, n: { $sum: 1 } } }])).toEqual([
      { _id: null, n: 250 },
    ])
    const plan = await database.explain('jobs', { n: 1 }, { verbosity: 'executionStats' })
    expect(JSON.stringify(plan.queryPlanner)).toContain('"indexName":"by_n"')
    expect((await database.indexes('jobs')).map((index) => index.name)).toEqual(['_id_', 'by_n'])
    expect(await database.indexes('no_such_collection')).toEqual([])
    expect(await database.statistics('jobs')).toMatchObject({ count: 250 })
    expect(await database.indexUse('jobs')).toBeNull()
    expect(await database.serverStatus()).toBeNull()
  })

  test('suffices for the checks that ask each member by itself', async () => {
    const run = runOn(uriOf('readiness', 'conman'))
    const { collections, use_counted_on } = (await indexes.gather(run)) as IndexEvidence
    expect(collections.map(({ name, documents }) => [name, documents])).toEqual([
      ['jobs', 250],
      ['users', 1],
    ])
    expect(use_counted_on).toEqual([])
    expect(await queryPlans.gather(run)).toMatchObject({ source: 'table' })
  })

  test('may not write, so a write of ours would have been refused', async () => {
    await using client = new MongoClient(uriOf('readiness', 'conman'))
    await expect(client.db('conman').collection('jobs').insertOne({ n: 0 })).rejects.toThrow(/not authorized/)
    await using database = await open(uriOf('readiness', 'conman'))
    await expect(database.aggregate('jobs', [{ $match: {} }, { $out: 'copy' }])).rejects.toThrow(/\$out writes/)
  })

  test('sends nothing but the commands that are listed, even where more would be allowed', async () => {
    const db = root.db('conman')
    await db.command({ profile: 2 })
    {
      await using database = await open(uriOf('root', 'admin'))
      await database.find('jobs', {}, { sort: { n: 1 } })
      await database.aggregate('jobs', [{ $match: {} }])
      await database.explain('jobs', {})
      await database.indexes('jobs')
      await database.statistics('jobs')
      expect(await database.indexUse('jobs')).toHaveLength(2)
      expect(await database.serverStatus()).toHaveProperty('opcounters')
    }
    for (const { gather } of [indexes, queryPlans]) await gather(runOn(uriOf('root', 'admin')))
    await db.command({ profile: 0 })
    const seen = await db.collection('system.profile').find({ appName: 'conman-readiness' }).toArray()
    const names = new Set(seen.map(commandOf))
    // The profiler does not keep `listCollections`, nor `hello`, which is no database's own.
    for (const name of ['find', 'explain', 'count']) expect(names).toContain(name)
    expect(COMMANDS).toEqual(expect.arrayContaining([...names]))
  })
})

/** A run on a URL whose database was handed over: what such a gatherer needs of it. */
function runOn(uri: string): Run {
  const target = { kind: 'url', mongo: { uri, database: 'conman' }, fixtures: undefined }
  return { target, signal: new AbortController().signal, progress: silent } as unknown as Run
}

/** The first key of a profiled command is its name. */
function commandOf(entry: Document): string {
  return Object.keys(entry.command as Document)[0]!
}

describe('what cannot be used is said in one line, without the secret', () => {
  const refused = async (opening: Promise<DatabaseWitness>, message: RegExp) => {
    const error = await opening.then(
      () => undefined,
      (cause: unknown) => cause as UsageError,
    )
    expect(error).toBeInstanceOf(UsageError)
    expect(error!.message).toMatch(message)
    expect(`${error!.message} ${error!.remedy}`).not.toContain('hunter2')
  }

  test('a wrong password, a user without a role, nobody there, no connection string', async () => {
    await refused(
      open(uriOf('readiness', 'conman', 'hunter2wrong')),
      /^CONMAN_MONGO_URI cannot be used: .*Authentication failed/,
    )
    await refused(open(uriOf('nobody', 'conman')), /^CONMAN_MONGO_URI cannot be used: .*not authorized on conman/)
    await refused(
      open(`mongodb://a:hunter2@127.0.0.1:1/?serverSelectionTimeoutMS=500`),
      /^CONMAN_MONGO_URI cannot be used: .*ECONNREFUSED/,
    )
    await refused(open('mongodb://a:hunter2@'), /^CONMAN_MONGO_URI cannot be used/)
    await refused(open('mongodb://a:hunter2@127.0.0.1/?nonsense=hunter2'), /^CONMAN_MONGO_URI cannot be used/)
  })

  test('another database, or another Conman’s', async () => {
    await refused(open(uriOf('root', 'admin'), 'other'), /the database ‘other’ holds no account admin@example\.test/)
    await refused(open(uriOf('readiness', 'conman'), 'conman', 'else@example.test'), /holds no account else@/)
  })

  test('the account as Conman stores it: lower case', async () => {
    await using _ = await open(uriOf('readiness', 'conman'), 'conman', ' Admin@Example.test ')
  })
})

test('the password of a connection string, as it stands there and decoded', () => {
  expect(secretsOfUri('mongodb://a:b%2Fc@h,i:1/db?x=y@z')).toEqual(['b%2Fc', 'b/c'])
  expect(secretsOfUri('mongodb+srv://a:%zz@h')).toEqual(['%zz'])
  expect(secretsOfUri('mongodb://h/?a=b:c@d')).toEqual([])
})
