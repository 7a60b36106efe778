/** Who somebody is: logins, sessions and what a request's token stands for. */

import { ObjectId } from 'mongodb'
import type { User } from '../http/context.ts'
import { ApiError, unauthorized, validation } from '../http/errors.ts'
import { isObjectId } from '../http/identifiers.ts'
import type { AppDocument, MembershipDocument, UserDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import { createDummyHash, passwordMatches } from './passwords.ts'
import { isVoided, type TokenClaims } from './tokens.ts'

export interface Session {
  token: string
  user: { id: string; email: string; name: string }
}

/** What is known of a caller once the token holds; `app` and `membership` are those of the path's app id. */
export interface Principal {
  user: User
  membership: MembershipDocument | undefined
  app: AppDocument | undefined
}

export interface AuthService {
  login(email: string, password: string): Promise<Session>
  /** Verifies the password of an account, throttled; undefined when it is wrong or the account does not exist. */
  checkPassword(email: string, password: string): Promise<UserDocument | undefined>
  /** `provenMs`: see `Tokens.issue`. */
  session(user: User, provenMs?: number): Promise<Session>
  principal(claims: TokenClaims, appId: string | undefined): Promise<Principal>
}

export const MAX_EMAIL_LENGTH = 254

export function toUser(document: Pick<UserDocument, '_id' | 'email' | 'name' | 'tokens_valid_after'>): User {
  const { _id: id, email, name, tokens_valid_after: tokensValidAfter = null } = document
  return { id, email, name, tokensValidAfter }
}

export function normaliseEmail(email: string): string {
  return email.trim().toLowerCase()
}

export async function createAuthService(services: Services): Promise<AuthService> {
  const dummyHash = await createDummyHash(services.config.argon2)

  async function checkPassword(email: string, password: string): Promise<UserDocument | undefined> {
    return services.throttle.attempt(email, async () => {
      const user = await services.store.data.users.findOne({ email })
      const matches = await passwordMatches(user?.password_hash ?? dummyHash, password)
      return matches && user !== null ? user : undefined
    })
  }

  async function session(user: User, provenMs?: number): Promise<Session> {
    const token = await services.tokens.issue(user, provenMs)
    return { token, user: { id: user.id.toHexString(), email: user.email, name: user.name } }
  }

  return {
    checkPassword,
    session,

    async login(givenEmail, password) {
      const email = normaliseEmail(givenEmail)
      if (email === '' || password.trim() === '') throw validation('email and password must not be blank')
      if (email.length > MAX_EMAIL_LENGTH) throw validation(`email must be at most ${MAX_EMAIL_LENGTH} characters long`)
      // The password may be replaced while it is being verified: what is right was right before that.
      const beganMs = Date.now()
      const user = await checkPassword(email, password)
      if (user === undefined) {
        services.metrics.authFailure()
        throw new ApiError('invalid_credentials', 'unauthorized: invalid_credentials')
      }
      return session(toUser(user), beganMs)
    },

    async principal(claims, appId) {
      const { lookups } = services.store
      const userId = new ObjectId(claims.userId)
      const id = isObjectId(appId) ? new ObjectId(appId) : undefined
      // Roles count from the moment they are stored, so they are read anew, from the primary, at each request.
      const [user, membership, app] = await Promise.all([
        lookups.user(userId),
        id && lookups.membership(userId, id),
        id && lookups.app(id),
      ])
      if (user === undefined || isVoided(claims, user.tokens_valid_after)) {
        throw unauthorized('the token is not valid or has expired')
      }
      return { user: toUser(user), membership, app }
    },
  }
}
