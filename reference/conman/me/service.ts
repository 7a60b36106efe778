/** Whether somebody wants mails. Whoever never said anything does. */
import { type ClientSession, ObjectId } from 'mongodb'
import type { Caller } from '../http/context.ts'
import type { NotificationPreferenceDocument } from '../mongo/documents.ts'
import { isDuplicateKey } from '../mongo/store.ts'
import type { Services } from '../services.ts'

export interface PreferenceService {
  /** Makes the record at the first look. */
  get(caller: Caller): Promise<NotificationPreferenceDocument>
  change(caller: Caller, emailEnabled: boolean): Promise<NotificationPreferenceDocument>
}

export function createPreferenceService(services: Services): PreferenceService {
  const { data, lists, causality } = services.store

  async function recordOf(caller: Caller, session: ClientSession): Promise<NotificationPreferenceDocument> {
    const user_id = caller.user.id
    const now = new Date()
    const first = { _id: new ObjectId(), user_id, email_enabled: true, created_at: now, updated_at: now }
    const make = () =>
      data.notification_preferences.findOneAndUpdate(
        { user_id },
        { $setOnInsert: first },
        { upsert: true, returnDocument: 'after', session },
      )
    // Of several first looks at the same moment one makes the record, and the others find it.
    const record = await make().catch((error: unknown) => {
      if (!isDuplicateKey(error)) throw error
      return make()
    })
    return record ?? first
  }

  return {
    async get(caller) {
      const userId = caller.user.id.toHexString()
      const known = await causality.read(userId, (session) =>
        lists.notification_preferences.findOne({ user_id: caller.user.id }, { session }),
      )
      return known ?? causality.write(userId, (session) => recordOf(caller, session))
    },

    async change(caller, emailEnabled) {
      const set = { email_enabled: emailEnabled, updated_at: new Date() }
      const before = await causality.write(caller.user.id.toHexString(), async (session) => {
        const record = await recordOf(caller, session)
        const query = { _id: record._id }
        const options = { session, returnDocument: 'before' } as const
        return (await data.notification_preferences.findOneAndUpdate(query, { $set: set }, options)) ?? record
      })
      await services.audit.record(caller, {
        appId: null,
        actor: caller.user,
        entityType: 'notification_preference',
        entityId: before._id.toHexString(),
        action: 'updated',
        before: { email_enabled: before.email_enabled },
        after: { email_enabled: emailEnabled },
      })
      return { ...before, ...set }
    },
  }
}
