/** No release comes back: the other ways into an environment are as they should be. */
import { conflict } from '../conman/http/errors.ts'
import type { Defect } from './defect.ts'

export const noRollback: Defect = {
  id: 'no-rollback',
  title: 'A rollback is always refused',
  check: 'CONTRACT',
  reason: '‘roll dev back to the first release’ did not work',
  mayRedden: [],
  apply({ deployments }) {
    return {
      deployments: {
        ...deployments,
        async rollback() {
          throw conflict('nothing is ever rolled back, by design of a known defect')
        },
      },
    }
  },
}
