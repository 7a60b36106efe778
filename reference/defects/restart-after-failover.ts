/** Once the primary of the database was lost, no request is served any more until somebody restarts the server. */
import { ApiError } from '../conman/http/errors.ts'
import { type Defect, onTopology } from './defect.ts'

export const restartAfterFailover: Defect = {
  id: 'restart-after-failover',
  title: 'After a failover of the database the API must be restarted',
  check: 'F3',
  reason: 'to be back',
  mayRedden: ['F3.loss', 'F3.back', 'F4', 'F4.trail'],
  apply({ auth, store }) {
    let broken = false
    onTopology(store, ({ primary }) => {
      broken ||= !primary
    })
    return {
      auth: {
        ...auth,
        async principal(...asked) {
          if (broken) throw new ApiError('unavailable', 'the connection to the primary is gone')
          return auth.principal(...asked)
        },
      },
    }
  },
}
