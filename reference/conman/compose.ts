/** The composition root: builds every part of a server once, and lets a known defect put a worse part in a good one's place. */
import { createAppService } from './apps/service.ts'
import { createAuditLog } from './audit/log.ts'
import { createAccess } from './auth/access.ts'
import { createAuthService } from './auth/service.ts'
import { accountSweeps } from './auth/sweeps.ts'
import { createLoginThrottle } from './auth/throttle.ts'
import { createTokens } from './auth/tokens.ts'
import { createChangesetService } from './changesets/service.ts'
import { createCommentService } from './comments/service.ts'
import type { Config } from './config.ts'
import { deploymentJobs } from './deployments/jobs.ts'
import { createDeploymentService } from './deployments/service.ts'
import { createEnvironmentService } from './environments/service.ts'
import { createCommitWriter } from './files/commits.ts'
import { createFileService } from './files/service.ts'
import { createGitBackend } from './git/backend.ts'
import { createHealthService } from './health/service.ts'
import { createRateLimiter } from './http/rate-limit.ts'
import { createInviteService } from './invites/service.ts'
import { createCommandRunner } from './jobs/command.ts'
import { retiredWorkers } from './jobs/retired-workers.ts'
import { createJobService } from './jobs/service.ts'
import { suiteJobs } from './jobs/suites.ts'
import type { Logger } from './logging.ts'
import { createNotifications } from './mail/notifications.ts'
import { createOutbox } from './mail/outbox.ts'
import { createPreferenceService } from './me/service.ts'
import { createMemberService } from './members/service.ts'
import { createExposition } from './metrics/exposition.ts'
import { createMetrics } from './metrics/metrics.ts'
import type { Indexes } from './mongo/indexes.ts'
import type { Store } from './mongo/store.ts'
import { createOverrideService } from './overrides/service.ts'
import { createPasswordResetService } from './password-reset/service.ts'
import { createSecretBox } from './profiles/secret-box.ts'
import { createProfileService } from './profiles/service.ts'
import { createQueueService } from './queue/service.ts'
import { releaseJobs } from './releases/jobs.ts'
import { createReleaseService } from './releases/service.ts'
import { releaseSweeps } from './releases/sweeps.ts'
import type { Services } from './services.ts'
import { tempEnvironmentJobs } from './temp-environments/jobs.ts'
import { createTempEnvironmentService } from './temp-environments/service.ts'
import { tempEnvironmentSweeps } from './temp-environments/sweeps.ts'
import { createWorkspaceHeads } from './workspaces/heads.ts'
import { createWorkspaceService } from './workspaces/service.ts'

/** What a defect replaces; the rest stays as it is. */
export type Replacement = (services: Services) => Partial<Services>

/** What a defect may put in the place of what all parts stand on, before any of them is built. */
export interface Worsening {
  apply?: Replacement
  store?(store: Store): Store
  indexes?(indexes: Indexes): Indexes
}

export async function composeServices(
  foundation: { config: Config; logger: Logger; store: Store },
  replacement: Replacement = () => ({}),
): Promise<Services> {
  const metrics = createMetrics()
  // Every part gets this one object and looks others up in it when it needs them, so the order below does not matter and
  // a part that is replaced at the end is replaced for all.
  const services = { ...foundation, metrics } as Services
  services.git = createGitBackend(services.config.git, metrics, services.logger)
  services.audit = createAuditLog(services)
  services.outbox = createOutbox(services)
  services.notifications = createNotifications(services)
  services.tokens = createTokens(services.config)
  services.throttle = createLoginThrottle(services)
  services.limits = createRateLimiter(services.config.rateLimits)
  services.auth = await createAuthService(services)
  services.access = createAccess()
  services.passwordResets = createPasswordResetService(services)
  services.preferences = createPreferenceService(services)
  services.apps = createAppService(services)
  services.members = createMemberService(services)
  services.invites = createInviteService(services)
  services.secrets = createSecretBox(services)
  services.profiles = createProfileService(services)
  services.environments = createEnvironmentService(services)
  services.workspaces = createWorkspaceService(services)
  services.heads = createWorkspaceHeads(services)
  services.commits = createCommitWriter(services)
  services.files = createFileService(services)
  services.changesets = createChangesetService(services)
  services.overrides = createOverrideService(services)
  services.comments = createCommentService(services)
  services.queue = createQueueService(services)
  services.releases = createReleaseService(services)
  services.deployments = createDeploymentService(services)
  services.tempEnvironments = createTempEnvironmentService(services)
  services.jobs = createJobService(services)
  services.commands = createCommandRunner(services.config)
  services.jobHandlers = {
    ...suiteJobs(services),
    ...releaseJobs(services),
    ...deploymentJobs(services),
    ...tempEnvironmentJobs(services),
  }
  services.sweeps = [
    retiredWorkers(services),
    ...accountSweeps(services),
    ...releaseSweeps(services),
    ...tempEnvironmentSweeps(services),
  ]
  services.health = createHealthService(services)
  services.exposition = createExposition(services)
  return Object.assign(services, replacement({ ...services }))
}
