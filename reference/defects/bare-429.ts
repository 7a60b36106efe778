/** Who is throttled below /api/auth/ is not told his limit: the three headers are missing. */
import { rateLimited } from '../conman/http/errors.ts'
import type { Defect } from './defect.ts'

export const bare429: Defect = {
  id: 'bare-429',
  title: 'A 429 comes without the headers of the limit',
  check: 'scale.auth-burst',
  reason: 'it has no X-RateLimit-Limit',
  mayRedden: [],
  apply({ limits }) {
    return {
      limits: {
        ...limits,
        auth(address) {
          const decision = limits.auth(address)
          if (!decision.allowed) throw rateLimited(decision.tightest.resetSeconds - Date.now() / 1_000)
          return decision
        },
      },
    }
  },
}
