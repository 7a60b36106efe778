/** What is recorded and mailed about temporary environments, by requests and by the worker alike. */
import type { Origin, User } from '../http/context.ts'
import type { NotificationEvent } from '../mail/notifications.ts'
import type { AppDocument, TempEnvironmentDocument, TempEnvironmentState } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import { tempEnvironmentPath } from './present.ts'

export interface Told {
  action: string
  /** The state it came from; null when it was made. */
  from: TempEnvironmentState | null
  /** Who did it; null for the worker. */
  actor: User | null
  /** What else the audit row says. */
  details?: Record<string, unknown>
  /** Where it may be told twice, by a job that is run again. */
  once?: string
}

export async function record(
  services: Services,
  origin: Pick<Origin, 'requestId' | 'ip' | 'userAgent'>,
  environment: TempEnvironmentDocument,
  { action, from, actor, details, once }: Told,
): Promise<void> {
  const { state, expires_at, grace_expires_at } = environment
  await services.audit.record(origin, {
    appId: environment.app_id,
    actor,
    entityType: 'temp_environment',
    entityId: environment._id.toHexString(),
    action,
    before: from && { state: from },
    after: {
      state,
      expires_at: momentText(expires_at),
      grace_expires_at: momentText(grace_expires_at),
      ...details,
    },
    ...(environment.head_sha && { gitSha: environment.head_sha }),
    ...(once !== undefined && { once }),
  })
}

/** A row that is not as it should be must not fail what is told about it. */
function momentText(moment: unknown): string | null {
  return moment instanceof Date ? moment.toISOString() : null
}

/** Its creator is told, as long as they are a member and did not do it themselves. */
export async function mail(
  services: Services,
  app: Pick<AppDocument, '_id' | 'name'>,
  environment: TempEnvironmentDocument,
  event: NotificationEvent,
  actor: User | null,
  occasion: string,
): Promise<void> {
  await services.notifications.tell({
    app,
    event,
    title: environment.url,
    link: tempEnvironmentPath(environment),
    actor,
    to: { users: [environment.owner_user_id] },
    occasion: `${environment._id.toHexString()} ${occasion}`,
  })
}
