// The fast path of the seed on a stack of our own: rows as data-and-runtime §1.3 stores them, and sessions that the server
// would have made itself.

import { type MongoClient, ObjectId } from 'mongodb'
import type { Stack } from '../stack/stack.ts'
import { signToken } from './jwt-secret.ts'
import type { DirectFixtures } from './target.ts'

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
        return { userId, email, token: signToken(stack.jwtSecret, { userId, email, roles: { [app.id]: role } }) }
      })
    },
    async removeMember(app, userId) {
      const { deletedCount } = await db
        .collection('app_memberships')
        .deleteOne(
          { app_id: new ObjectId(app.id), user_id: new ObjectId(userId) },
          { writeConcern: { w: 'majority', j: true } },
        )
      return deletedCount === 1
    },
  }
}
