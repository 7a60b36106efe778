/** One comment in four is stored without an audit row. */
import type { Defect } from './defect.ts'

const ONE_IN = 4

export const commentAuditMissing: Defect = {
  id: 'comment-audit-missing',
  title: 'Some comments leave no audit row',
  check: 'api-mix',
  reason: 'have no audit row, first comment/created',
  mayRedden: [],
  apply({ audit }) {
    let made = 0
    return {
      audit: {
        ...audit,
        async record(origin, event) {
          if (event.entityType === 'comment' && event.action === 'created') {
            made += 1
            if (made % ONE_IN === 0) return
          }
          await audit.record(origin, event)
        },
      },
    }
  },
}
