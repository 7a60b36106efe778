/** Every list of comments takes 600 ms longer. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Defect } from './defect.ts'

/** SLO2 allows half a second. */
const DELAY_MS = 600

export const slowComments: Defect = {
  id: 'slow-comments',
  title: 'Reading comments takes 600 ms longer',
  check: 'SLO2',
  reason: ', limit 500 ms',
  mayRedden: ['GL-P2'],
  apply: ({ comments }) => ({
    comments: {
      ...comments,
      async list(...asked) {
        await sleep(DELAY_MS)
        return comments.list(...asked)
      },
    },
  }),
}
