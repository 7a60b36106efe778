// Routes of apps, their members and invites.

import { at, type Call, filters, type ListCall, many, nothing, one } from './call.ts'
import type { Fields } from './fields.ts'
import { type Session, sessionOf } from './platform.ts'

export type Role = 'user' | 'reviewer' | 'config_manager' | 'app_admin'

export interface App {
  id: string
  name: string
  repoPath: string
  integrationBranch: string
}

export interface NewApp {
  name: string
  repoPath: string
  integrationBranch?: string
}

export interface Member {
  userId: string
  email: string | null
  role: string
}

export interface Invite {
  /** Null where the answer keeps them to itself (HD21). */
  id: string | null
  token: string | null
}

/** Apps that the caller is a member of. */
export const listApps = (): ListCall<App> => ({
  what: 'listing apps',
  method: 'GET',
  ...at('/api/apps'),
  decode: many('apps', appOf),
})

/** Roles may be frozen in the token (HD3): see `Conman.createApp`. */
export const createApp = ({ name, repoPath, integrationBranch = 'main' }: NewApp): Call<App> => ({
  what: `creating app ${name}`,
  method: 'POST',
  ...at('/api/apps'),
  body: { name, repo_path: repoPath, integration_branch: integrationBranch },
  decode: one('an app', appOf),
  makes: [{ kind: 'app', name, app_id: null, idOf: ({ id }) => id }],
  lookUp: async (all) => (await all(listApps())).find((app) => app.name === name),
})

export const readApp = (appId: string): Call<App> => ({
  what: 'reading an app',
  method: 'GET',
  ...at('/api/apps/{appId}', { appId }),
  decode: one('an app', appOf),
})

export interface AppSettings {
  blocked_paths?: readonly string[]
  file_size_limit_bytes?: number
  baseline_mode?: 'integration_head' | 'canonical_env_release'
  commit_mode_default?: 'submit_commit' | 'manual_checkpoint'
  profile_approval_policy?: 'same_as_changeset' | 'stricter_two_approvals'
}

export const changeSettings = (appId: string, settings: AppSettings): Call<App> => ({
  what: 'changing the settings of an app',
  method: 'PATCH',
  ...at('/api/apps/{appId}/settings', { appId }),
  body: settings,
  decode: one('an app', appOf),
})

export const listMembers = (appId: string): ListCall<Member> => ({
  what: 'listing members',
  method: 'GET',
  ...at('/api/apps/{appId}/members', { appId }),
  decode: many('members', memberOf),
})

/** Gives a role to a user by id; the user's own next login has it. */
export const assignMember = (appId: string, userId: string, role: Role): Call<void> => ({
  what: `giving a user the role ${role}`,
  method: 'POST',
  ...at('/api/apps/{appId}/members', { appId }),
  body: { user_id: userId, role },
  decode: nothing,
  makes: [{ kind: 'member', name: null, app_id: appId, idOf: () => userId }],
})

/** `userId` may be `self`. Not every target has the route (HD39). */
export const changeRole = (appId: string, userId: string, role: Role): Call<void> => ({
  what: `changing a role to ${role}`,
  method: 'PATCH',
  ...at('/api/apps/{appId}/members/{userId}', { appId, userId }),
  body: { role },
  decode: nothing,
})

/** Specified nowhere: most targets answer 404 or 405, and the member stays. */
export const removeMember = (appId: string, userId: string): Call<void> => ({
  what: 'removing a member',
  method: 'DELETE',
  ...at('/api/apps/{appId}/members/{userId}', { appId, userId }),
  decode: nothing,
})

export const invite = (appId: string, email: string, role: Role): Call<Invite> => ({
  what: `inviting ${email}`,
  method: 'POST',
  ...at('/api/apps/{appId}/invites', { appId }),
  body: { email, role },
  decode: one('an invite', inviteOf),
  makes: [{ kind: 'invite', name: email, app_id: appId, idOf: ({ id }) => id }],
})

export const resendInvite = (appId: string, inviteId: string): Call<Invite> => ({
  what: 'sending an invite again',
  method: 'POST',
  ...at('/api/apps/{appId}/invites/{inviteId}/resend', { appId, inviteId }),
  decode: one('an invite', inviteOf),
})

/** In the specification; real has no such route (http-api §2.15). */
export const revokeInvite = (appId: string, inviteId: string): Call<void> => ({
  what: 'revoking an invite',
  method: 'DELETE',
  ...at('/api/apps/{appId}/invites/{inviteId}', { appId, inviteId }),
  decode: nothing,
})

/** The answer's token has the new role. `appId` and `email` are for the list of what was made: the token says neither. */
export const acceptInvite = (
  { token, name, password }: { token: string; name: string; password: string },
  { appId, email }: { appId: string; email: string },
): Call<Session> => ({
  what: `accepting the invite of ${email}`,
  method: 'POST',
  ...at('/api/auth/accept-invite'),
  body: { token, name, password },
  decode: one('a session', sessionOf),
  makes: [
    { kind: 'user', name: email, app_id: null, idOf: ({ userId }) => userId },
    { kind: 'member', name: email, app_id: appId, idOf: ({ userId }) => userId },
  ],
})

export interface AuditFilter {
  entity_type?: string
  entity_id?: string
  action?: string
  actor_user_id?: string
}

export interface AuditRow {
  entityType: string
  action: string
  entityId: string | null
  /** Null for what a job did. */
  actorUserId: string | null
  /** The commit that a file write made: in the row itself, or in what it says was there after. */
  commit: string | null
}

/** Newest first. Real has no such route (HD113). */
export const listAudit = (appId: string, filter: AuditFilter = {}): ListCall<AuditRow> => ({
  what: 'reading the audit log',
  method: 'GET',
  ...at('/api/apps/{appId}/audit', { appId }),
  query: filters({ ...filter }),
  decode: many('audit rows', auditRowOf),
  keeps: ({ entityType, action, entityId }) =>
    entityType === (filter.entity_type ?? entityType) &&
    action === (filter.action ?? action) &&
    entityId === (filter.entity_id ?? entityId),
})

function appOf(row: Fields): App {
  return {
    id: row.text('id'),
    name: row.text('name'),
    repoPath: row.text('repo_path'),
    integrationBranch: row.text('integration_branch'),
  }
}

function memberOf(row: Fields): Member {
  return { userId: row.text('user_id'), email: row.textOrNull('email'), role: row.text('role') }
}

function inviteOf(row: Fields): Invite {
  const invited = row.objectOrNull('invite') ?? row
  return { id: invited.textOrNull('id'), token: invited.textOrNull('token') ?? row.textOrNull('token') }
}

function auditRowOf(row: Fields): AuditRow {
  return {
    entityType: row.text('entity_type'),
    action: row.text('action'),
    entityId: row.textOrNull('entity_id'),
    actorUserId: row.textOrNull('actor_user_id'),
    commit: row.textOrNull('git_sha') || (row.objectOrNull('after')?.textOrNull('commit_sha') ?? null),
  }
}
