/** The state that a list of changesets is asked for is not looked at, as in the Conman of today (http-api HD73). */
import type { Defect } from './defect.ts'

export const ignoredFilter: Defect = {
  id: 'ignored-filter',
  title: 'A list of changesets in one state shows those in all states',
  check: 'L7',
  reason: 'rows are not queued',
  mayRedden: ['L7.open'],
  apply({ changesets }) {
    return {
      changesets: {
        ...changesets,
        list: (caller, app, _states, page) => changesets.list(caller, app, undefined, page),
      },
    }
  },
}
