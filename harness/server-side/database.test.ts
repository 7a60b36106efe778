// What a real replica set tells of itself while somebody works on it.

import { setTimeout as delay } from 'node:timers/promises'
import { MongoClient } from 'mongodb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Run } from '../run.ts'
import { type Stack, startStack } from '../stack/stack.ts'
import { waitFor } from '../stack/wait-for.ts'
import { DatabaseWitness } from '../target/database.ts'
import type { Target } from '../target/target.ts'
import { type DatabaseWatch, watchDatabase } from './database.ts'
import type { WatchedDatabase } from './evidence.ts'

let stack: Stack
let conman: MongoClient
beforeAll(async () => {
  stack = await startStack({ conman: 'none' })
  conman = await new MongoClient(stack.mongoUri, { appName: 'conman' }).connect()
})
afterAll(async () => {
  await conman?.close()
  await stack?.[Symbol.asyncDispose]()
})

async function watch(more: Partial<Target>): Promise<DatabaseWatch> {
  const target: Partial<Target> = {
    mongo: { uri: stack.mongoUri, database: stack.databaseName },
    database: new DatabaseWitness(conman, stack.databaseName, '6'),
    copyLogs(copy) {
      for (const [name, file] of Object.entries(stack.logFiles())) copy(file, `${name}.log`)
    },
    ...more,
  }
  const watch = await watchDatabase({ target } as Run)
  if ('because' in watch) throw new Error(watch.because)
  return watch
}

const DOCUMENTS = 20

/** Reads the whole collection, and is long under way. */
async function askSlowly(): Promise<void> {
  const jobs = conman.db(stack.databaseName).collection('jobs')
  if ((await jobs.estimatedDocumentCount()) === 0) {
    await jobs.insertMany(Array.from({ length: DOCUMENTS }, (_, n) => ({ state: 'queued', n })))
  }
  await jobs.find({ state: 'queued', $where: 'sleep(30) || true' }).toArray()
}

test('members that are ours: which query was slow, by which plan, and what each member did', async () => {
  const watched = await watch({ fixtures: {} as NonNullable<Target['fixtures']> })
  const isSeen = async () => {
    const { under_way } = (await watched.result()) as WatchedDatabase
    return under_way!.queries.some(({ plan }) => plan === 'COLLSCAN')
  }
  let asked = 0
  // A busy machine may look at another moment than it asks.
  await waitFor(
    async () => {
      asked += 1
      await Promise.all([askSlowly(), watched.look(), delay(100).then(() => watched.look())])
      return await isSeen()
    },
    { what: 'the slow query to be seen under way', within_ms: 60_000 },
  )
  const { members, collections, slow, under_way } = (await watched.result()) as WatchedDatabase
  await watched.close()
  expect(members.map(({ role }) => role).sort()).toEqual(['primary', 'secondary', 'secondary'])
  expect(members.find(({ role }) => role === 'primary')).toMatchObject({ collection_scans: expect.any(Number) })
  expect(under_way!.queries).toContainEqual(
    expect.objectContaining({ collection: 'jobs', command: 'find', shape: '{state: ?, $where: ?}', plan: 'COLLSCAN' }),
  )
  expect(collections).toContainEqual(expect.objectContaining({ collection: 'jobs' }))
  expect(slow).toMatchObject({ from_ms: 100 })
  expect(slow!.queries).toContainEqual(
    expect.objectContaining({
      collection: 'jobs',
      command: 'find',
      shape: '{state: ?, $where: ?}',
      plan: 'COLLSCAN',
      count: asked,
      documents_examined: asked * DOCUMENTS,
      returned: asked * DOCUMENTS,
    }),
  )
})

test('a database that was handed over: the counters of the server that is read, and nothing more', async () => {
  const watched = await watch({})
  await askSlowly()
  await watched.look()
  const result = (await watched.result()) as WatchedDatabase
  await watched.close()
  expect(result).toMatchObject({ members: [{ role: 'primary' }], collections: null, slow: null, under_way: null })
  expect(result.members[0]!.operations).toBeGreaterThan(1)
})

test('a database that was not handed over', async () => {
  expect(await watchDatabase({ target: {} } as Run)).toEqual({ because: 'the database was not handed over' })
})
