// The specified lists' queries (data-and-runtime §1.6, and the filters that the API has), for a target whose commands
// cannot be watched. Values come from a document that is there: a query that finds nothing is planned all the same.

import type { Document } from 'mongodb'

interface Specified {
  askedBy: string
  collection: string
  /** Fields whose values are taken from a document. */
  like: readonly string[]
  also?: Document
  sort: Document
}

const newest = { created_at: -1 }

export const SPECIFIED_QUERIES: readonly Specified[] = [
  { askedBy: 'list of members', collection: 'app_memberships', like: ['app_id'], sort: {} },
  { askedBy: 'list of environments', collection: 'environments', like: ['app_id'], sort: { position: 1 } },
  { askedBy: 'list of profiles', collection: 'runtime_profiles', like: ['app_id'], sort: { updated_at: -1 } },
  {
    askedBy: 'list of workspaces',
    collection: 'workspaces',
    like: ['app_id', 'owner_user_id'],
    sort: { is_default: -1, updated_at: -1 },
  },
  { askedBy: 'list of changesets', collection: 'changesets', like: ['app_id'], sort: { updated_at: -1 } },
  {
    askedBy: 'list of changesets by state',
    collection: 'changesets',
    like: ['app_id', 'state'],
    sort: { updated_at: -1 },
  },
  {
    askedBy: 'queue',
    collection: 'changesets',
    like: ['app_id'],
    also: { state: 'queued' },
    sort: { queue_position: 1, queued_at: 1 },
  },
  {
    askedBy: 'open changeset of a workspace',
    collection: 'changesets',
    like: ['workspace_id'],
    also: { state: { $nin: ['released', 'rejected'] } },
    sort: {},
  },
  { askedBy: 'list of comments', collection: 'changeset_comments', like: ['changeset_id'], sort: { created_at: 1 } },
  { askedBy: 'list of releases', collection: 'release_batches', like: ['app_id'], sort: newest },
  { askedBy: 'list of deployments', collection: 'deployments', like: ['app_id'], sort: newest },
  {
    askedBy: 'lock of an environment',
    collection: 'deployments',
    like: ['app_id', 'environment_id'],
    also: { state: { $in: ['pending', 'running'] } },
    sort: {},
  },
  { askedBy: 'list of temporary environments', collection: 'temp_environments', like: ['app_id'], sort: newest },
  { askedBy: 'list of jobs', collection: 'jobs', like: ['app_id'], sort: newest },
  {
    askedBy: 'list of jobs by type and state',
    collection: 'jobs',
    like: ['app_id', 'job_type', 'state'],
    sort: newest,
  },
  { askedBy: 'oldest waiting job', collection: 'jobs', like: [], also: { state: 'queued' }, sort: { created_at: 1 } },
  {
    askedBy: 'gate of a thing',
    collection: 'jobs',
    like: ['app_id', 'entity_type', 'entity_id', 'job_type'],
    sort: newest,
  },
  { askedBy: 'audit log', collection: 'audit_events', like: ['app_id'], sort: { occurred_at: -1 } },
  {
    askedBy: 'audit log of a thing',
    collection: 'audit_events',
    like: ['app_id', 'entity_type', 'entity_id'],
    sort: { occurred_at: -1 },
  },
]

/** Null where the document lacks a field: the target stores it otherwise, and the query would not be its own. */
export function specifiedQuery({ collection, like, also, sort }: Specified, document: Document): Document | null {
  if (like.some((field) => document[field] === undefined)) return null
  const filter = { ...Object.fromEntries(like.map((field) => [field, document[field]])), ...also }
  return { find: collection, filter, sort, limit: 20 }
}
