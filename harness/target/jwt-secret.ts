// Tokens signed by the target's own secret: HS256, with the claims that http-api §1.7 asks for.

import { createHmac } from 'node:crypto'

export function hasSigned(secret: string, token: string): boolean {
  const [header = '', claims = '', signature] = token.split('.')
  return createHmac('sha256', secret).update(`${header}.${claims}`).digest('base64url') === signature
}

export interface TokenOwner {
  userId: string
  email: string
  /** By app id: some targets read them from here (HD3). */
  roles: Readonly<Record<string, string>>
}

/** A day, as the server's own tokens. */
const TOKEN_S = 86_400

/** As the server would have made it at `issued_s`, for `valid_s`. */
export function signToken(
  secret: string,
  { userId, email, roles }: TokenOwner,
  { issued_s = Math.floor(Date.now() / 1_000), valid_s = TOKEN_S }: { issued_s?: number; valid_s?: number } = {},
): string {
  return signClaims(secret, { sub: userId, email, roles, iat: issued_s, exp: issued_s + valid_s })
}

/** Any claims, under any header: for tokens that are wrong on purpose too. */
export function signClaims(secret: string, claims: object, header: object = { typ: 'JWT', alg: 'HS256' }): string {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${encode(header)}.${encode(claims)}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}
