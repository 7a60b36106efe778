/** Whether a change's tests have passed is read from whichever member answers, which may not have heard of it yet. */
import { type Defect, withOptions } from './defect.ts'

export const secondaryGate: Defect = {
  id: 'secondary-gate',
  title: 'Gates are decided by jobs as a secondary knows them',
  check: 'DC2',
  reason: 'reads that decide may be answered by a secondary',
  // Workers look for jobs by the same handle.
  mayRedden: ['DC4'],
  store: (store) =>
    withOptions(store, 'jobs', { readPreference: 'secondaryPreferred', writeConcern: { w: 'majority', j: true } }),
}
