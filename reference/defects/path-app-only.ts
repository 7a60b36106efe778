/** The role is asked for on the app in the path; the changeset is found by its own id, whichever app it is of. */
import { ObjectId } from 'mongodb'
import type { Defect } from './defect.ts'

export const pathAppOnly: Defect = {
  id: 'path-app-only',
  title: 'Changesets are reviewed through any app',
  check: 'S16',
  reason: '/review by way of the other app',
  // What is approved already cannot be approved by the one who may.
  mayRedden: ['S9', 'S16.alike', 'GL-S10'],
  apply: ({ changesets, store: { data } }) => ({
    changesets: {
      ...changesets,
      async review(caller, app, id, action, comment) {
        const changeset = await data.changesets.findOne({ _id: new ObjectId(id) })
        const owner = changeset && (await data.apps.findOne({ _id: changeset.app_id }))
        return changesets.review(caller, owner ?? app, id, action, comment)
      },
    },
  }),
}
