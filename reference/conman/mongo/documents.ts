/** What is stored, collection by collection. Names are the ones that Conman's own database has. */
import type { ObjectId } from 'mongodb'
import type { Role } from '../roles.ts'

interface Dated {
  created_at: Date
  updated_at: Date
}

export interface UserDocument extends Dated {
  _id: ObjectId
  email: string
  password_hash: string
  name: string
  /** Tokens issued before this moment are void; set by a password reset. */
  tokens_valid_after?: Date | null
}

export interface MembershipDocument {
  _id: ObjectId
  user_id: ObjectId
  app_id: ObjectId
  role: Role
  created_at: Date
}

export interface AppSettings {
  baseline_mode: 'integration_head' | 'canonical_env_release'
  canonical_env_id: string | null
  commit_mode_default: 'submit_commit' | 'manual_checkpoint'
  blocked_paths: string[]
  file_size_limit_bytes: number
  profile_approval_policy: 'same_as_changeset' | 'stricter_two_approvals'
}

export interface AppDocument extends Dated {
  _id: ObjectId
  name: string
  repo_path: string
  integration_branch: string
  settings: AppSettings
  created_by: ObjectId
}

export interface EnvironmentDocument extends Dated {
  _id: ObjectId
  app_id: ObjectId
  name: string
  position: number
  is_canonical: boolean
  runtime_profile_id: ObjectId | null
}

export interface InviteDocument {
  _id: ObjectId
  app_id: ObjectId
  email: string
  role: Role
  token: string
  invited_by: ObjectId
  expires_at: Date
  accepted_at: Date | null
  created_at: Date
}

export interface WorkspaceDocument extends Dated {
  _id: ObjectId
  app_id: ObjectId
  owner_user_id: ObjectId
  branch_name: string
  title: string | null
  is_default: boolean
  base_ref_type: 'branch' | 'tag' | 'commit'
  base_ref_value: string
  head_sha: string
}

export const JOB_TYPES = [
  'msuite_submit',
  'msuite_merge',
  'msuite_deploy',
  'runtime_profile_drift_check',
  'release_assemble',
  'revalidate_queued_changeset',
  'deploy_release',
  'temp_env_provision',
  'temp_env_expire',
] as const
export type JobType = (typeof JOB_TYPES)[number]

export const JOB_STATES = ['queued', 'running', 'succeeded', 'failed', 'canceled'] as const
export type JobState = (typeof JOB_STATES)[number]

export interface JobDocument extends Dated {
  _id: ObjectId
  app_id: ObjectId
  job_type: string
  state: JobState
  entity_type: string
  entity_id: string
  payload: Record<string, unknown>
  result: Record<string, unknown> | null
  error_message: string | null
  retry_count: number
  max_retries: number
  timeout_ms: number
  created_by: ObjectId | null
  started_at: Date | null
  finished_at: Date | null
  /** Until when the worker that runs the job owns it; past it, another may take the job over. */
  locked_until?: Date | null
  locked_by?: string | null
  attempts?: number
  max_attempts?: number
  /** Grows with every claim: a write that carries an older number comes from a worker that lost the job. */
  fence?: number
}

export interface JobLogDocument {
  _id: ObjectId
  app_id: ObjectId
  job_id: ObjectId
  level: 'info' | 'warn' | 'error'
  message: string
  data: Record<string, unknown> | null
  timestamp: Date
}

export interface HeartbeatDocument {
  /** One document an instance of the worker. */
  _id: string
  started_at: Date
  beat_at: Date
  jobs_running: number
  /** The worker's metrics as JSON text, for the API's scrape to merge; null when the API is the same process. */
  metrics: string | null
}

export interface AuditDocument {
  _id: ObjectId
  occurred_at: Date
  actor_user_id: ObjectId | null
  app_id: ObjectId | null
  entity_type: string
  entity_id: string
  action: string
  before: unknown
  after: unknown
  git_sha: string | null
  context: { request_id: string; ip: string | null; user_agent: string | null }
}

export interface NotificationDocument extends Dated {
  _id: ObjectId
  /** Null for somebody without an account yet: an invited person. */
  user_id: ObjectId | null
  recipient_email: string
  app_id: ObjectId | null
  event_type: string
  subject: string
  body: string
  state: 'queued' | 'sending' | 'sent' | 'failed'
  error_message: string | null
}

export interface LoginThrottleDocument {
  /** The e-mail address, lower-cased. */
  _id: string
  failures: number
  locked_until: Date | null
  updated_at: Date
}

export interface TempEnvironmentDocument extends Dated {
  _id: ObjectId
  app_id: ObjectId
  state: string
  grace_expires_at: Date | null
}

/** Every collection whose documents this server reads or writes by type. */
export interface Documents {
  users: UserDocument
  app_memberships: MembershipDocument
  apps: AppDocument
  environments: EnvironmentDocument
  invites: InviteDocument
  workspaces: WorkspaceDocument
  jobs: JobDocument
  job_logs: JobLogDocument
  job_runner_heartbeats: HeartbeatDocument
  audit_events: AuditDocument
  notification_events: NotificationDocument
  login_throttles: LoginThrottleDocument
  temp_environments: TempEnvironmentDocument
}
