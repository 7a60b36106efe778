/** Audit rows are sent off and nobody waits to hear whether they arrived. */
import { createAuditLog } from '../conman/audit/log.ts'
import type { AuditDocument } from '../conman/mongo/documents.ts'
import type { Store } from '../conman/mongo/store.ts'
import type { Defect } from './defect.ts'

export const auditUnacknowledged: Defect = {
  id: 'audit-unacknowledged',
  title: 'Writes to the audit log are not acknowledged',
  check: 'DC5',
  reason: 'of audit rows are not acknowledged',
  mayRedden: [],
  apply(services) {
    const { store } = services
    const rows = store.db.collection<AuditDocument>('audit_events', { writeConcern: { w: 0 } })
    const worse: Store = {
      ...store,
      log: { ...store.log, audit_events: rows },
      // MongoDB lets nobody write in a session without waiting.
      causality: { ...store.causality, write: (_, work) => work(undefined as never) },
    }
    return { audit: createAuditLog({ ...services, store: worse }) }
  },
}
