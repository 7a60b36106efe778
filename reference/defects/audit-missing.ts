/** One path in ten is written without an audit row. */
import { type Defect, strikes } from './defect.ts'

export const auditMissing: Defect = {
  id: 'audit-missing',
  title: 'Some file writes leave no audit row',
  check: 'L1.audit',
  reason: 'have no audit row',
  mayRedden: ['api-mix', 'job-mix'],
  apply({ audit }) {
    return {
      audit: {
        ...audit,
        async record(origin, event) {
          const { path } = (event.after ?? {}) as { path?: string }
          const dropped = event.entityType === 'file' && event.action === 'written' && strikes(path ?? '', 10)
          if (!dropped) await audit.record(origin, event)
        },
      },
    }
  },
}
