/**
 * The outbox: mails are rows first, written with what they tell about, and delivered by the worker in bounded batches.
 *
 * Delivery appends to a file, one JSON object a line, when one is configured; the rows and that file are the only places
 * where a token for an invite or a new password is.
 */
import { appendFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Filter, ObjectId } from 'mongodb'
import { createBatcher } from '../batcher.ts'
import { within } from '../bounded.ts'
import { uuidV7 } from '../http/request-id.ts'
import { describeError } from '../logging.ts'
import type { NotificationDocument } from '../mongo/documents.ts'
import { idOf } from '../mongo/ids.ts'
import { isDuplicateKey } from '../mongo/store.ts'
import type { Services } from '../services.ts'
import { oneLine } from './one-line.ts'

export interface Mail {
  userId: ObjectId | null
  recipient: string
  appId: ObjectId | null
  eventType: string
  subject: string
  body: string
  /** Names the occasion where it may be told twice, by a job that is run again: the recipient gets one mail of it. */
  once?: string
  /** A row like any other that is never sent. */
  suppressed?: boolean
}

export interface Outbox {
  /** Mails that cannot be queued are logged and never fail what they tell about. */
  enqueue(mails: readonly Mail[]): Promise<void>
  /** Delivers what waits, at most one batch; answers how many rows it took. */
  drain(): Promise<number>
}

const BATCH = 100
/** An answer must not wait for its mails as long as an outage of the database lasts. */
const ENQUEUE_LIMIT_MS = 2_000
const BATCHES = { maxSize: 50, patienceMs: 250, lingerMs: 10 }
/** A worker that died while sending leaves its batch marked; after this long another sends it. */
const SENDING_LIMIT_MS = 60_000
const MARK_AGAIN_MS = 500

export function createOutbox(services: Services): Outbox {
  const events = services.store.data.notification_events

  const insert = createBatcher(async (groups: NotificationDocument[][]) => {
    await events.insertMany(groups.flat(), { ordered: false }).catch((error: unknown) => {
      // What was told before is not told again; each of the others was tried on its own.
      if (!isDuplicateKey(error)) throw error
    })
    return groups
  }, BATCHES)

  async function deliver(mails: readonly NotificationDocument[]): Promise<void> {
    if (services.config.outboxFile === undefined || mails.length === 0) return
    const lines = mails.map(({ _id, user_id, recipient_email, app_id, event_type, subject, body, created_at }) =>
      JSON.stringify({ id: _id, user_id, recipient_email, app_id, event_type, subject, body, created_at }),
    )
    await appendFile(services.config.outboxFile, `${lines.join('\n')}\n`)
  }

  /** Marks a batch as this worker's; several workers may drain at the same time. */
  async function take(): Promise<{ batch: string; mails: NotificationDocument[] }> {
    const now = Date.now()
    const waiting: Filter<NotificationDocument> = {
      $or: [{ state: 'queued' }, { state: 'sending', updated_at: { $lt: new Date(now - SENDING_LIMIT_MS) } }],
    }
    const ids = await events
      .find(waiting, { projection: { _id: 1 } })
      .sort({ created_at: 1 })
      .limit(BATCH)
      .toArray()
    const batch = uuidV7()
    if (ids.length === 0) return { batch, mails: [] }
    const mine = { _id: { $in: ids.map(({ _id }) => _id) }, ...waiting }
    await events.updateMany(mine, { $set: { state: 'sending', sent_by: batch, updated_at: new Date(now) } })
    const mails = await events.find({ sent_by: batch, state: 'sending' }).sort({ created_at: 1 }).toArray()
    return { batch, mails }
  }

  /** What was delivered and cannot be marked would be delivered again, so a database that is away is waited for. */
  async function mark(batch: string, outcome: Pick<NotificationDocument, 'state' | 'error_message'>): Promise<void> {
    const untilMs = performance.now() + SENDING_LIMIT_MS
    for (;;) {
      try {
        const set = { ...outcome, updated_at: new Date() }
        await events.updateMany({ sent_by: batch, state: 'sending' }, { $set: set })
        return
      } catch (error) {
        if (performance.now() > untilMs) throw error
        await sleep(MARK_AGAIN_MS, undefined, { ref: false })
      }
    }
  }

  return {
    async enqueue(mails) {
      if (mails.length === 0) return
      const now = new Date()
      const rows = mails.map(
        (mail): NotificationDocument => ({
          _id: mail.once === undefined ? new ObjectId() : idOf(mail.eventType, mail.once, mail.recipient),
          user_id: mail.userId,
          recipient_email: mail.recipient,
          app_id: mail.appId,
          event_type: mail.eventType,
          subject: oneLine(mail.subject),
          body: mail.body,
          state: mail.suppressed === true ? 'suppressed' : 'queued',
          error_message: null,
          created_at: now,
          updated_at: now,
        }),
      )
      await within(ENQUEUE_LIMIT_MS, insert(rows)).catch((error: unknown) => {
        services.logger.error(
          { event_type: mails[0]?.eventType, mails: mails.length, ...describeError(error) },
          'failed to enqueue notification',
        )
      })
    },

    async drain() {
      const { batch, mails } = await take()
      if (mails.length === 0) return 0
      let outcome: Pick<NotificationDocument, 'state' | 'error_message'> = { state: 'sent', error_message: null }
      try {
        await deliver(mails)
      } catch (error) {
        outcome = { state: 'failed', error_message: 'the outbox could not be written' }
        services.logger.error({ mails: mails.length, ...describeError(error) }, 'notifications not delivered')
      }
      await mark(batch, outcome)
      return mails.length
    },
  }
}
