/**
 * Lists stand still for two seconds in every eight. Fifty people who wait for their answers meet the pause once each and ask
 * nothing meanwhile, so that few of their listings are slow; listings that keep arriving meet it by the dozen.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Defect } from './defect.ts'

const EVERY_MS = 8_000
const PAUSE_MS = 2_000

export const listingPauses: Defect = {
  id: 'listing-pauses',
  title: 'Lists of changesets stand still for two seconds in eight',
  check: 'L7.open',
  reason: ', limit 500 ms',
  // With few samples, one pause is more than a hundredth of them.
  mayRedden: ['L7'],
  apply({ changesets }) {
    const began_ms = performance.now()
    return {
      changesets: {
        ...changesets,
        async list(caller, app, states, page) {
          const into_ms = (performance.now() - began_ms) % EVERY_MS
          if (into_ms < PAUSE_MS) await sleep(PAUSE_MS - into_ms)
          return changesets.list(caller, app, states, page)
        },
      },
    }
  },
}
