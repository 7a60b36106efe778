/**
 * The outbox: mails are rows first, written with what they tell about, and delivered by the worker in bounded batches.
 *
 * Delivery appends to a file, one JSON object a line, when one is configured; the rows and that file are the only places
 * where an invite's token is.
 */
import { appendFile } from 'node:fs/promises'
import { ObjectId } from 'mongodb'
import { describeError } from '../logging.ts'
import type { NotificationDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'

export interface Mail {
  userId: ObjectId | null
  recipient: string
  appId: ObjectId | null
  eventType: string
  subject: string
  body: string
}

export interface Outbox {
  /** A mail that cannot be queued is logged and never fails what it tells about. */
  enqueue(mail: Mail): Promise<void>
  /** Delivers what waits, at most one batch; answers how many rows it took. */
  drain(): Promise<number>
}

const BATCH = 20

export function createOutbox(services: Services): Outbox {
  const events = services.store.data.notification_events

  async function deliver(mail: NotificationDocument): Promise<void> {
    if (services.config.outboxFile === undefined) return
    const { recipient_email, event_type, subject, body, created_at } = mail
    const line = JSON.stringify({ id: mail._id, recipient_email, event_type, subject, body, created_at })
    await appendFile(services.config.outboxFile, `${line}\n`)
  }

  return {
    async enqueue(mail) {
      const now = new Date()
      const row: NotificationDocument = {
        _id: new ObjectId(),
        user_id: mail.userId,
        recipient_email: mail.recipient,
        app_id: mail.appId,
        event_type: mail.eventType,
        subject: mail.subject,
        body: mail.body,
        state: 'queued',
        error_message: null,
        created_at: now,
        updated_at: now,
      }
      try {
        await events.insertOne(row)
      } catch (error) {
        services.logger.error({ event_type: mail.eventType, ...describeError(error) }, 'failed to enqueue notification')
      }
    },

    async drain() {
      // Looking costs less than an update that changes nothing and still waits for the majority.
      if ((await events.countDocuments({ state: 'queued' }, { limit: 1 })) === 0) return 0
      for (let taken = 0; taken < BATCH; taken += 1) {
        const mail = await events.findOneAndUpdate(
          { state: 'queued' },
          { $set: { state: 'sending', updated_at: new Date() } },
          { sort: { created_at: 1 }, returnDocument: 'after' },
        )
        if (mail === null) return taken
        let outcome: Pick<NotificationDocument, 'state' | 'error_message'>
        try {
          await deliver(mail)
          outcome = { state: 'sent', error_message: null }
        } catch (error) {
          outcome = { state: 'failed', error_message: 'the outbox could not be written' }
          services.logger.error({ notification_id: mail._id, ...describeError(error) }, 'notification not delivered')
        }
        await events.updateOne({ _id: mail._id }, { $set: { ...outcome, updated_at: new Date() } })
      }
      return BATCH
    },
  }
}
