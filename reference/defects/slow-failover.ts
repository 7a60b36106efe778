/** When a member of the database cannot be reached, the API waits for nearly a minute before it tries any of them again. */
import { ApiError } from '../conman/http/errors.ts'
import { type Defect, onTopology } from './defect.ts'

const WAIT_MS = 52_000

export const slowFailover: Defect = {
  id: 'slow-failover',
  title: 'The API waits for nearly a minute after a member of the database is gone',
  check: 'F3.back',
  reason: 'to be back',
  mayRedden: [],
  apply({ auth, store }) {
    let untilMs = 0
    let before = 0
    onTopology(store, ({ members }) => {
      // Some and not all: a step-down loses none, an outage all.
      if (members > 0 && members < before) untilMs = performance.now() + WAIT_MS
      before = members
    })
    return {
      auth: {
        ...auth,
        async principal(...asked) {
          if (performance.now() < untilMs) throw new ApiError('unavailable', 'a member of the database is gone')
          return auth.principal(...asked)
        },
      },
    }
  },
}
