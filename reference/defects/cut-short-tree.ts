/** A directory shows no more than a thousand entries and does not say that there are others. */
import type { Defect } from './defect.ts'

const ENTRIES_MAX = 1_000

export const cutShortTree: Defect = {
  id: 'cut-short-tree',
  title: 'Listings of a directory end after a thousand entries',
  check: 'L5',
  reason: '1000 entries instead of',
  mayRedden: [],
  apply({ git }) {
    return {
      git: { ...git, list: async (...asked) => (await git.list(...asked)).slice(0, ENTRIES_MAX) },
    }
  },
}
