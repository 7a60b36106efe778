/** A job is claimed as soon as one member has written it: a failover undoes that, and another worker takes the job too. */
import { type Defect, withOptions } from './defect.ts'

export const claimsByOne: Defect = {
  id: 'claims-by-one',
  title: 'Claims of jobs wait for one member only',
  check: 'DC4',
  reason: 'that claim a job can be undone by a failover',
  mayRedden: ['DC3', 'GL-R5'],
  store: (store) => withOptions(store, 'jobs', { writeConcern: { w: 1, j: true } }),
}
