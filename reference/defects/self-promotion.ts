/** One's own membership is taken for one's own business: whoever is a member may change his role. */
import type { Defect } from './defect.ts'

export const selfPromotion: Defect = {
  id: 'self-promotion',
  title: 'Members may change their own role',
  check: 'S15',
  reason: 'is app_admin after PATCH',
  mayRedden: [],
  apply: ({ access }) => ({
    access: {
      demand(principal, lowest, asked) {
        access.demand(principal, asked.params.userId === 'self' ? 'user' : lowest, asked)
      },
    },
  }),
}
