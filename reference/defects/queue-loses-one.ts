/** Each fortieth new order of a queue leaves the last changeset out: it is approved again, and queued no more. */
import { ObjectId } from 'mongodb'
import type { Defect } from './defect.ts'

const ONE_IN = 40

export const queueLosesOne: Defect = {
  id: 'queue-loses-one',
  title: 'One new order of the queue in forty leaves a changeset out',
  check: 'scale.bulk-queue',
  reason: 'queued changesets are lost',
  mayRedden: [],
  apply({ queue, store }) {
    let asked = 0
    return {
      queue: {
        ...queue,
        async reorder(caller, app, order) {
          const count = await queue.reorder(caller, app, order)
          asked += 1
          if (asked % ONE_IN === 0) {
            await store.data.changesets.updateOne(
              { _id: new ObjectId(order.at(-1)) },
              { $set: { state: 'approved', queue_position: null, queued_at: null } },
            )
          }
          return count
        },
      },
    }
  },
}
