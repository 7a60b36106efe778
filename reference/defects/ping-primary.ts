/** The health ping is sent to the primary alone. */
import { within } from '../conman/bounded.ts'
import type { Defect } from './defect.ts'

export const pingPrimary: Defect = {
  id: 'ping-primary',
  title: 'The health ping asks the primary and nobody else',
  check: 'DC1',
  reason: 'not primaryPreferred',
  mayRedden: [],
  store: (store) => ({
    ...store,
    async ping(limitMs) {
      const startedMs = performance.now()
      await within(limitMs, store.db.command({ ping: 1 }))
      return performance.now() - startedMs
    },
  }),
}
