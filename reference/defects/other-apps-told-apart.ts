/** A changeset of another app is 403, one that does not exist 404: by trying ids a stranger learns which exist. */
import { ObjectId } from 'mongodb'
import { forbidden } from '../conman/http/errors.ts'
import type { Defect } from './defect.ts'

export const otherAppsToldApart: Defect = {
  id: 'other-apps-told-apart',
  title: 'Changesets of other apps are answered otherwise than those that do not exist',
  check: 'S16.alike',
  reason: 'what exists is told from what does not',
  mayRedden: [],
  apply: ({ changesets, store: { data } }) => ({
    changesets: {
      ...changesets,
      async seen(caller, app, id) {
        const elsewhere = await data.changesets.findOne({ _id: new ObjectId(id), app_id: { $ne: app._id } })
        if (elsewhere !== null) throw forbidden('this changeset is of another app')
        return changesets.seen(caller, app, id)
      },
    },
  }),
}
