/** Every page begins one row too early: the last row of each stands on the next one again, and the very last on none. */
import type { Defect } from './defect.ts'

export const repeatedRows: Defect = {
  id: 'repeated-rows',
  title: 'Pages of changesets overlap by a row',
  check: 'L7',
  reason: 'rows stand on two pages',
  mayRedden: ['L7.open'],
  apply({ changesets }) {
    return {
      changesets: {
        ...changesets,
        list: (caller, app, states, page) =>
          changesets.list(caller, app, states, { ...page, skip: Math.max(0, page.skip - (page.page - 1)) }),
      },
    }
  },
}
