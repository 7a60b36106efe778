/** What a release takes in is asked of nobody: an id in a body is good whichever app it is of. */
import type { Defect } from './defect.ts'

export const bodyIdUnchecked: Defect = {
  id: 'body-id-unchecked',
  title: 'Releases take changesets of other apps',
  check: 'S16',
  reason: 'listing releases shows the foreign id',
  mayRedden: [],
  apply: ({ releases }) => ({ releases: { ...releases, async requireFree() {} } }),
}
