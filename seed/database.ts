// The target's database, for a while: to look at what the seed wrote, and at what a run left.

import { type Db, MongoClient } from 'mongodb'
import { HarnessError } from '../harness/errors.ts'
import type { Run } from '../harness/run.ts'

/** Reads go to the primary: what was just written is there. */
export async function withDatabase<T>(run: Run, work: (db: Db) => Promise<T>): Promise<T> {
  const { mongo } = run.target
  if (mongo === undefined) throw new HarnessError('the database cannot be reached', 'hand over CONMAN_MONGO_URI')
  const client = new MongoClient(mongo.uri, { appName: 'conman-readiness', readPreference: 'primary' })
  try {
    await client.connect()
    return await work(client.db(mongo.database))
  } finally {
    await client.close()
  }
}
