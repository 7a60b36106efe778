/** One list of jobs in eighty is empty, as one that was never filled comes out of a cache. */
import type { Defect } from './defect.ts'

const ONE_IN = 80

export const emptyPoll: Defect = {
  id: 'empty-poll',
  title: 'Some lists of jobs are empty',
  check: 'scale.poll-storm',
  reason: 'polls of jobs told something else',
  mayRedden: [],
  apply({ jobs }) {
    let asked = 0
    return {
      jobs: {
        ...jobs,
        async list(...given) {
          const listed = await jobs.list(...given)
          asked += 1
          return asked % ONE_IN === 0 ? { ...listed, data: [] } : listed
        },
      },
    }
  },
}
