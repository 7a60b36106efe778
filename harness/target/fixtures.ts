// The fast path of the seed on a stack of our own: rows as data-and-runtime §1.3 stores them, and sessions that the server
// would have made itself.

import { createHmac } from 'node:crypto'
import { type MongoClient, ObjectId } from 'mongodb'
import type { Stack } from '../stack/stack.ts'
import type { DirectFixtures } from './target.ts'

/** A day, as the server's own tokens. */
const TOKEN_S = 86_400

export function fixturesIn(mongo: MongoClient, stack: Stack): DirectFixtures {
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
