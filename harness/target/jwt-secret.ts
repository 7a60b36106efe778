// Whether a secret is the one that a token was signed with: HS256, as http-api §1.7 says.

import { createHmac } from 'node:crypto'

export function hasSigned(secret: string, token: string): boolean {
  const [header = '', claims = '', signature] = token.split('.')
  return createHmac('sha256', secret).update(`${header}.${claims}`).digest('base64url') === signature
}
