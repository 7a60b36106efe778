// Rows as data-and-runtime §1.3 and §2.1 store them, whole (§1.7), with what the specification adds and the bundled Conman
// reads beside it (base commit, open marker, attempts).

import type { ObjectId } from 'mongodb'

export interface Row {
  _id: ObjectId
  [field: string]: unknown
}

/** By collection, in the order in which they are to be written. */
export type Rows = Map<string, Row[]>

const ENVIRONMENTS = ['Development', 'QA', 'UAT', 'Production']

export interface AppInput {
  id: ObjectId
  name: string
  repoPath: string
  integrationBranch: string
  createdBy: ObjectId
  members: { id: ObjectId; userId: ObjectId; role: string }[]
  environmentId(position: number): ObjectId
  created: Date
}

/** An app with its environments and members. The app itself comes last: nothing finds it before the rest is there. */
export function appRows(input: AppInput): Rows {
  const dates = { created_at: input.created, updated_at: input.created }
  const environments = ENVIRONMENTS.map((name, position) => ({
    _id: input.environmentId(position),
    app_id: input.id,
    name,
    position,
    is_canonical: position === ENVIRONMENTS.length - 1,
    runtime_profile_id: null,
    ...dates,
  }))
  const memberships = input.members.map(({ id, userId, role }) => ({
    _id: id,
    user_id: userId,
    app_id: input.id,
    role,
    created_at: input.created,
  }))
  const app = {
    _id: input.id,
    name: input.name,
    repo_path: input.repoPath,
    integration_branch: input.integrationBranch,
    settings: {
      baseline_mode: 'canonical_env_release',
      canonical_env_id: environments.at(-1)!._id.toHexString(),
      commit_mode_default: 'submit_commit',
      blocked_paths: ['.git/**', '.gitignore', '.github/**'],
      file_size_limit_bytes: 5_242_880,
      profile_approval_policy: 'stricter_two_approvals',
    },
    created_by: input.createdBy,
    ...dates,
  }
  return new Map<string, Row[]>([
    ['environments', environments],
    ['app_memberships', memberships],
    ['apps', [app]],
  ])
}

export interface WorkspaceInput {
  id: ObjectId
  appId: ObjectId
  ownerId: ObjectId
  branch: string
  isDefault: boolean
  integrationBranch: string
  base: string
  head: string
  created: Date
  updated: Date
}

export function workspaceRow(input: WorkspaceInput) {
  return {
    _id: input.id,
    app_id: input.appId,
    owner_user_id: input.ownerId,
    branch_name: input.branch,
    title: null,
    is_default: input.isDefault,
    base_ref_type: 'branch',
    base_ref_value: input.integrationBranch,
    base_sha: input.base,
    head_sha: input.head,
    created_at: input.created,
    updated_at: input.updated,
  }
}

export interface ChangesetInput {
  id: ObjectId
  appId: ObjectId
  workspaceId: ObjectId
  authorId: ObjectId
  title: string
  description: string | null
  state: string
  base: string
  head: string
  revision: number
  approvals: { user_id: string; role: string; approved_at: string }[]
  queuePosition: number | null
  queuedAt: Date | null
  revalidation: 'valid' | 'test_failed' | 'conflicted' | null
  created: Date
  updated: Date
}

export function changesetRow(input: ChangesetInput) {
  return {
    _id: input.id,
    app_id: input.appId,
    workspace_id: input.workspaceId,
    title: input.title,
    description: input.description,
    state: input.state,
    author_user_id: input.authorId,
    base_sha: input.base,
    head_sha: input.head,
    submitted_head_sha: input.revision === 0 ? null : input.head,
    revision: input.revision,
    approvals: input.approvals,
    required_approval_count: 1,
    queue_position: input.queuePosition,
    queued_at: input.queuedAt,
    last_revalidation_status: input.revalidation,
    last_revalidation_files: [],
    last_revalidation_job_id: null,
    open: input.state !== 'released' && input.state !== 'rejected',
    created_at: input.created,
    updated_at: input.updated,
  }
}

/** The submit gate of a changeset: without it none that was approved could be queued. */
export function submitJobRow(input: {
  id: ObjectId
  appId: ObjectId
  changesetId: ObjectId
  createdBy: ObjectId
  gate: 'submit' | 'resubmit'
  created: Date
  finished: Date
}) {
  return {
    _id: input.id,
    app_id: input.appId,
    job_type: 'msuite_submit',
    state: 'succeeded',
    entity_type: 'changeset',
    entity_id: input.changesetId.toHexString(),
    payload: { gate: input.gate, app_id: input.appId.toHexString(), changeset_id: input.changesetId.toHexString() },
    result: { status: 'ok', phase: 'msuite_submit', command: 'true', exit_code: 0, stdout: '', stderr: '' },
    error_message: null,
    retry_count: 0,
    max_retries: 3,
    timeout_ms: 300_000,
    created_by: input.createdBy,
    started_at: input.created,
    finished_at: input.finished,
    locked_until: null,
    locked_by: null,
    attempts: 1,
    max_attempts: 4,
    fence: 1,
    heartbeat_at: null,
    not_before: null,
    created_at: input.created,
    updated_at: input.finished,
  }
}
