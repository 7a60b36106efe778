/**
 * Forgotten passwords: a token that goes out by mail, works once and for an hour, and ends every session when it is used.
 *
 * An address without an account gets the same answer at the same cost: a token of nobody, and a mail that is never sent.
 */
import { randomBytes } from 'node:crypto'
import { ObjectId } from 'mongodb'
import { hashPassword, requireAcceptablePassword } from '../auth/passwords.ts'
import { MAX_EMAIL_LENGTH, normaliseEmail, toUser } from '../auth/service.ts'
import { validAfterReset } from '../auth/tokens.ts'
import type { Origin } from '../http/context.ts'
import { ApiError, validation } from '../http/errors.ts'
import { describeError } from '../logging.ts'
import type { UserDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'

export interface PasswordResetService {
  request(origin: Origin, email: string): Promise<void>
  redeem(origin: Origin, token: string, newPassword: string): Promise<void>
}

const TOKEN_BYTES = 32
const LIFETIME_MINUTES = 60

const invalidToken = () => new ApiError('token_invalid', 'the token is unknown or used')
const expiredToken = () => new ApiError('token_expired', 'the token has expired')

export function createPasswordResetService(services: Services): PasswordResetService {
  const { data, causality } = services.store

  /** Uses the token up, sets the password and voids what else there is, all at once. */
  async function replacePassword(tokenId: ObjectId, userId: ObjectId, password_hash: string): Promise<UserDocument> {
    return causality.transaction(userId.toHexString(), async (session) => {
      const now = new Date()
      const used = await data.password_reset_tokens.updateOne(
        { _id: tokenId, used_at: null, expires_at: { $gt: now } },
        { $set: { used_at: now } },
        { session },
      )
      if (used.matchedCount === 0) throw invalidToken()
      const user = await data.users.findOne({ _id: userId }, { session })
      if (user === null) throw invalidToken()
      const tokens_valid_after = validAfterReset(now, user.tokens_valid_after)
      const set = { password_hash, tokens_valid_after, updated_at: now }
      await data.users.updateOne({ _id: userId }, { $set: set }, { session })
      const others = { user_id: userId, used_at: null }
      await data.password_reset_tokens.updateMany(others, { $set: { used_at: now } }, { session })
      return user
    })
  }

  return {
    async request(origin, givenEmail) {
      const email = normaliseEmail(givenEmail)
      if (email === '') throw validation('email must not be blank')
      if (email.length > MAX_EMAIL_LENGTH) throw validation(`email must be at most ${MAX_EMAIL_LENGTH} characters long`)
      const user = await data.users.findOne({ email }, { projection: { _id: 1 } })
      const user_id = user?._id ?? null
      const _id = new ObjectId()
      const token = randomBytes(TOKEN_BYTES).toString('base64url')
      const now = new Date()
      const expires_at = new Date(now.getTime() + LIFETIME_MINUTES * 60_000)
      await data.password_reset_tokens.insertOne({ _id, user_id, token, expires_at, used_at: null, created_at: now })
      await services.outbox.enqueue([
        {
          userId: user_id,
          recipient: email,
          appId: null,
          eventType: 'password_reset',
          subject: 'New password',
          body: `Somebody asked for a new password for ${email}.\nToken: ${token}\nIt works once, for ${LIFETIME_MINUTES} minutes.\n`,
          suppressed: user === null,
        },
      ])
      await services.audit.record(origin, {
        appId: null,
        actor: null,
        entityType: 'password_reset_token',
        entityId: _id.toHexString(),
        action: 'requested',
        after: { user_id, expires_at },
      })
    },

    async redeem(origin, token, newPassword) {
      if (token.trim() === '') throw validation('token must not be blank')
      requireAcceptablePassword(newPassword)
      const found = await data.password_reset_tokens.findOne({ token })
      if (found === null || found.user_id === null || found.used_at !== null) throw invalidToken()
      if (found.expires_at <= new Date()) throw expiredToken()
      const passwordHash = await hashPassword(newPassword, services.config.argon2)
      const user = await replacePassword(found._id, found.user_id, passwordHash)
      // Whoever could read the mail need not wait for those who guessed.
      await services.throttle.clear(user.email).catch((error: unknown) => {
        services.logger.warn(describeError(error), 'login throttle not cleared')
      })
      await services.audit.record(origin, {
        appId: null,
        actor: toUser(user),
        entityType: 'password',
        entityId: user._id.toHexString(),
        action: 'reset',
      })
    },
  }
}
