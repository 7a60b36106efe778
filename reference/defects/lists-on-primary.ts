/** Lists and details are read from the primary like everything else. */
import type { Defect } from './defect.ts'

export const listsOnPrimary: Defect = {
  id: 'lists-on-primary',
  title: 'Every list is read from the primary',
  check: 'DC2',
  reason: 'lists and details are not',
  mayRedden: [],
  store: (store) => ({ ...store, lists: store.data }),
}
