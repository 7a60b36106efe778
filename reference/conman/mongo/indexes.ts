/**
 * The indexes of all collections, made at start.
 *
 * Names are those of Conman's own database. Where the specification asks for other keys or for uniqueness (its table of 28,
 * cited as IX), the index has the specified form. Rules that hold at most once (one default workspace, one open changeset)
 * are partial unique indexes over a plain boolean, because MongoDB refuses `$nin` in a partial filter. What a list is sorted
 * by ends in `_id`, so that rows of the same millisecond have an order and no page repeats one.
 */
import type { CreateIndexesOptions, Db } from 'mongodb'

export interface Index {
  name: string
  key: Record<string, 1 | -1>
  options?: CreateIndexesOptions
}

/** By collection. */
export type Indexes = Readonly<Record<string, readonly Index[]>>

const unique: CreateIndexesOptions = { unique: true }
const uniqueWhere = (field: string): CreateIndexesOptions => ({
  unique: true,
  partialFilterExpression: { [field]: true },
})

const uniqueText = (field: string): CreateIndexesOptions => ({
  unique: true,
  partialFilterExpression: { [field]: { $type: 'string' } },
})

const whereSet = (field: string): CreateIndexesOptions => ({
  partialFilterExpression: { [field]: { $exists: true } },
})

const DAY_SECONDS = 86_400

