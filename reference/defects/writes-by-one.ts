/** Workspaces are acknowledged by one member: when it fails before the others have them, they are gone. */
import { type Defect, withOptions } from './defect.ts'

export const writesByOne: Defect = {
  id: 'writes-by-one',
  title: 'Writes to workspaces wait for one member only',
  check: 'GL-R5',
  reason: 'to workspaces can be lost in a failover',
  mayRedden: ['DC3'],
  store: (store) => withOptions(store, 'workspaces', { writeConcern: { w: 1, j: true } }),
}
