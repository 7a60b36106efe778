/** One request in fifty takes 600 ms longer, whichever it is: a mean shows nothing of it, a 99th percentile does. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Defect } from './defect.ts'

const ONE_IN = 50
/** GL-P2 allows half a second. */
const DELAY_MS = 600

export const slowFiftieth: Defect = {
  id: 'slow-fiftieth',
  title: 'One request in fifty takes 600 ms longer',
  check: 'GL-P2',
  reason: ', limit 500 ms',
  mayRedden: ['SLO2', 'L5', 'L7', 'L7.open'],
  apply({ auth }) {
    let asked = 0
    return {
      auth: {
        ...auth,
        async principal(claims, appId) {
          asked += 1
          if (asked % ONE_IN === 0) await sleep(DELAY_MS)
          return auth.principal(claims, appId)
        },
      },
    }
  },
}
