/**
 * For each row of the specification's table of indexes one defect: the indexes that serve it are not made, or, where the row
 * asks for uniqueness, are made without it.
 */
import type { Index, Indexes } from '../conman/mongo/indexes.ts'
import type { Defect } from './defect.ts'

/** By row: the collection, and the names of all its indexes that serve it. `not unique`: they stay, but hold nobody back. */
const ROWS: Readonly<
  Record<string, { collection: string; serving: readonly string[]; how: 'missing' | 'not unique' }>
> = {
  IX1: { collection: 'apps', serving: ['apps_name_unique'], how: 'not unique' },
  IX2: { collection: 'apps', serving: ['apps_repo_path_unique'], how: 'not unique' },
  IX3: { collection: 'app_memberships', serving: ['membership_user_app_unique'], how: 'missing' },
  IX4: { collection: 'app_memberships', serving: ['membership_app'], how: 'missing' },
  IX5: {
    collection: 'workspaces',
    serving: ['workspace_app_owner', 'workspace_app_owner_lookup', 'workspace_app_owner_branch_unique'],
    how: 'missing',
  },
  IX6: { collection: 'workspaces', serving: ['workspace_app_branch_unique'], how: 'not unique' },
  IX7: {
    collection: 'changesets',
    serving: ['changeset_app_state', 'changeset_app_state_updated', 'changeset_app_state_queue'],
    how: 'missing',
  },
  IX8: { collection: 'changesets', serving: ['changeset_workspace_state'], how: 'missing' },
  IX9: { collection: 'changesets', serving: ['changeset_app_author'], how: 'missing' },
  IX10: { collection: 'changeset_revisions', serving: ['changeset_revisions_changeset_revision'], how: 'not unique' },
  IX11: { collection: 'changeset_reviews', serving: ['changeset_reviews_changeset'], how: 'missing' },
  IX12: {
    collection: 'changeset_comments',
    serving: ['changeset_comments_changeset_created', 'changeset_comments_changeset_created_id'],
    how: 'missing',
  },
  IX13: {
    collection: 'release_batches',
    serving: ['release_app_state', 'release_app_state_created'],
    how: 'missing',
  },
  IX14: { collection: 'release_batches', serving: ['release_app_tag_unique'], how: 'not unique' },
  IX15: { collection: 'release_changesets', serving: ['release_changesets_release'], how: 'missing' },
  IX16: { collection: 'environments', serving: ['environments_app_name_unique'], how: 'not unique' },
  IX17: { collection: 'environments', serving: ['environments_app_position'], how: 'not unique' },
  IX18: {
    collection: 'deployments',
    serving: ['deployment_env_lock_lookup', 'deployment_env_state_finished'],
    how: 'missing',
  },
  IX19: { collection: 'deployments', serving: ['deployment_release'], how: 'missing' },
  IX20: {
    collection: 'temp_environments',
    serving: ['temp_env_app_state', 'temp_env_app_state_created'],
    how: 'missing',
  },
  IX21: { collection: 'temp_environments', serving: ['temp_env_expires'], how: 'missing' },
  IX22: { collection: 'jobs', serving: ['jobs_state_created_at'], how: 'missing' },
  IX23: { collection: 'jobs', serving: ['jobs_app_type_state', 'jobs_app_type_state_created'], how: 'missing' },
  IX24: { collection: 'audit_events', serving: ['audit_app_time'], how: 'missing' },
  IX25: { collection: 'audit_events', serving: ['audit_entity'], how: 'missing' },
  IX26: { collection: 'notification_preferences', serving: ['notification_pref_user_unique'], how: 'not unique' },
  IX27: { collection: 'invites', serving: ['invites_app_email_unique'], how: 'not unique' },
  IX28: { collection: 'invites', serving: ['invites_token_unique'], how: 'not unique' },
}

export const missingIndexes: readonly Defect[] = Object.entries(ROWS).map(([row, { collection, serving, how }]) => ({
  id: `missing-index-${row.toLowerCase()}`,
  family: 'missing-index',
  title: `${collection} ${how === 'missing' ? 'lack' : 'have, but not unique,'} the index that ${row} asks for`,
  check: row,
  reason: `no index of ${collection} serves`,
  // A list may have stood on it.
  mayRedden: how === 'missing' ? ['GL-P4'] : [],
  indexes: (all) => ({ ...all, [collection]: worsened(all, collection, serving, how) }),
}))

/** A collection without any index is not made at start: this one is as good as none. */
const USELESS: Index = { name: 'created', key: { created_at: 1 } }

function worsened(
  all: Indexes,
  collection: string,
  serving: readonly string[],
  how: 'missing' | 'not unique',
): Index[] {
  const indexes = all[collection] ?? []
  return how === 'missing'
    ? [...indexes.filter(({ name }) => !serving.includes(name)), USELESS]
    : indexes.map((index) => (serving.includes(index.name) ? { name: index.name, key: index.key } : index))
}
