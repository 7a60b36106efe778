/** Reading one's own write from a secondary, on a real replica set (see test/server.test.ts for its address). */
import { randomBytes } from 'node:crypto'
import { MongoClient } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createCausality } from './causality.ts'

const uri = process.env.READINESS_TEST_MONGO_URI

describe.skipIf(uri === undefined)('a read after a write of the same user', () => {
  const database = `causality_${randomBytes(4).toString('hex')}`
  let client: MongoClient
  beforeAll(async () => {
    client = await new MongoClient(uri ?? '').connect()
  })
  afterAll(async () => {
    await client?.db(database).dropDatabase()
    await client?.close()
  })

  test('sees it on any member, and no member refuses to wait for it', async () => {
    const { write, read } = createCausality(client)
    const rows = client.db(database).collection<{ _id: string }>('rows')
    await rows.insertOne({ _id: 'first' })
    const missed: string[] = []
    await Promise.all(
      Array.from({ length: 8 }, async (_, user) => {
        for (let number = 0; number < 40; number += 1) {
          const _id = `${user}-${number}`
          await write(String(user), (session) => rows.insertOne({ _id }, { session, writeConcern: { w: 'majority' } }))
          const found = await read(String(user), (session) => {
            // The signed clock goes along with the moment, or a member that has not heard of it refuses the read.
            expect(session.clusterTime?.clusterTime.greaterThanOrEqual(session.operationTime!)).toBe(true)
            return rows.findOne({ _id }, { session, readPreference: 'secondaryPreferred' })
          })
          if (found === null) missed.push(_id)
        }
      }),
    )
    expect(missed).toEqual([])
  })
})
