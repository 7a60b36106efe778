/** Once no member of the database could be reached, no request is served any more until somebody restarts the server. */
import { ApiError } from '../conman/http/errors.ts'
import { type Defect, onTopology } from './defect.ts'

export const restartAfterOutage: Defect = {
  id: 'restart-after-outage',
  title: 'After an outage of the database the API must be restarted',
  check: 'F4',
  reason: 'to be back',
  mayRedden: ['F4.trail'],
  apply({ auth, store }) {
    let broken = false
    onTopology(store, ({ members }) => {
      broken ||= members === 0
    })
    return {
      auth: {
        ...auth,
        async principal(...asked) {
          if (broken) throw new ApiError('unavailable', 'the connection to the database is gone')
          return auth.principal(...asked)
        },
      },
    }
  },
}
