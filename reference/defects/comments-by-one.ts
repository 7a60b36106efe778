/** Comments are acknowledged by one member: those that no other member has when it dies are gone. */
import { type Defect, withOptions } from './defect.ts'

export const commentsByOne: Defect = {
  id: 'comments-by-one',
  title: 'Writes of comments wait for one member only',
  check: 'F3.loss',
  reason: 'acknowledged writes are lost',
  mayRedden: ['DC3'],
  store: (store) => withOptions(store, 'changeset_comments', { writeConcern: { w: 1, j: true } }),
}
