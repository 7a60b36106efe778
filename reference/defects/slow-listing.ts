/** One list of changesets in fifty takes 600 ms longer: a mean shows nothing of it, a 99th percentile does. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Defect } from './defect.ts'

const ONE_IN = 50
/** L7 allows half a second. */
const DELAY_MS = 600

export const slowListing: Defect = {
  id: 'slow-listing',
  title: 'One list of changesets in fifty takes 600 ms longer',
  check: 'L7',
  reason: ', limit 500 ms',
  mayRedden: ['L7.open'],
  apply({ changesets }) {
    let asked = 0
    return {
      changesets: {
        ...changesets,
        async list(caller, app, states, page) {
          asked += 1
          if (asked % ONE_IN === 0) await sleep(DELAY_MS)
          return changesets.list(caller, app, states, page)
        },
      },
    }
  },
}
