/** Session tokens: HS256 JWTs that say who somebody is. What they may do is looked up at each request. */
import { jwtVerify, SignJWT } from 'jose'
import type { Config } from '../config.ts'
import type { User } from '../http/context.ts'
import { unauthorized } from '../http/errors.ts'
import { isObjectId } from '../http/identifiers.ts'

export interface TokenClaims {
  userId: string
  issuedAtSeconds: number
}

export interface Tokens {
  /** `provenMs` is when the credentials were known to be right: what they were before counts no more after a reset. */
  issue(user: User, provenMs?: number): Promise<string>
  /** Refuses, always with the same answer, what is malformed, forged or expired. */
  verify(token: string): Promise<TokenClaims>
}

/** A signature once found right stays right; only the time has to be looked at again. */
const REMEMBERED_TOKENS = 10_000

/**
 * Tokens know their second, a reset its millisecond. A token that begins in the second of the reset is void, so one that is
 * issued after the reset and still in that second says the next one.
 */
export function isVoided({ issuedAtSeconds }: TokenClaims, validAfter: Date | null | undefined): boolean {
  return issuedAtSeconds * 1000 < (validAfter?.getTime() ?? 0)
}

/** From when on tokens count after a reset: later than any issued so far, also those that say the second after the last reset. */
export function validAfterReset(now: Date, previous: Date | null | undefined): Date {
  return new Date(Math.max(now.getTime(), Math.ceil((previous?.getTime() ?? 0) / 1000) * 1000 + 1))
}

export function createTokens(config: Pick<Config, 'jwtSecret' | 'jwtExpiryHours'>): Tokens {
  const verified = new Map<string, { claims: TokenClaims; expiresAtSeconds: number }>()

  function remember(token: string, claims: TokenClaims, expiresAtSeconds: number): TokenClaims {
    if (verified.size >= REMEMBERED_TOKENS) verified.clear()
    verified.set(token, { claims, expiresAtSeconds })
    return claims
  }

  return {
    async issue(user, provenMs = Date.now()) {
      const provenSeconds = Math.floor(provenMs / 1000)
      const validSeconds = Math.ceil((user.tokensValidAfter?.getTime() ?? 0) / 1000)
      return new SignJWT({ email: user.email })
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
        .setSubject(user.id.toHexString())
        .setIssuedAt(Math.max(provenSeconds, validSeconds))
        .setExpirationTime(provenSeconds + config.jwtExpiryHours * 3600)
        .sign(config.jwtSecret)
    },
    async verify(token) {
      const known = verified.get(token)
      if (known !== undefined && Date.now() / 1000 < known.expiresAtSeconds) return known.claims
      verified.delete(token)
      try {
        const { payload } = await jwtVerify(token, config.jwtSecret, {
          algorithms: ['HS256'],
          requiredClaims: ['sub', 'iat', 'exp'],
        })
        if (isObjectId(payload.sub)) {
          return remember(token, { userId: payload.sub, issuedAtSeconds: payload.iat ?? 0 }, payload.exp ?? 0)
        }
      } catch {
        // The reason is of use to an attacker only.
      }
      throw unauthorized('the token is not valid or has expired')
    },
  }
}
