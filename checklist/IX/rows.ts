// E12 §4.1's table of indexes, once: the checks, their titles and the known defects' targets are made from it.

export interface IndexRow {
  id: string
  collection: string
  /** Compared for equality: their order among themselves does not matter. */
  keys: readonly string[]
  /** What the rows are then sorted by; one field can be walked in both directions. */
  sort?: string
  unique: boolean
  purpose: string
  /** Partial unique indexes that an epic asks for in its place: the filter must name this field. */
  partialWhere?: string
}

/** Names that a target may have for a field of the table (data-and-runtime §1.5). */
export const OTHER_NAMES: Readonly<Record<string, readonly string[]>> = {
  type: ['job_type'],
  revision_number: ['revision'],
  owner_user_id: ['owner_id'],
  author_user_id: ['author_id'],
  release_id: ['release_batch_id'],
}

const row = (
  number: number,
  collection: string,
  keys: readonly string[],
  unique: boolean,
  purpose: string,
  more: Pick<IndexRow, 'sort' | 'partialWhere'> = {},
): IndexRow => ({ id: `IX${number}`, collection, keys, unique, purpose, ...more })

export const INDEX_ROWS: readonly IndexRow[] = [
  row(1, 'apps', ['name'], true, 'find an app by its name'),
  row(2, 'apps', ['repo_path'], true, 'find an app by its repository'),
  row(3, 'app_memberships', ['user_id', 'app_id'], true, 'look up a membership'),
  row(4, 'app_memberships', ['app_id'], false, 'the members of an app'),
  row(5, 'workspaces', ['app_id', 'owner_user_id'], false, 'the workspaces of a user'),
  row(6, 'workspaces', ['app_id', 'branch_name'], true, 'one workspace for a branch of an app'),
  row(7, 'changesets', ['app_id', 'state'], false, 'the queue, and changesets by state'),
  row(8, 'changesets', ['workspace_id', 'state'], false, 'the open changeset of a workspace'),
  row(9, 'changesets', ['app_id', 'author_user_id'], false, 'the changesets of a user'),
  row(10, 'changeset_revisions', ['changeset_id', 'revision_number'], true, 'look up a revision'),
  row(11, 'changeset_reviews', ['changeset_id'], false, 'the reviews of a changeset'),
  row(12, 'changeset_comments', ['changeset_id'], false, 'page through comments', { sort: 'created_at' }),
  row(13, 'release_batches', ['app_id', 'state'], false, 'releases by state'),
  row(14, 'release_batches', ['app_id', 'tag'], true, 'find a release by its tag'),
  row(15, 'release_changesets', ['release_id'], false, 'the changesets of a release'),
  row(16, 'environments', ['app_id', 'name'], true, 'one environment of a name'),
  row(17, 'environments', ['app_id', 'position'], true, 'one environment at a position'),
  row(18, 'deployments', ['app_id', 'environment_id', 'state'], false, 'the lock of an environment'),
  row(19, 'deployments', ['release_id'], false, 'the deployments of a release'),
  row(20, 'temp_environments', ['app_id', 'state'], false, 'the active temporary environments of an app'),
  row(21, 'temp_environments', ['expires_at'], false, 'find what has expired'),
  row(22, 'jobs', ['state'], false, 'the oldest job that waits', { sort: 'created_at' }),
  row(23, 'jobs', ['app_id', 'type', 'state'], false, 'the jobs of an app by type'),
  row(24, 'audit_events', ['app_id'], false, 'the audit log by time', { sort: 'occurred_at' }),
  row(25, 'audit_events', ['entity_type', 'entity_id'], false, 'the audit log of one thing'),
  row(26, 'notification_preferences', ['user_id'], true, 'look up preferences'),
  // E02: one open invite an address, which a partial index over those that nobody has accepted ensures.
  row(27, 'invites', ['app_id', 'email'], true, 'one invite an address', { partialWhere: 'accepted_at' }),
  row(28, 'invites', ['token'], true, 'accept an invite'),
]

export function described({ keys, sort, unique }: IndexRow): string {
  const fields = sort === undefined ? keys : [...keys, sort]
  return `{${fields.map((field) => `${field}: 1`).join(', ')}}${unique ? ', unique' : ''}`
}
