/** Whoever is signed in may read any app: reading asks for a token only. */
import type { Defect } from './defect.ts'

export const nonMembersRead: Defect = {
  id: 'non-members-read',
  title: 'Reading an app asks for no membership',
  check: 'S14',
  reason: 'a non-member was let in',
  mayRedden: ['S16', 'S16.alike', 'GL-S10'],
  apply: ({ access }) => ({
    access: {
      demand(principal, lowest, asked) {
        if (asked.method === 'GET' && lowest === 'user' && principal.app !== undefined) return
        access.demand(principal, lowest, asked)
      },
    },
  }),
}
