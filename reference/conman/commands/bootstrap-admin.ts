/**
 * `bootstrap-admin`: makes the first account, or gives a known one a new password. It grants no role: an account becomes
 * app_admin of the apps that it creates.
 */
import { MongoClient, ObjectId } from 'mongodb'
import { hashPassword, requireAcceptablePassword } from '../auth/passwords.ts'
import { normaliseEmail } from '../auth/service.ts'
import { ConfigError, type Environment, readArgon2Parameters, readMongoConfig } from '../config.ts'
import { ApiError, validation } from '../http/errors.ts'
import { describeError } from '../logging.ts'
import type { UserDocument } from '../mongo/documents.ts'

export interface BootstrapInput {
  email: string
  name: string
  password: string
  mongoUri: string | undefined
  mongoDb: string | undefined
}

/** Answers the exit code. */
export async function bootstrapAdmin(input: BootstrapInput, env: Environment): Promise<number> {
  try {
    const mongo = readMongoConfig({
      CONMAN_MONGO_URI: input.mongoUri ?? env.CONMAN_MONGO_URI,
      CONMAN_MONGO_DB: input.mongoDb ?? env.CONMAN_MONGO_DB,
    })
    const email = normaliseEmail(input.email)
    const name = input.name.trim()
    if (email === '' || name === '') throw validation('email and name must not be blank')
    requireAcceptablePassword(input.password)
    const password_hash = await hashPassword(input.password, readArgon2Parameters(env))

    const client = new MongoClient(mongo.uri)
    try {
      const users = client.db(mongo.database).collection<UserDocument>('users')
      const now = new Date()
      const before = await users.findOneAndUpdate(
        { email },
        [
          {
            $set: {
              // Kept as they are where the account is known; a password must not be taken for an expression.
              _id: { $ifNull: ['$_id', new ObjectId()] },
              name: { $ifNull: ['$name', { $literal: name }] },
              created_at: { $ifNull: ['$created_at', now] },
              // A new password ends the sessions that were begun with the old one.
              tokens_valid_after: { $cond: [{ $eq: [{ $type: '$password_hash' }, 'missing'] }, null, now] },
            },
          },
          { $set: { password_hash: { $literal: password_hash }, updated_at: now } },
        ],
        { upsert: true, returnDocument: 'before', writeConcern: { w: 'majority', j: true } },
      )
      const user = before ?? (await users.findOne({ email }))
      const lines = [
        before === null ? 'created new user' : 'updated existing user',
        `  user_id: ${user?._id.toHexString()}`,
        `  email: ${email}`,
        // The address may carry credentials.
        `  mongo: ${mongo.uri.replace(/\/\/[^/@]*@/, '//***@')}`,
      ]
      process.stdout.write(`${lines.join('\n')}\n`)
    } finally {
      await client.close()
    }
    return 0
  } catch (error) {
    console.error(
      `conman: ${error instanceof ConfigError || error instanceof ApiError ? error.message : describeError(error).error}`,
    )
    return 1
  }
}
