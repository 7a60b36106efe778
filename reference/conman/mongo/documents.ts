/** What is stored, collection by collection. Names are the ones that Conman's own database has. */
import type { ObjectId } from 'mongodb'
import type { Role } from '../roles.ts'

interface Dated {
  created_at: Date
  updated_at: Date
}

/** Counts the changes of a document, so that what was read can be told from what is stored now (see concurrency.ts). */
export interface Versioned {
  version?: number
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
  /** Counts the changes of the queue, which pass here one after the other. */
  queue_version?: number
}

export interface EnvironmentDocument extends Dated, Versioned {
  _id: ObjectId
  app_id: ObjectId
  name: string
  position: number
  is_canonical: boolean
  runtime_profile_id: ObjectId | null
}

export type EnvValue =
  | { type: 'string'; value: string }
  | { type: 'number'; value: number }
  | { type: 'boolean'; value: boolean }
  | { type: 'json'; value: unknown }

export const PROFILE_KINDS = ['persistent_env', 'temp_workspace', 'temp_changeset'] as const
export type ProfileKind = (typeof PROFILE_KINDS)[number]

/** The data key of a profile's secrets, wrapped by the master key that `key_id` names. */
export interface WrappedKey {
  key_id: string
  wrapped: string
}

export interface RuntimeProfileDocument extends Dated, Versioned {
  _id: ObjectId
  app_id: ObjectId
  name: string
  kind: ProfileKind
  base_url: string
  env_vars: Record<string, EnvValue>
  /** Base64 of nonce, ciphertext and tag, by the secret's name. */
  secrets_encrypted: Record<string, string>
  /** Absent where the secrets are in Conman's own form, encrypted by the master key itself. */
  secrets_key?: WrappedKey | null
  database_engine: string
  connection_ref: string
  provisioning_mode: string
  base_profile_id: ObjectId | null
  migration_paths: string[]
  migration_command: string | null
  revision: number
}

