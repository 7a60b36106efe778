/**
 * The parts of a running server. Each is a small interface; services find one another here at the moment of use, so that a
 * known defect can put a worse one in a good one's place without the others knowing.
 */
import type { AppService } from './apps/service.ts'
import type { AuditLog } from './audit/log.ts'
import type { AuthService } from './auth/service.ts'
import type { LoginThrottle } from './auth/throttle.ts'
import type { Tokens } from './auth/tokens.ts'
import type { Config } from './config.ts'
import type { CommitWriter } from './files/commits.ts'
import type { FileService } from './files/service.ts'
import type { GitBackend } from './git/backend.ts'
import type { HealthService } from './health/service.ts'
import type { RateLimiter } from './http/rate-limit.ts'
import type { InviteService } from './invites/service.ts'
import type { JobService } from './jobs/service.ts'
import type { Logger } from './logging.ts'
import type { Outbox } from './mail/outbox.ts'
import type { MemberService } from './members/service.ts'
import type { Exposition } from './metrics/exposition.ts'
import type { Metrics } from './metrics/metrics.ts'
import type { Store } from './mongo/store.ts'
import type { WorkspaceService } from './workspaces/service.ts'

export interface Services {
  config: Config
  logger: Logger
  metrics: Metrics
  store: Store
  git: GitBackend
  audit: AuditLog
  outbox: Outbox
  tokens: Tokens
  throttle: LoginThrottle
  limits: RateLimiter
  auth: AuthService
  apps: AppService
  members: MemberService
  invites: InviteService
  workspaces: WorkspaceService
  commits: CommitWriter
  files: FileService
  jobs: JobService
  health: HealthService
  exposition: Exposition
}
