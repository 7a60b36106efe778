/** The list of profiles reads the profiles of all apps. */
import type { Defect } from './defect.ts'

export const unindexedList: Defect = {
  id: 'unindexed-list',
  title: 'Profiles have no index at all',
  check: 'GL-P4',
  reason: 'read a whole collection, first GET /runtime-profiles',
  // Without an index there is no order either.
  mayRedden: ['GL-P4.sort'],
  indexes: (all) => ({ ...all, runtime_profiles: [] }),
}
