/** The audit log believes the role that stands in the token: what was taken away since then still counts. */
import { decodeJwt } from 'jose'
import type { Principal } from '../conman/auth/service.ts'
import type { TokenClaims } from '../conman/auth/tokens.ts'
import type { Defect } from './defect.ts'

export const roleFromToken: Defect = {
  id: 'role-from-token',
  title: 'The audit log takes the role from the token',
  check: 'GL-S10',
  reason: 'an admin who was made a user was let in',
  mayRedden: [],
  apply({ tokens, auth, access }) {
    const roles = new WeakMap<TokenClaims | Principal, Record<string, string>>()
    return {
      tokens: {
        ...tokens,
        async verify(token) {
          const claims = { ...(await tokens.verify(token)) }
          roles.set(claims, (decodeJwt(token).roles ?? {}) as Record<string, string>)
          return claims
        },
      },
      auth: {
        ...auth,
        async principal(claims, appId) {
          const principal = await auth.principal(claims, appId)
          roles.set(principal, roles.get(claims) ?? {})
          return principal
        },
      },
      access: {
        demand(principal, lowest, asked) {
          const held = roles.get(principal)?.[asked.params.appId ?? '']
          if (asked.route.endsWith('/audit') && held === lowest) return
          access.demand(principal, lowest, asked)
        },
      },
    }
  },
}
