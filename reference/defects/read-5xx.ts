/** One read of a changeset in ten answers 500. */
import type { Defect } from './defect.ts'

const ONE_IN = 10

export const read5xx: Defect = {
  id: 'read-5xx',
  title: 'Some reads of a changeset answer 500',
  check: 'SLO1',
  reason: 'limit 99.9 %',
  mayRedden: ['GL-P2'],
  apply({ changesets }) {
    let read = 0
    return {
      changesets: {
        ...changesets,
        async get(...asked) {
          read += 1
          if (read % ONE_IN === 0) throw new Error('this read fails by design of a known defect')
          return changesets.get(...asked)
        },
      },
    }
  },
}
