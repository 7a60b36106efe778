/**
 * Who may use which route: the contract's matrix (http-api §3.1, specified-only §1) as data, with a body that is well formed
 * and reaches the role check. Unknown ids stand for what a route is about, so that an allowed caller changes nothing.
 */
import type { Role } from '../roles.ts'

export interface Access {
  /** `METHOD /path`, as the API description names it. */
  operation: string
  /** `open` to everybody, for whoever is signed `in`, or the lowest role on the app. */
  lowest: 'open' | 'in' | Role
  body?: unknown
  /** What an allowed caller gets when nothing of the named ids exists; otherwise any answer but 401 and 403. */
  allowed?: number
}

const X = 'f'.repeat(24)
const PROFILE = {
  name: 'x',
  kind: 'persistent_env',
  base_url: 'https://x.example.test',
  database_engine: 'mongodb',
  connection_ref: 'r',
  provisioning_mode: 'managed',
}
const A = '/api/apps/{appId}'
const W = `${A}/workspaces/{workspaceId}`
const C = `${A}/changesets/{changesetId}`
const P = `${A}/runtime-profiles/{profileId}`
const E = `${A}/environments/{envId}`
const R = `${A}/releases/{releaseId}`
const T = `${A}/temp-envs/{tempEnvId}`

export const ACCESS: readonly Access[] = [
  { operation: 'GET /api/health', lowest: 'open' },
  { operation: 'GET /api/metrics', lowest: 'open' },
  { operation: 'GET /api/openapi.json', lowest: 'open' },
  { operation: 'GET /api/docs', lowest: 'open' },
  { operation: 'POST /api/auth/login', lowest: 'open', body: { email: '', password: '' }, allowed: 400 },
  { operation: 'POST /api/auth/forgot-password', lowest: 'open', body: { email: '' }, allowed: 400 },
  { operation: 'POST /api/auth/reset-password', lowest: 'open', body: { token: '', new_password: '' }, allowed: 400 },
  {
    operation: 'POST /api/auth/accept-invite',
    lowest: 'open',
    body: { token: '', name: '', password: '' },
    allowed: 400,
  },

  { operation: 'POST /api/auth/logout', lowest: 'in', allowed: 200 },
  { operation: 'GET /api/me/notification-preferences', lowest: 'in', allowed: 200 },
  { operation: 'PATCH /api/me/notification-preferences', lowest: 'in', body: { email_enabled: 1 }, allowed: 400 },
  { operation: 'GET /api/apps', lowest: 'in', allowed: 200 },
  { operation: 'POST /api/apps', lowest: 'in', body: { name: '', repo_path: '' }, allowed: 400 },

  { operation: `GET ${A}`, lowest: 'user', allowed: 200 },
  { operation: `PATCH ${A}/settings`, lowest: 'app_admin', body: {}, allowed: 200 },
  { operation: `GET ${A}/members`, lowest: 'user', allowed: 200 },
  { operation: `POST ${A}/members`, lowest: 'app_admin', body: { user_id: X, role: 'app_admin' }, allowed: 404 },
  { operation: `PATCH ${A}/members/{userId}`, lowest: 'app_admin', body: { role: 'app_admin' }, allowed: 404 },
  { operation: `POST ${A}/invites`, lowest: 'app_admin', body: { email: 'nobody', role: 'user' }, allowed: 400 },
  { operation: `POST ${A}/invites/{inviteId}/resend`, lowest: 'app_admin', allowed: 404 },
  { operation: `DELETE ${A}/invites/{inviteId}`, lowest: 'app_admin', allowed: 404 },
  { operation: `GET ${A}/environments`, lowest: 'user', allowed: 200 },
  { operation: `PATCH ${A}/environments`, lowest: 'app_admin', body: { environments: [] }, allowed: 400 },
  { operation: `GET ${A}/runtime-profiles`, lowest: 'user', allowed: 200 },
  { operation: `POST ${A}/runtime-profiles`, lowest: 'app_admin', body: { ...PROFILE, name: '' }, allowed: 400 },
  { operation: `GET ${P}`, lowest: 'user', allowed: 404 },
  { operation: `PATCH ${P}`, lowest: 'app_admin', body: {}, allowed: 404 },
  { operation: `POST ${P}/secrets/{key}/reveal`, lowest: 'app_admin', allowed: 404 },
  { operation: `GET ${P}/revisions`, lowest: 'user', allowed: 404 },
  { operation: `POST ${P}/revert`, lowest: 'app_admin', body: { revision: 1 }, allowed: 404 },
  { operation: `POST ${P}/rotate-key`, lowest: 'app_admin', body: {}, allowed: 404 },

  { operation: `GET ${A}/workspaces`, lowest: 'user', allowed: 200 },
  { operation: `POST ${A}/workspaces`, lowest: 'user', body: { branch_name: '..' }, allowed: 400 },
  { operation: `GET ${W}`, lowest: 'user', allowed: 404 },
  { operation: `PATCH ${W}`, lowest: 'user', body: {}, allowed: 404 },
  { operation: `POST ${W}/reset`, lowest: 'user', allowed: 404 },
  { operation: `POST ${W}/sync-integration`, lowest: 'user', allowed: 404 },
  { operation: `POST ${W}/checkpoints`, lowest: 'user', body: {}, allowed: 404 },
  { operation: `GET ${W}/files`, lowest: 'user', allowed: 404 },
  { operation: `PUT ${W}/files`, lowest: 'user', body: { path: 'a', content: '' }, allowed: 404 },
  { operation: `DELETE ${W}/files`, lowest: 'user', body: { path: 'a' }, allowed: 404 },

  { operation: `GET ${A}/changesets`, lowest: 'user', allowed: 200 },
  { operation: `POST ${A}/changesets`, lowest: 'user', body: { workspace_id: X, title: 't' }, allowed: 404 },
  { operation: `GET ${C}`, lowest: 'user', allowed: 404 },
  { operation: `PATCH ${C}`, lowest: 'user', body: {}, allowed: 404 },
  { operation: `POST ${C}/submit`, lowest: 'user', body: {}, allowed: 404 },
  { operation: `POST ${C}/resubmit`, lowest: 'user', body: {}, allowed: 404 },
  { operation: `POST ${C}/review`, lowest: 'reviewer', body: { action: 'approve' }, allowed: 404 },
  { operation: `POST ${C}/queue`, lowest: 'config_manager', allowed: 404 },
  { operation: `POST ${C}/move-to-draft`, lowest: 'user', allowed: 404 },
  { operation: `GET ${C}/diff`, lowest: 'user', allowed: 404 },
  { operation: `POST ${C}/analyze`, lowest: 'user', body: { focus: [] }, allowed: 404 },
  { operation: `POST ${C}/chat`, lowest: 'user', body: { message: 'm', file_paths: [] }, allowed: 404 },
  { operation: `GET ${C}/comments`, lowest: 'user', allowed: 404 },
  { operation: `POST ${C}/comments`, lowest: 'user', body: { body: 'b' }, allowed: 404 },
  { operation: `PATCH ${C}/comments/{commentId}`, lowest: 'user', body: {}, allowed: 404 },
  { operation: `GET ${C}/profile-overrides`, lowest: 'user', allowed: 404 },
  { operation: `PUT ${C}/profile-overrides`, lowest: 'user', body: { profile_overrides: [] }, allowed: 404 },
  { operation: `GET ${A}/queue`, lowest: 'user', allowed: 200 },
  {
    operation: `POST ${A}/queue/reorder`,
    lowest: 'config_manager',
    body: { ordered_changeset_ids: [X] },
    allowed: 400,
  },

  { operation: `GET ${A}/releases`, lowest: 'user', allowed: 200 },
  { operation: `POST ${A}/releases`, lowest: 'config_manager', body: { changeset_ids: [X] }, allowed: 409 },
  { operation: `GET ${R}`, lowest: 'user', allowed: 404 },
  { operation: `POST ${R}/changesets`, lowest: 'config_manager', body: { changeset_ids: [] }, allowed: 404 },
  { operation: `POST ${R}/reorder`, lowest: 'config_manager', body: { changeset_ids: [] }, allowed: 404 },
  { operation: `POST ${R}/assemble`, lowest: 'config_manager', allowed: 404 },
  { operation: `POST ${R}/publish`, lowest: 'config_manager', allowed: 404 },

  { operation: `POST ${E}/deploy`, lowest: 'config_manager', body: { release_id: X }, allowed: 404 },
  { operation: `POST ${E}/promote`, lowest: 'config_manager', body: { release_id: X }, allowed: 404 },
  {
    operation: `POST ${E}/rollback`,
    lowest: 'config_manager',
    body: { release_id: X, mode: 'redeploy_prior_tag' },
    allowed: 404,
  },
  { operation: `POST ${E}/create-drift-fix-changeset`, lowest: 'config_manager', body: {}, allowed: 404 },
  { operation: `GET ${A}/deployments`, lowest: 'user', allowed: 200 },

  { operation: `GET ${A}/temp-envs`, lowest: 'user', allowed: 200 },
  { operation: `POST ${A}/temp-envs`, lowest: 'user', body: { kind: 'workspace', source_id: X }, allowed: 404 },
  { operation: `POST ${T}/extend`, lowest: 'user', body: {}, allowed: 404 },
  { operation: `POST ${T}/undo-expire`, lowest: 'user', allowed: 404 },
  { operation: `DELETE ${T}`, lowest: 'user', allowed: 404 },

  { operation: `GET ${A}/jobs`, lowest: 'user', allowed: 200 },
  { operation: `GET ${A}/jobs/{jobId}`, lowest: 'user', allowed: 404 },
  { operation: `GET ${A}/audit`, lowest: 'app_admin', allowed: 200 },
]
