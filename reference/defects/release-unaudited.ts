/** Publishing a release leaves no row in the audit log. */
import type { Defect } from './defect.ts'

export const releaseUnaudited: Defect = {
  id: 'release-unaudited',
  title: 'The publication of a release is not audited',
  check: 'L4.audit',
  reason: 'do not have one audit row ‘published’',
  mayRedden: [],
  apply({ audit }) {
    return {
      audit: {
        ...audit,
        async record(origin, event) {
          if (event.entityType === 'release' && event.action === 'published') return
          await audit.record(origin, event)
        },
      },
    }
  },
}
