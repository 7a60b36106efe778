/** The known defects, by the order of the checks that catch them. */
import { alteredEdit } from './altered-edit.ts'
import { auditMissing } from './audit-missing.ts'
import { auditUnacknowledged } from './audit-unacknowledged.ts'
import { claimsByOne } from './claims-by-one.ts'
import { commentAuditMissing } from './comment-audit-missing.ts'
import { cutShortTree } from './cut-short-tree.ts'
import type { Defect } from './defect.ts'
import { doubledEdit } from './doubled-edit.ts'
import { failingDeployments } from './failing-deployments.ts'
import { ignoredFilter } from './ignored-filter.ts'
import { listingByRows } from './listing-by-rows.ts'
import { listingPauses } from './listing-pauses.ts'
import { listsOnPrimary } from './lists-on-primary.ts'
import { lostEdit } from './lost-edit.ts'
import { mailDoubled } from './mail-doubled.ts'
import { mailLost } from './mail-lost.ts'
import { mailToActor } from './mail-to-actor.ts'
import { missingIndexes } from './missing-index.ts'
import { noRollback } from './no-rollback.ts'
import { pingPrimary } from './ping-primary.ts'
import { queueDrain } from './queue-drain.ts'
import { read5xx } from './read-5xx.ts'
import { repeatedRows } from './repeated-rows.ts'
import { scanningQueries } from './scanning-query.ts'
import { secondaryGate } from './secondary-gate.ts'
import { slowComments } from './slow-comments.ts'
import { slowFiftieth } from './slow-fiftieth.ts'
import { slowHistory } from './slow-history.ts'
import { slowListing } from './slow-listing.ts'
import { slowWrite } from './slow-write.ts'
import { submissionStorm } from './submission-storm.ts'
import { treeReadsBlobs } from './tree-reads-blobs.ts'
import { unindexedList } from './unindexed-list.ts'
import { unjournaledWrites } from './unjournaled-writes.ts'
import { unsortedList } from './unsorted-list.ts'
import { waitingJobs } from './waiting-jobs.ts'
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
  ...submissionStorm,
  ...queueDrain,
  treeReadsBlobs,
  cutShortTree,
  slowListing,
  listingByRows,
  ignoredFilter,
  repeatedRows,
  listingPauses,
  commentAuditMissing,
  mailToActor,
  mailLost,
  slowFiftieth,
  read5xx,
  slowComments,
  mailDoubled,
  ...scanningQueries,
  ...waitingJobs,
  failingDeployments,
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
]

export function defectById(id: string): Defect | undefined {
  return DEFECTS.find((defect) => defect.id === id)
}
