/** A list looks up, for each of its rows and one after the other, what nobody has asked for: the N+1 of every slow list. */
import type { ObjectId } from 'mongodb'
import type { Defect } from './defect.ts'

export const listingByRows: Defect = {
  id: 'listing-by-rows',
  title: 'A list of changesets asks the database five times more for each of its rows',
  check: 'L7',
  reason: ', limit 500 ms',
  mayRedden: ['L7.open'],
  apply({ changesets, store }) {
    const { lists } = store
    return {
      changesets: {
        ...changesets,
        async list(caller, app, states, page) {
          const listed = await changesets.list(caller, app, states, page)
          for (const row of listed.data as { id: ObjectId; workspace_id: ObjectId; author_user_id: ObjectId }[]) {
            await lists.users.findOne({ _id: row.author_user_id })
            await lists.workspaces.findOne({ _id: row.workspace_id })
            await lists.changeset_reviews.find({ changeset_id: row.id }).toArray()
            await lists.changeset_comments.countDocuments({ changeset_id: row.id })
            await lists.jobs.findOne({ app_id: app._id, entity_type: 'changeset', entity_id: row.id.toHexString() })
          }
          return listed
        },
      },
    }
  },
}
