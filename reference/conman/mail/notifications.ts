/**
 * Who is told what: recipients by role or by person, without whoever did it and without those who want no mails.
 *
 * Sent through the outbox after the deed; a failure is logged and never fails it.
 */
import type { ObjectId } from 'mongodb'
import { within } from '../bounded.ts'
import { createCoalescer } from '../coalescer.ts'
import type { User } from '../http/context.ts'
import { describeError } from '../logging.ts'
import type { AppDocument } from '../mongo/documents.ts'
import type { Role } from '../roles.ts'
import type { Services } from '../services.ts'
import { oneLine } from './one-line.ts'

/** The events, with what their subjects say. */
export const EVENT_TEXTS = {
  changeset_submitted: 'Changeset submitted',
  review_requested: 'Review requested',
  changeset_approved: 'Changeset approved',
  changes_requested: 'Changes requested',
  changeset_rejected: 'Changeset rejected',
  changeset_queued: 'Changeset queued',
  changeset_conflicted: 'Changeset conflicted',
  changeset_needs_revalidation: 'Changeset needs revalidation',
  release_created: 'Release created',
  release_published: 'Release published',
  deployment_started: 'Deployment started',
  deployment_succeeded: 'Deployment succeeded',
  deployment_failed: 'Deployment failed',
  deployment_blocked_by_drift: 'Deployment blocked by drift',
  runtime_profile_changed: 'Runtime profile changed',
  temp_env_expiry_warning: 'Temp environment expiring soon',
  temp_env_expired: 'Temp environment expired',
  temp_env_grace_ended: 'Temp environment removed',
  temp_env_deleted: 'Temp environment deleted',
  temp_env_provision_failed: 'Temp environment failed',
} as const

export type NotificationEvent = keyof typeof EVENT_TEXTS

/** Recipients by role. */
export const MANAGERS: readonly Role[] = ['config_manager', 'app_admin']
export const REVIEWERS: readonly Role[] = ['reviewer', 'config_manager', 'app_admin']
export const ALL: readonly Role[] = ['user', 'reviewer', 'config_manager', 'app_admin']

export interface Notification {
  app: Pick<AppDocument, '_id' | 'name'>
  event: NotificationEvent
  /** What it is about: a changeset's title, a release's tag, … */
  title: string
  /** The path of the thing in the API. */
  link: string
  /** Who did it, and is not told; null for what a job did. */
  actor: User | null
  to: { roles?: readonly Role[]; users?: readonly ObjectId[] }
  /** The occasion: a recipient gets one mail of an event and occasion, however often it is told. */
  occasion: string
}

export interface Notifications {
  tell(notification: Notification): Promise<void>
}

interface Recipient {
  _id: ObjectId
  email: string
}

/** Looking up the recipients is part of the answer's time, so it has a bound as the rows themselves have. */
const LOOKUP_LIMIT_MS = 2_000

export function createNotifications(services: Services): Notifications {
  const { data } = services.store

  // At a busy moment many tell the same people of an app.
  const recipients = createCoalescer(
    ({ app, to }: Notification) => [app._id, ...(to.roles ?? []), ...(to.users ?? [])].join(' '),
    async ([notification]) => (notification === undefined ? [] : lookUp(notification)),
  )

  async function lookUp({ app, to }: Notification): Promise<Recipient[]> {
    const { roles = [], users = [] } = to
    const members = data.app_memberships.aggregate<Recipient>([
      {
        $match: {
          app_id: app._id,
          $or: [{ role: { $in: roles } }, { user_id: { $in: users } }],
        },
      },
      {
        $lookup: {
          from: 'notification_preferences',
          localField: 'user_id',
          foreignField: 'user_id',
          as: 'preferences',
        },
      },
      { $match: { 'preferences.email_enabled': { $ne: false } } },
      { $lookup: { from: 'users', localField: 'user_id', foreignField: '_id', as: 'user' } },
      { $unwind: '$user' },
      { $project: { _id: '$user._id', email: '$user.email' } },
    ])
    return members.toArray()
  }

  return {
    async tell(notification) {
      const { app, event, title, link, actor, occasion } = notification
      try {
        const found = await within(LOOKUP_LIMIT_MS, recipients(notification))
        const people = found.filter(({ _id }) => !actor?.id.equals(_id))
        const text = EVENT_TEXTS[event]
        const body = [
          `${text}: ${oneLine(title)}`,
          `App: ${app.name}`,
          `By: ${actor === null ? 'Conman' : oneLine(`${actor.name} <${actor.email}>`)}`,
          `See: ${link}`,
          '',
          'Mails like this one can be switched off: PATCH /api/me/notification-preferences {"email_enabled": false}',
        ].join('\n')
        await services.outbox.enqueue(
          people.map(({ _id, email }) => ({
            userId: _id,
            recipient: email,
            appId: app._id,
            eventType: event,
            subject: `[${app.name}] ${text}: ${title}`,
            body,
            once: occasion,
          })),
        )
      } catch (error) {
        services.logger.error({ event_type: event, ...describeError(error) }, 'failed to notify')
      }
    },
  }
}
