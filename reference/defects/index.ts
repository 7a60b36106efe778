/** The known defects, by the order of the checks that catch them. */
import { alteredEdit } from './altered-edit.ts'
import { auditGivesUp } from './audit-gives-up.ts'
import { auditMissing } from './audit-missing.ts'
import { auditUnacknowledged } from './audit-unacknowledged.ts'
import { claimsByOne } from './claims-by-one.ts'
import { commentsByOne } from './comments-by-one.ts'
import { cutShortTree } from './cut-short-tree.ts'
import type { Defect } from './defect.ts'
import { doubledEdit } from './doubled-edit.ts'
import { healthSaysHealthy } from './health-says-healthy.ts'
import { ignoredFilter } from './ignored-filter.ts'
import { listingByRows } from './listing-by-rows.ts'
import { listingPauses } from './listing-pauses.ts'
import { listsOnPrimary } from './lists-on-primary.ts'
import { lostEdit } from './lost-edit.ts'
import { missingIndexes } from './missing-index.ts'
import { noRollback } from './no-rollback.ts'
import { pingPrimary } from './ping-primary.ts'
import { repeatedRows } from './repeated-rows.ts'
import { restartAfterFailover } from './restart-after-failover.ts'
import { restartAfterOutage } from './restart-after-outage.ts'
import { secondaryGate } from './secondary-gate.ts'
import { slowFailover } from './slow-failover.ts'
import { slowHistory } from './slow-history.ts'
import { slowListing } from './slow-listing.ts'
import { slowWrite } from './slow-write.ts'
import { treeReadsBlobs } from './tree-reads-blobs.ts'
import { unindexedList } from './unindexed-list.ts'
import { unjournaledWrites } from './unjournaled-writes.ts'
import { unsortedList } from './unsorted-list.ts'
import { write5xx } from './write-5xx.ts'
import { writeQueue } from './write-queue.ts'
import { writesByOne } from './writes-by-one.ts'

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
  treeReadsBlobs,
  cutShortTree,
  slowListing,
  listingByRows,
  ignoredFilter,
  repeatedRows,
  listingPauses,
  ...missingIndexes,
  pingPrimary,
  secondaryGate,
  listsOnPrimary,
  unjournaledWrites,
  claimsByOne,
  auditUnacknowledged,
  writesByOne,
  unindexedList,
  unsortedList,
  restartAfterFailover,
  commentsByOne,
  slowFailover,
  restartAfterOutage,
  healthSaysHealthy,
  auditGivesUp,
]

export function defectById(id: string): Defect | undefined {
  return DEFECTS.find((defect) => defect.id === id)
}