export interface RuntimeProfileRevisionDocument {
  _id: ObjectId
  profile_id: ObjectId
  app_id: ObjectId
  revision: number
  /** The whole profile as it was, its secrets encrypted. */
  snapshot: RuntimeProfileDocument
  /** What a job made the revision for, so that it makes it once: a deployment. */
  occasion?: string
  created_by: ObjectId | null
  created_at: Date
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

export interface PasswordResetTokenDocument {
  _id: ObjectId
  /** Null for an address without an account: asking for one must cost the same as for any other. */
  user_id: ObjectId | null
  token: string
  expires_at: Date
  used_at: Date | null
  created_at: Date
}

/** Its version counts the moves of its branch. */
export interface WorkspaceDocument extends Dated, Versioned {
  _id: ObjectId
  app_id: ObjectId
  owner_user_id: ObjectId
  branch_name: string
  title: string | null
  is_default: boolean
  base_ref_type: 'branch' | 'tag' | 'commit'
  base_ref_value: string
  /** The integration commit that the branch stands on: where it began, or was last synced or reset to. */
  base_sha?: string
  head_sha: string
}

export const CHANGESET_STATES = [
  'draft',
  'submitted',
  'in_review',
  'approved',
  'changes_requested',
  'rejected',
  'queued',
  'released',
  'conflicted',
  'needs_revalidation',
] as const
export type ChangesetState = (typeof CHANGESET_STATES)[number]

export type RevalidationStatus = 'valid' | 'test_failed' | 'conflicted'

export interface ChangesetDocument extends Dated, Versioned {
  _id: ObjectId
  app_id: ObjectId
  workspace_id: ObjectId
  title: string
  description: string | null
  state: ChangesetState
  author_user_id: ObjectId
  /** The integration commit that the change is made on. */
  base_sha: string
  head_sha: string
  submitted_head_sha: string | null
  revision: number
  /** Stored with text for ids and dates, as Conman's own database has them. */
  approvals: { user_id: string; role: Role; approved_at: string }[]
  required_approval_count: number
  queue_position: number | null
  queued_at: Date | null
  last_revalidation_status: RevalidationStatus | null
  last_revalidation_files: string[]
  last_revalidation_job_id: ObjectId | null
  /** Which attempt of which job is looking at it; a publication that takes it along takes this away. */
  revalidating?: { job_id: ObjectId; fence: number } | null
  /** What the last revalidation came to, for when its job is run again. */
  last_revalidation_result?: Record<string, unknown> | null
  /** True until the changeset is released or rejected: a workspace has at most one such. */
  open: boolean
}

export interface ChangesetRevisionDocument {
  _id: ObjectId
  changeset_id: ObjectId
  revision: number
  head_sha: string
  base_sha: string
  profile_overrides: { key: string; value: EnvValue; target_profile_id: ObjectId | null }[]
  created_by: ObjectId
  created_at: Date
}

export interface ChangesetReviewDocument {
  _id: ObjectId
  app_id: ObjectId
  changeset_id: ObjectId
  revision: number
  reviewer_user_id: ObjectId
  decision: 'approved' | 'changes_requested' | 'rejected'
  comment: string | null
  created_at: Date
}

export interface ChangesetCommentDocument extends Dated, Versioned {
  _id: ObjectId
  app_id: ObjectId
  changeset_id: ObjectId
  author_user_id: ObjectId
  body: string
  file_path: string | null
  line_number: number | null
  parent_comment_id: ObjectId | null
  resolved: boolean
  /** In rows that Conman itself wrote; here they are documents of their own. */
  edits?: { previous_body: string; edited_at: string }[]
}

/** What a comment said before an edit. */
export interface ChangesetCommentRevisionDocument {
  _id: ObjectId
  comment_id: ObjectId
  body: string
  edited_at: Date
}

export interface ProfileOverrideDocument extends Dated {
  _id: ObjectId
  app_id: ObjectId
  changeset_id: ObjectId
  key: string
  value: EnvValue
  target_profile_id: ObjectId | null
}

export const RELEASE_STATES = [
  'draft_release',
  'assembling',
  'validated',
  'published',
  'deployed_partial',
  'deployed_full',
  'rolled_back',
] as const
export type ReleaseState = (typeof RELEASE_STATES)[number]

export interface ReleaseDocument extends Dated, Versioned {
  _id: ObjectId
  app_id: ObjectId
  tag: string
  state: ReleaseState
  ordered_changeset_ids: ObjectId[]
  compose_job_id: ObjectId | null
  /** The integration commit that the release was composed on, and the commit that came of it. */
  compose_base_sha: string | null
  composed_sha: string | null
  /** The fencing number of the compose job's attempt that works on it. */
  job_fence?: number
  /** Why the last composition failed, for when its job is run again. */
  compose_failure?: ComposeFailure | null
  /** Who began to publish, and when: a publication that was cut short is finished from here. */
  publishing: { user_id: ObjectId; at: Date; request_id: string } | null
  published_sha: string | null
  published_at: Date | null
  published_by: ObjectId | null
  /** Of a release that takes another one back: which one, what that was, and the deployment that goes with it. */
  rollback?: { release_id: ObjectId; from_state: ReleaseState; deployment_id: ObjectId } | null
  /** While it is being taken back: the id of the release that does it. */
  reverting?: { id: ObjectId; at: Date } | null
}

export interface ComposeFailure {
  job_id: ObjectId
  /** The changeset at which it failed; null where it was none of them. */
  changeset_id: ObjectId | null
  reason: 'conflict' | 'test_failed' | 'not_queued' | 'error'
  files: string[]
  problem: string
}

/** A changeset in a release that is being composed or has been: it can be in one such release at a time. */
export interface ReleaseChangesetDocument {
  _id: ObjectId
  app_id: ObjectId
  release_id: ObjectId
  changeset_id: ObjectId
  position: number
  merge_sha: string | null
  /** True until the release is published or falls back to a draft. */
  reserved?: boolean
}

export const DEPLOYMENT_STATES = ['pending', 'running', 'succeeded', 'failed', 'canceled'] as const
export type DeploymentState = (typeof DEPLOYMENT_STATES)[number]

export const ROLLBACK_MODES = ['revert_and_release', 'redeploy_prior_tag'] as const
export type RollbackMode = (typeof ROLLBACK_MODES)[number]

export interface DeploymentDocument extends Dated, Versioned {
  _id: ObjectId
  app_id: ObjectId
  environment_id: ObjectId
  release_id: ObjectId
  state: DeploymentState
  is_skip_stage: boolean
  is_concurrent_batch: boolean
  approvals: ObjectId[]
  rollback_mode: RollbackMode | null
  rollback_source_release_id: ObjectId | null
  job_id: ObjectId | null
  started_at: Date | null
  finished_at: Date | null
  created_by: ObjectId
  /** True while pending or running: an environment has at most one such. */
  active: boolean
  /** The fencing number of the job's attempt that works on it. */
  job_fence?: number
  /** What the command said when it was through: it is not run again after that. */
  executor?: Record<string, unknown> | null
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
  /** When the worker that runs the job last renewed its lock. */
  heartbeat_at?: Date | null
  /** Not to be claimed before: a failed attempt waits longer each time. */
  not_before?: Date | null
  /** Unique among the jobs that have one: see `NewJob.exclusive`. */
  exclusive_key?: string
  exclusive_while?: ExclusiveWhile
}

export type ExclusiveWhile = 'queued' | 'unfinished'

/** What operators switch: a type of job that is here is not claimed. */
export interface JobPauseDocument {
  /** The type. */
  _id: string
  paused_at: Date
  reason: string | null
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
  /** `suppressed`: written for the sake of an equal answer, never sent. */
  state: 'queued' | 'sending' | 'sent' | 'failed' | 'suppressed'
  error_message: string | null
  /** Which worker's batch a mail is in while it is being sent. */
  sent_by?: string | null
}

export interface LoginThrottleDocument {
  /** The e-mail address, lower-cased. */
  _id: string
  failures: number
  locked_until: Date | null
  updated_at: Date
}

export const TEMP_ENVIRONMENT_KINDS = ['workspace', 'changeset'] as const
export type TempEnvironmentKind = (typeof TEMP_ENVIRONMENT_KINDS)[number]

export const TEMP_ENVIRONMENT_STATES = ['provisioning', 'active', 'expiring', 'expired', 'deleted'] as const
export type TempEnvironmentState = (typeof TEMP_ENVIRONMENT_STATES)[number]

export interface TempEnvironmentDocument extends Dated, Versioned {
  _id: ObjectId
  app_id: ObjectId
  kind: TempEnvironmentKind
  /** Text, as Conman's own database has it. */
  source_id: string
  owner_user_id: ObjectId
  state: TempEnvironmentState
  base_profile_id: ObjectId | null
  runtime_profile_id: ObjectId | null
  env_var_overrides: Record<string, EnvValue>
  url: string
  db_name: string
  /** The snapshot branch of the workspace kind, once there is one. */
  branch_name: string | null
  /** The commit that its files are of. */
  head_sha: string | null
  idle_ttl_seconds: number
  grace_ttl_seconds: number
  last_activity_at: Date
  expires_at: Date
  grace_expires_at: Date | null
  expiry_warning_sent: boolean
  /** When its clean-up was last asked for; null before, and once it is cleaned up. */
  cleanup_requested_at: Date | null
  /** True while provisioning, active or expiring: a source has at most one such. */
  active: boolean
  /** Which attempt of which job works on it. */
  job_id?: ObjectId
  job_fence?: number
}

export interface NotificationPreferenceDocument extends Dated {
  _id: ObjectId
  user_id: ObjectId
  email_enabled: boolean
}

/** Every collection whose documents this server reads or writes by type. */
export interface Documents {
  users: UserDocument
  app_memberships: MembershipDocument
  apps: AppDocument
  environments: EnvironmentDocument
  runtime_profiles: RuntimeProfileDocument
  runtime_profile_revisions: RuntimeProfileRevisionDocument
  invites: InviteDocument
  password_reset_tokens: PasswordResetTokenDocument
  workspaces: WorkspaceDocument
  changesets: ChangesetDocument
  changeset_revisions: ChangesetRevisionDocument
  changeset_reviews: ChangesetReviewDocument
  changeset_comments: ChangesetCommentDocument
  changeset_comment_revisions: ChangesetCommentRevisionDocument
  changeset_profile_overrides: ProfileOverrideDocument
  release_batches: ReleaseDocument
  release_changesets: ReleaseChangesetDocument
  deployments: DeploymentDocument
  temp_environments: TempEnvironmentDocument
  jobs: JobDocument
  job_logs: JobLogDocument
  job_pauses: JobPauseDocument
  job_runner_heartbeats: HeartbeatDocument
  audit_events: AuditDocument
  notification_preferences: NotificationPreferenceDocument
  notification_events: NotificationDocument
  login_throttles: LoginThrottleDocument
}
