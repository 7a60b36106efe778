/** Releases are acknowledged before they are in anybody's journal: power that fails takes them along. */
import { type Defect, withOptions } from './defect.ts'

export const unjournaledWrites: Defect = {
  id: 'unjournaled-writes',
  title: 'Writes to releases do not wait for the journal',
  check: 'DC3',
  reason: 'are not durable when they are acknowledged',
  mayRedden: [],
  store: (store) => withOptions(store, 'release_batches', { writeConcern: { w: 'majority', j: false } }),
}
