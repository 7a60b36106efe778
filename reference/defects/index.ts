/** The known defects, by the order of the checks that catch them. */

import { alteredEdit } from './altered-edit.ts'
import { auditGivesUp } from './audit-gives-up.ts'
import { auditMissing } from './audit-missing.ts'
import { auditUnacknowledged } from './audit-unacknowledged.ts'
import { bare429 } from './bare-429.ts'
import { bodyIdUnchecked } from './body-id-unchecked.ts'
import { claimsByOne } from './claims-by-one.ts'
import { commentAuditMissing } from './comment-audit-missing.ts'
import { commentsByOne } from './comments-by-one.ts'
import { cutShortTree } from './cut-short-tree.ts'
import type { Defect } from './defect.ts'
import { deployedInName } from './deployed-in-name.ts'
import { deployedTwice } from './deployed-twice.ts'
import { doubledEdit } from './doubled-edit.ts'
import { emptyPoll } from './empty-poll.ts'
import { failingDeployments } from './failing-deployments.ts'
import { forbiddenToken } from './forbidden-token.ts'
import { freeForAll } from './free-for-all.ts'
import { healthSaysHealthy } from './health-says-healthy.ts'
import { ignoredFilter } from './ignored-filter.ts'
import { leakingList } from './leaking-list.ts'
import { leftOutChangeset } from './left-out-changeset.ts'
import { listingByRows } from './listing-by-rows.ts'
import { listingPauses } from './listing-pauses.ts'
import { listsOnPrimary } from './lists-on-primary.ts'
import { lostEdit } from './lost-edit.ts'
import { mailDoubled } from './mail-doubled.ts'
import { mailLost } from './mail-lost.ts'
import { mailToActor } from './mail-to-actor.ts'
import { missingIndexes } from './missing-index.ts'
import { movedTag } from './moved-tag.ts'
import { noRollback } from './no-rollback.ts'
import { nonMembersRead } from './non-members-read.ts'
import { otherAppsToldApart } from './other-apps-told-apart.ts'
import { pathAppOnly } from './path-app-only.ts'
import { pingPrimary } from './ping-primary.ts'
import { polls5xx } from './polls-5xx.ts'
import { preferences5xx } from './preferences-5xx.ts'
import { queueDrain } from './queue-drain.ts'
import { queueLosesOne } from './queue-loses-one.ts'
import { read5xx } from './read-5xx.ts'
import { releaseUnaudited } from './release-unaudited.ts'
import { removedMembersRead } from './removed-members-read.ts'
import { reorderForgotten } from './reorder-forgotten.ts'
import { repeatedRows } from './repeated-rows.ts'
import { restartAfterFailover } from './restart-after-failover.ts'
import { restartAfterOutage } from './restart-after-outage.ts'
import { roleFromToken } from './role-from-token.ts'
import { scanningQueries } from './scanning-query.ts'
import { secondaryGate } from './secondary-gate.ts'
import { secretAcrossApps } from './secret-across-apps.ts'
import { selfPromotion } from './self-promotion.ts'
import { sharedThrottle } from './shared-throttle.ts'
import { slowComments } from './slow-comments.ts'
import { slowFailover } from './slow-failover.ts'
import { slowFiftieth } from './slow-fiftieth.ts'
import { slowHistory } from './slow-history.ts'
import { slowListing } from './slow-listing.ts'
import { slowWrite } from './slow-write.ts'
import { strandedRevalidation } from './stranded-revalidation.ts'
import { submissionStorm } from './submission-storm.ts'
import { tooLowRoles } from './too-low-role.ts'
import { treeReadsBlobs } from './tree-reads-blobs.ts'
import { unindexedList } from './unindexed-list.ts'
import { unjournaledWrites } from './unjournaled-writes.ts'
import { unknownAppsToldApart } from './unknown-apps-told-apart.ts'
import { unreleasedChangeset } from './unreleased-changeset.ts'
import { unsortedList } from './unsorted-list.ts'
import { waitingJobs } from './waiting-jobs.ts'
import { write5xx } from './write-5xx.ts'
import { writeBeforeCheck } from './write-before-check.ts'
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
  movedTag,
  leftOutChangeset,
  strandedRevalidation,
  unreleasedChangeset,
  releaseUnaudited,
  treeReadsBlobs,
  cutShortTree,
  freeForAll,
  deployedTwice,
  deployedInName,
  slowListing,
  listingByRows,
  ignoredFilter,
  repeatedRows,
  listingPauses,
  queueLosesOne,
  reorderForgotten,
  sharedThrottle,
  bare429,
  preferences5xx,
  polls5xx,
  emptyPoll,
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
  ...tooLowRoles,
  nonMembersRead,
  unknownAppsToldApart,
  selfPromotion,
  pathAppOnly,
  bodyIdUnchecked,
  writeBeforeCheck,
  secretAcrossApps,
  leakingList,
  otherAppsToldApart,
  removedMembersRead,
  roleFromToken,
  forbiddenToken,
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
