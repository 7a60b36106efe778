/**
 * The parts of a running server. Each is a small interface; services find one another here at the moment of use, so that a
 * known defect can put a worse one in a good one's place without the others knowing.
 */
import type { AppService } from './apps/service.ts'
import type { AuditLog } from './audit/log.ts'
import type { Access } from './auth/access.ts'
import type { AuthService } from './auth/service.ts'
import type { LoginThrottle } from './auth/throttle.ts'
import type { Tokens } from './auth/tokens.ts'
import type { ChangesetService } from './changesets/service.ts'
import type { CommentService } from './comments/service.ts'
import type { Config } from './config.ts'
import type { DeploymentService } from './deployments/service.ts'
import type { EnvironmentService } from './environments/service.ts'
import type { CommitWriter } from './files/commits.ts'
import type { FileService } from './files/service.ts'
import type { GitBackend } from './git/backend.ts'
import type { HealthService } from './health/service.ts'
import type { RateLimiter } from './http/rate-limit.ts'
import type { InviteService } from './invites/service.ts'
import type { RunCommand } from './jobs/command.ts'
import type { JobHandlers } from './jobs/handler.ts'
import type { JobService } from './jobs/service.ts'
import type { Sweep } from './jobs/sweeps.ts'
import type { Logger } from './logging.ts'
import type { Notifications } from './mail/notifications.ts'
import type { Outbox } from './mail/outbox.ts'
import type { PreferenceService } from './me/service.ts'
import type { MemberService } from './members/service.ts'
import type { Exposition } from './metrics/exposition.ts'
import type { Metrics } from './metrics/metrics.ts'
import type { Store } from './mongo/store.ts'
import type { OverrideService } from './overrides/service.ts'
import type { PasswordResetService } from './password-reset/service.ts'
import type { SecretBox } from './profiles/secret-box.ts'
import type { ProfileService } from './profiles/service.ts'
import type { QueueService } from './queue/service.ts'
import type { ReleaseService } from './releases/service.ts'
import type { TempEnvironmentService } from './temp-environments/service.ts'
import type { WorkspaceHeads } from './workspaces/heads.ts'
import type { WorkspaceService } from './workspaces/service.ts'

export interface Services {
  config: Config
  logger: Logger
  metrics: Metrics
  store: Store
  git: GitBackend
  audit: AuditLog
  outbox: Outbox
  notifications: Notifications
  tokens: Tokens
  throttle: LoginThrottle
  limits: RateLimiter
  auth: AuthService
  access: Access
  passwordResets: PasswordResetService
  preferences: PreferenceService
  apps: AppService
  members: MemberService
  invites: InviteService
  secrets: SecretBox
  profiles: ProfileService
  environments: EnvironmentService
  workspaces: WorkspaceService
  heads: WorkspaceHeads
  commits: CommitWriter
  files: FileService
  changesets: ChangesetService
  overrides: OverrideService
  comments: CommentService
  queue: QueueService
  releases: ReleaseService
  deployments: DeploymentService
  tempEnvironments: TempEnvironmentService
  jobs: JobService
  commands: RunCommand
  /** What each type of job does; a type that is missing here fails honestly. */
  jobHandlers: JobHandlers
  /** What the worker does from time to time. */
  sweeps: readonly Sweep[]
  health: HealthService
  exposition: Exposition
}
