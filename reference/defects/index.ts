/** The known defects, by the order of the checks that catch them. */
import { alteredEdit } from './altered-edit.ts'
import { auditMissing } from './audit-missing.ts'
import type { Defect } from './defect.ts'
import { doubledEdit } from './doubled-edit.ts'
import { lostEdit } from './lost-edit.ts'
import { noRollback } from './no-rollback.ts'
import { slowHistory } from './slow-history.ts'
import { slowWrite } from './slow-write.ts'
import { write5xx } from './write-5xx.ts'
import { writeQueue } from './write-queue.ts'

export const DEFECTS: readonly Defect[] = [
  slowWrite,
  lostEdit,
  write5xx,
  doubledEdit,
  alteredEdit,
  auditMissing,
  slowHistory,
  writeQueue,
  noRollback,
]

export function defectById(id: string): Defect | undefined {
  return DEFECTS.find((defect) => defect.id === id)
}
