/** The limit of requests counts those of all users together, as in the Conman of today (http-api §1.10), and calls it each user's. */
import type { Defect } from './defect.ts'

export const sharedThrottle: Defect = {
  id: 'shared-throttle',
  title: 'A limit for each user is one for the whole process',
  check: 'scale.auth-burst',
  reason: "requests were throttled for others' requests",
  mayRedden: [],
  apply({ limits }) {
    return { limits: { ...limits, user: (_userId, isWrite) => limits.user('everybody', isWrite) } }
  },
}
