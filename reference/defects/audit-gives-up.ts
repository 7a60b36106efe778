/** Once the database was away, nothing is written into the audit log any more. */
import { type Defect, onTopology } from './defect.ts'

export const auditGivesUp: Defect = {
  id: 'audit-gives-up',
  title: 'After an outage of the database nothing is audited any more',
  check: 'F4.trail',
  reason: 'have no audit row',
  mayRedden: [],
  apply({ audit, store }) {
    let given = false
    onTopology(store, ({ members }) => {
      given ||= members === 0
    })
    return {
      audit: {
        ...audit,
        async record(origin, event) {
          if (!given) await audit.record(origin, event)
        },
      },
    }
  },
}
