/** The list of releases forgets its app: whoever may read one app's sees those of all. */
import { paginated } from '../conman/http/pagination.ts'
import { presentRelease } from '../conman/releases/present.ts'
import type { Defect } from './defect.ts'

export const leakingList: Defect = {
  id: 'leaking-list',
  title: 'The list of releases shows those of all apps',
  check: 'S16',
  reason: 'the other app’s list shows a release',
  mayRedden: [],
  apply: ({ releases, store: { data } }) => ({
    releases: {
      ...releases,
      async list(_caller, _app, state, page) {
        const query = state === undefined ? {} : { state }
        const total = await data.release_batches.countDocuments(query)
        const found = data.release_batches.find(query).sort({ created_at: -1 }).skip(page.skip).limit(page.limit)
        return paginated(page, total, (await found.toArray()).map(presentRelease))
      },
    },
  }),
}
