/** Who was a member once is remembered as one: a member who was removed goes on reading. */
import type { Principal } from '../conman/auth/service.ts'
import type { Defect } from './defect.ts'

const keyOf = ({ user }: Principal, appId: string | undefined) => `${user.id.toHexString()} ${appId}`

export const removedMembersRead: Defect = {
  id: 'removed-members-read',
  title: 'Members who were removed may still read',
  check: 'GL-S10',
  reason: 'a removed member was let in',
  mayRedden: [],
  apply({ auth, access }) {
    const remembered = new Set<string>()
    return {
      auth: {
        ...auth,
        async principal(claims, appId) {
          const principal = await auth.principal(claims, appId)
          if (principal.membership !== undefined) remembered.add(keyOf(principal, appId))
          return principal
        },
      },
      access: {
        demand(principal, lowest, asked) {
          const reads = asked.method === 'GET' && lowest === 'user'
          if (reads && remembered.has(keyOf(principal, asked.params.appId))) return
          access.demand(principal, lowest, asked)
        },
      },
    }
  },
}
