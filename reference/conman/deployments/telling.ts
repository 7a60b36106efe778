/** What is recorded and mailed about a deployment; both are kept once, however often they are told. */
import type { AuditEvent } from '../audit/log.ts'
import type { Origin, User } from '../http/context.ts'
import { ALL, MANAGERS } from '../mail/notifications.ts'
import type { AppDocument, DeploymentDocument, ReleaseDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'

export type DeploymentAction = 'started' | 'promoted' | 'rolled_back' | 'succeeded' | 'failed'

const EVENTS = {
  started: { event: 'deployment_started', roles: MANAGERS },
  promoted: { event: 'deployment_started', roles: MANAGERS },
  rolled_back: { event: 'deployment_started', roles: MANAGERS },
  succeeded: { event: 'deployment_succeeded', roles: ALL },
  failed: { event: 'deployment_failed', roles: MANAGERS },
} as const

export async function tellDeployment(
  services: Services,
  origin: Origin,
  told: {
    app: AppDocument
    deployment: DeploymentDocument
    release: ReleaseDocument
    action: DeploymentAction
    /** Null for what the worker does. */
    actor: User | null
    before: Pick<DeploymentDocument, 'state'> | null
    after?: Record<string, unknown>
  },
): Promise<void> {
  const { app, deployment, release, action, actor, before, after } = told
  const { _id, environment_id, release_id, state, is_skip_stage, rollback_mode, rollback_source_release_id } =
    deployment
  const id = _id.toHexString()
  const event: AuditEvent = {
    appId: app._id,
    actor,
    entityType: 'deployment',
    entityId: id,
    action,
    before: before && { state: before.state },
    after: { state, environment_id, release_id, is_skip_stage, rollback_mode, rollback_source_release_id, ...after },
    ...(release.published_sha !== null && { gitSha: release.published_sha }),
    once: `deployment ${action} ${id}`,
  }
  const { event: mail, roles } = EVENTS[action]
  const environment = await services.store.data.environments.findOne({ _id: environment_id })
  await Promise.all([
    services.audit.record(origin, event),
    services.notifications.tell({
      app,
      event: mail,
      title: `${release.tag} → ${environment?.name ?? environment_id.toHexString()}`,
      link: `/api/apps/${app._id.toHexString()}/deployments`,
      actor,
      to: { roles },
      occasion: id,
    }),
  ])
}
