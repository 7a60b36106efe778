/** One list of jobs in eighty answers 500. */
import type { Defect } from './defect.ts'

const ONE_IN = 80

export const polls5xx: Defect = {
  id: 'polls-5xx',
  title: 'Some lists of jobs answer 500',
  check: 'scale.poll-storm',
  reason: 'HTTP 500',
  mayRedden: [],
  apply({ jobs }) {
    let asked = 0
    return {
      jobs: {
        ...jobs,
        async list(...given) {
          asked += 1
          if (asked % ONE_IN === 0) throw new Error('this list fails by design of a known defect')
          return jobs.list(...given)
        },
      },
    }
  },
}