export const INDEXES: Indexes = {
  users: [{ name: 'users_email_unique', key: { email: 1 }, options: unique }],
  app_memberships: [
    { name: 'membership_user_app_unique', key: { user_id: 1, app_id: 1 }, options: unique }, // IX3
    { name: 'membership_user', key: { user_id: 1 } },
    { name: 'membership_app', key: { app_id: 1 } }, // IX4
  ],
  apps: [
    { name: 'apps_name_unique', key: { name: 1 }, options: unique }, // IX1
    { name: 'apps_repo_path_unique', key: { repo_path: 1 }, options: unique }, // IX2
  ],
  environments: [
    { name: 'environments_app_position', key: { app_id: 1, position: 1 }, options: unique }, // IX17
    { name: 'environments_app_name_unique', key: { app_id: 1, name: 1 }, options: unique }, // IX16
    {
      name: 'environments_app_canonical_unique',
      key: { app_id: 1, is_canonical: 1 },
      options: uniqueWhere('is_canonical'),
    },
  ],
  invites: [
    { name: 'invites_token_unique', key: { token: 1 }, options: unique }, // IX28
    { name: 'invites_app_email_unique', key: { app_id: 1, email: 1 }, options: unique }, // IX27
    { name: 'invites_app_email_lookup', key: { app_id: 1, email: 1, accepted_at: 1 } },
    { name: 'invites_expires', key: { expires_at: 1 } },
  ],
  password_reset_tokens: [
    { name: 'password_reset_token_unique', key: { token: 1 }, options: unique },
    { name: 'password_reset_user_created_at', key: { user_id: 1, created_at: -1 } },
    { name: 'password_reset_used', key: { used_at: 1 } },
    { name: 'password_reset_ttl', key: { expires_at: 1 }, options: { expireAfterSeconds: DAY_SECONDS } },
  ],
  runtime_profiles: [
    { name: 'runtime_profiles_app_name_unique', key: { app_id: 1, name: 1 }, options: unique },
    { name: 'runtime_profiles_app_kind', key: { app_id: 1, kind: 1 } },
    { name: 'runtime_profiles_app_updated', key: { app_id: 1, updated_at: -1, _id: -1 } },
  ],
  runtime_profile_revisions: [
    { name: 'runtime_profile_revisions_profile_rev', key: { profile_id: 1, revision: -1 }, options: unique },
  ],
  workspaces: [
    {
      name: 'workspace_app_owner_branch_unique',
      key: { app_id: 1, owner_user_id: 1, branch_name: 1 },
      options: unique,
    },
    { name: 'workspace_app_owner_lookup', key: { app_id: 1, owner_user_id: 1, is_default: -1, updated_at: -1 } },
    { name: 'workspace_app_owner', key: { app_id: 1, owner_user_id: 1 } }, // IX5
    { name: 'workspace_app_branch_unique', key: { app_id: 1, branch_name: 1 }, options: unique }, // IX6
    {
      name: 'workspace_default_unique',
      key: { app_id: 1, owner_user_id: 1, is_default: 1 },
      options: uniqueWhere('is_default'),
    },
  ],
  changesets: [
    { name: 'changeset_app_updated_at', key: { app_id: 1, updated_at: -1, _id: -1 } },
    { name: 'changeset_app_state', key: { app_id: 1, state: 1 } }, // IX7
    { name: 'changeset_app_state_updated', key: { app_id: 1, state: 1, updated_at: -1, _id: -1 } },
    { name: 'changeset_workspace_state', key: { workspace_id: 1, state: 1 } }, // IX8
    { name: 'changeset_workspace_open_unique', key: { workspace_id: 1, open: 1 }, options: uniqueWhere('open') },
    { name: 'changeset_app_author', key: { app_id: 1, author_user_id: 1 } }, // IX9
    { name: 'changeset_app_queue', key: { app_id: 1, queue_position: 1 } },
    { name: 'changeset_app_state_queue', key: { app_id: 1, state: 1, queue_position: 1, queued_at: 1, _id: 1 } },
  ],
  changeset_revisions: [
    { name: 'changeset_revisions_changeset_revision', key: { changeset_id: 1, revision: 1 }, options: unique }, // IX10
  ],
  changeset_reviews: [{ name: 'changeset_reviews_changeset', key: { changeset_id: 1, created_at: 1 } }], // IX11
  changeset_comments: [
    { name: 'changeset_comments_changeset_created', key: { changeset_id: 1, created_at: 1 } }, // IX12
    { name: 'changeset_comments_changeset_created_id', key: { changeset_id: 1, created_at: 1, _id: 1 } },
  ],
  changeset_comment_revisions: [{ name: 'comment_revisions_comment', key: { comment_id: 1, edited_at: 1 } }],
  changeset_profile_overrides: [
    {
      name: 'override_changeset_key_target_unique',
      key: { changeset_id: 1, key: 1, target_profile_id: 1 },
      options: unique,
    },
    { name: 'override_changeset_created', key: { changeset_id: 1, created_at: 1 } },
  ],
  release_batches: [
    { name: 'release_app_created', key: { app_id: 1, created_at: -1, _id: -1 } },
    { name: 'release_app_state', key: { app_id: 1, state: 1 } }, // IX13
    { name: 'release_app_state_created', key: { app_id: 1, state: 1, created_at: -1, _id: -1 } },
    { name: 'release_app_tag_unique', key: { app_id: 1, tag: 1 }, options: unique }, // IX14
    { name: 'release_state_updated', key: { state: 1, updated_at: 1 } },
    { name: 'release_publishing', key: { 'publishing.at': 1 }, options: whereSet('publishing.at') },
    { name: 'release_reverting', key: { 'reverting.at': 1 }, options: whereSet('reverting.at') },
  ],
  release_changesets: [
    { name: 'release_changesets_release', key: { release_id: 1, position: 1 } }, // IX15
    {
      name: 'release_changesets_reserved_unique',
      key: { changeset_id: 1, reserved: 1 },
      options: uniqueWhere('reserved'),
    },
  ],
  deployments: [
    { name: 'deployment_app_created', key: { app_id: 1, created_at: -1, _id: -1 } },
    { name: 'deployment_env_lock_lookup', key: { app_id: 1, environment_id: 1, state: 1 } }, // IX18
    { name: 'deployment_env_active_unique', key: { environment_id: 1, active: 1 }, options: uniqueWhere('active') },
    { name: 'deployment_release', key: { release_id: 1 } }, // IX19
    { name: 'deployment_app_release_state', key: { app_id: 1, release_id: 1, state: 1, environment_id: 1 } },
    { name: 'deployment_env_state_finished', key: { app_id: 1, environment_id: 1, state: 1, finished_at: -1 } },
  ],
  temp_environments: [
    { name: 'temp_env_app_created', key: { app_id: 1, created_at: -1, _id: -1 } },
    { name: 'temp_env_app_state', key: { app_id: 1, state: 1 } }, // IX20
    { name: 'temp_env_expires', key: { expires_at: 1 } }, // IX21
    { name: 'temp_env_owner_state', key: { app_id: 1, owner_user_id: 1, state: 1 } },
    { name: 'temp_env_expiry_scan', key: { state: 1, expires_at: 1, grace_expires_at: 1 } },
    { name: 'temp_env_app_state_created', key: { app_id: 1, state: 1, created_at: -1, _id: -1 } },
    { name: 'temp_env_cleanup_requested', key: { cleanup_requested_at: 1 } },
    { name: 'temp_env_url_unique', key: { url: 1 }, options: uniqueText('url') },
    { name: 'temp_env_db_name_unique', key: { db_name: 1 }, options: uniqueText('db_name') },
    {
      name: 'temp_env_source_active_unique',
      key: { kind: 1, source_id: 1, active: 1 },
      options: uniqueWhere('active'),
    },
  ],
  jobs: [
    { name: 'jobs_state_created_at', key: { state: 1, created_at: 1 } }, // IX22
    { name: 'jobs_app_created_at', key: { app_id: 1, created_at: -1, _id: -1 } },
    { name: 'jobs_app_type_state', key: { app_id: 1, job_type: 1, state: 1 } }, // IX23
    { name: 'jobs_app_type_created', key: { app_id: 1, job_type: 1, created_at: -1, _id: -1 } },
    { name: 'jobs_app_type_state_created', key: { app_id: 1, job_type: 1, state: 1, created_at: -1, _id: -1 } },
    { name: 'jobs_entity_type_created', key: { app_id: 1, entity_type: 1, entity_id: 1, job_type: 1, created_at: -1 } },
    { name: 'jobs_state_locked', key: { state: 1, locked_until: 1 } },
    { name: 'jobs_exclusive_unique', key: { exclusive_key: 1 }, options: uniqueText('exclusive_key') },
  ],
  job_logs: [{ name: 'job_logs_job_timestamp', key: { job_id: 1, timestamp: 1 } }],
  job_runner_heartbeats: [{ name: 'heartbeat_beat_at', key: { beat_at: 1 } }],
  audit_events: [
    { name: 'audit_app_time', key: { app_id: 1, occurred_at: -1, _id: -1 } }, // IX24
    { name: 'audit_entity', key: { entity_type: 1, entity_id: 1 } }, // IX25
    { name: 'audit_app_type_time', key: { app_id: 1, entity_type: 1, occurred_at: -1, _id: -1 } },
    { name: 'audit_app_entity_time', key: { app_id: 1, entity_type: 1, entity_id: 1, occurred_at: -1, _id: -1 } },
    { name: 'audit_app_actor_time', key: { app_id: 1, actor_user_id: 1, occurred_at: -1, _id: -1 } },
    { name: 'audit_app_action_time', key: { app_id: 1, action: 1, occurred_at: -1, _id: -1 } },
  ],
  notification_preferences: [{ name: 'notification_pref_user_unique', key: { user_id: 1 }, options: unique }], // IX26
  notification_events: [
    { name: 'notification_events_user_created', key: { user_id: 1, created_at: -1 } },
    { name: 'notification_events_state_created', key: { state: 1, created_at: 1 } },
  ],
  login_throttles: [
    { name: 'login_throttle_ttl', key: { updated_at: 1 }, options: { expireAfterSeconds: 30 * DAY_SECONDS } },
  ],
}

export async function ensureIndexes(db: Db, wanted: Indexes = INDEXES): Promise<number> {
  const collections = Object.entries(wanted).filter(([, indexes]) => indexes.length > 0)
  await Promise.all(
    collections.map(([collection, indexes]) =>
      db.collection(collection).createIndexes(indexes.map(({ name, key, options }) => ({ ...options, name, key }))),
    ),
  )
  return collections.length
}
