/**
 * What is left of invites and forgotten passwords, and has served its purpose.
 *
 * A row whose dates are no dates never matches and is passed over.
 */
import type { Collection, Filter, ObjectId } from 'mongodb'
import type { Sweep } from '../jobs/sweeps.ts'
import type { Services } from '../services.ts'

const BATCH = 500
const DAY_MS = 86_400_000
/** An expired invite can be sent again for so long. */
const INVITE_KEPT_DAYS = 30
/** Long enough to look into why somebody could not log in. */
const RESET_KEPT_DAYS = 1

export function accountSweeps(services: Services): Sweep[] {
  const { data } = services.store
  return [
    removal('invites', data.invites, () => ({
      accepted_at: null,
      expires_at: { $lt: daysAgo(INVITE_KEPT_DAYS) },
    })),
    removal('password reset tokens', data.password_reset_tokens, () => ({
      $or: [{ used_at: { $lt: daysAgo(RESET_KEPT_DAYS) } }, { expires_at: { $lt: daysAgo(RESET_KEPT_DAYS) } }],
    })),
    removal('suppressed mails', data.notification_events, () => ({
      state: 'suppressed' as const,
      created_at: { $lt: daysAgo(RESET_KEPT_DAYS) },
    })),
  ]
}

/** Removes what matches, a batch at a time. */
function removal<T extends { _id: ObjectId }>(name: string, collection: Collection<T>, done: () => Filter<T>): Sweep {
  return {
    name,
    async sweep() {
      const filter = done()
      const found = await collection.find(filter, { projection: { _id: 1 }, limit: BATCH }).toArray()
      if (found.length === 0) return false
      // Looked at once more: an invite may have been sent again in the meantime.
      const ids: Filter<T> = { _id: { $in: found.map(({ _id }) => _id) } } as Filter<T>
      await collection.deleteMany({ $and: [ids, filter] } as Filter<T>)
      return found.length === BATCH
    },
  }
}

function daysAgo(days: number): Date {
  return new Date(Date.now() - days * DAY_MS)
}
