/** The known defects, by the order of the checks that catch them. */
import { alteredEdit } from './altered-edit.ts'
import { auditMissing } from './audit-missing.ts'
import { auditUnacknowledged } from './audit-unacknowledged.ts'
import { bodyIdUnchecked } from './body-id-unchecked.ts'
import { claimsByOne } from './claims-by-one.ts'
import { cutShortTree } from './cut-short-tree.ts'
import type { Defect } from './defect.ts'
import { doubledEdit } from './doubled-edit.ts'
import { forbiddenToken } from './forbidden-token.ts'
import { ignoredFilter } from './ignored-filter.ts'
import { leakingList } from './leaking-list.ts'
import { listingByRows } from './listing-by-rows.ts'
import { listingPauses } from './listing-pauses.ts'
import { listsOnPrimary } from './lists-on-primary.ts'
import { lostEdit } from './lost-edit.ts'
import { missingIndexes } from './missing-index.ts'
import { noRollback } from './no-rollback.ts'
import { nonMembersRead } from './non-members-read.ts'
import { otherAppsToldApart } from './other-apps-told-apart.ts'
import { pathAppOnly } from './path-app-only.ts'
import { pingPrimary } from './ping-primary.ts'
import { removedMembersRead } from './removed-members-read.ts'
import { repeatedRows } from './repeated-rows.ts'
import { roleFromToken } from './role-from-token.ts'
import { secondaryGate } from './secondary-gate.ts'
import { secretAcrossApps } from './secret-across-apps.ts'
import { selfPromotion } from './self-promotion.ts'
import { slowHistory } from './slow-history.ts'
import { slowListing } from './slow-listing.ts'
import { slowWrite } from './slow-write.ts'
import { tooLowRoles } from './too-low-role.ts'
import { treeReadsBlobs } from './tree-reads-blobs.ts'
import { unindexedList } from './unindexed-list.ts'
import { unjournaledWrites } from './unjournaled-writes.ts'
import { unknownAppsToldApart } from './unknown-apps-told-apart.ts'
import { unsortedList } from './unsorted-list.ts'
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
]

export function defectById(id: string): Defect | undefined {
  return DEFECTS.find((defect) => defect.id === id)
}
