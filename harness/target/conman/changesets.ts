// Routes of changesets: writing them, their overrides, comments and differences, handing them in, reviewing, queueing.

import { at, type Call, filters, type ListCall, many, nothing, one } from './call.ts'
import type { EnvValue } from './environments.ts'
import { Fields, recordOf } from './fields.ts'
import { type Job, jobIn } from './jobs.ts'

const CHANGESETS = '/api/apps/{appId}/changesets'
const CHANGESET = `${CHANGESETS}/{changesetId}`

export interface Changeset {
  id: string
  title: string
  state: string
  workspaceId: string
  authorUserId: string
  /** How often it was handed in. */
  revision: number
  submittedHeadSha: string | null
  queuePosition: number | null
}

/** An environment variable that the changeset brings; `profileId` null: for every profile. */
export interface Override {
  key: string
  value: EnvValue
  profileId: string | null
}

export interface ReviewComment {
  id: string
  body: string
}

export const listChangesets = (appId: string, filter: { state?: string } = {}): ListCall<Changeset> => ({
  what: 'listing changesets',
  method: 'GET',
  ...at(CHANGESETS, { appId }),
  query: filters(filter),
  decode: many('changesets', changesetOf),
  keeps: ({ state }) => filter.state === undefined || filter.state.split(',').includes(state),
})

export const createChangeset = (appId: string, workspaceId: string, title: string): Call<Changeset> => ({
  what: `beginning the changeset ‘${title}’`,
  method: 'POST',
  ...at(CHANGESETS, { appId }),
  body: { workspace_id: workspaceId, title },
  decode: one('a changeset', changesetIn),
  makes: [{ kind: 'changeset', name: title, app_id: appId, idOf: ({ id }) => id }],
  lookUp: async (all) =>
    (await all(listChangesets(appId))).find((one) => one.workspaceId === workspaceId && one.title === title),
})

export const readChangeset = (appId: string, changesetId: string): Call<Changeset> => ({
  what: 'reading a changeset',
  method: 'GET',
  ...at(CHANGESET, { appId, changesetId }),
  decode: one('a changeset', changesetIn),
})

export const renameChangeset = (appId: string, changesetId: string, title: string): Call<Changeset> => ({
  what: 'changing the title of a changeset',
  method: 'PATCH',
  ...at(CHANGESET, { appId, changesetId }),
  body: { title },
  decode: one('a changeset', changesetIn),
})

/** Of a draft. In the specification only: other targets take overrides with `submit`. */
export const listOverrides = (appId: string, changesetId: string): ListCall<Override> => ({
  what: 'listing the overrides of a changeset',
  method: 'GET',
  ...at(`${CHANGESET}/profile-overrides`, { appId, changesetId }),
  decode: many('overrides', overrideOf),
})

export const setOverrides = (appId: string, changesetId: string, overrides: readonly Override[]): Call<Override[]> => ({
  what: 'setting the overrides of a changeset',
  method: 'PUT',
  ...at(`${CHANGESET}/profile-overrides`, { appId, changesetId }),
  body: { profile_overrides: overrides.map(overrideBody) },
  decode: many('overrides', overrideOf, 'profile_overrides'),
})

export interface Submitted {
  changeset: Changeset
  /** Null where the answer has none (HD65): it is then found by the list. */
  job: Job | null
}

/** Absent overrides keep what is there, an empty list clears them. */
export const submit = (
  appId: string,
  changesetId: string,
  { again = false, overrides }: { again?: boolean; overrides?: readonly Override[] } = {},
): Call<Submitted> => ({
  what: again ? 'handing a changeset in again' : 'handing a changeset in',
  method: 'POST',
  ...at(`${CHANGESET}/${again ? 'resubmit' : 'submit'}`, { appId, changesetId }),
  body: overrides === undefined ? {} : { profile_overrides: overrides.map(overrideBody) },
  decode: one('a changeset', (row) => ({ changeset: changesetIn(row), job: jobIn(row) })),
})

export type Review = 'approve' | 'request_changes' | 'reject'

const DECISIONS: Readonly<Record<Review, string>> = {
  approve: 'approved',
  request_changes: 'changes_requested',
  reject: 'rejected',
}

/** Says it both ways (HD63); reads both answers (HD64). */
export const review = (appId: string, changesetId: string, action: Review): Call<Changeset> => ({
  what: `reviewing a changeset: ${action}`,
  method: 'POST',
  ...at(`${CHANGESET}/review`, { appId, changesetId }),
  body: { action, decision: DECISIONS[action] },
  decode: one('a changeset', changesetIn),
})

export const enqueue = (appId: string, changesetId: string): Call<Changeset> => ({
  what: 'queueing a changeset',
  method: 'POST',
  ...at(`${CHANGESET}/queue`, { appId, changesetId }),
  decode: one('a changeset', changesetIn),
})

export const moveToDraft = (appId: string, changesetId: string): Call<Changeset> => ({
  what: 'taking a changeset back to draft',
  method: 'POST',
  ...at(`${CHANGESET}/move-to-draft`, { appId, changesetId }),
  decode: one('a changeset', changesetIn),
})

/** Paths of the files that differ. Both keys are sent (HD76). */
export const diffFiles = (appId: string, changesetId: string): Call<string[]> => ({
  what: 'reading which files a changeset changes',
  method: 'GET',
  ...at(`${CHANGESET}/diff`, { appId, changesetId }),
  query: { format: 'semantic', mode: 'semantic' },
  decode: (data) => many('changed files', (row) => row.text('path', 'file_path'), 'files')(data),
})

/** A unified diff. */
export const diffText = (appId: string, changesetId: string): Call<string> => ({
  what: 'reading the text of what a changeset changes',
  method: 'GET',
  ...at(`${CHANGESET}/diff`, { appId, changesetId }),
  query: { format: 'raw', mode: 'raw' },
  decode: (data) => (typeof data === 'string' ? data : one('a diff', (row) => row.text('content', 'diff'))(data)),
})

const COMMENTS = `${CHANGESET}/comments`

export const listComments = (appId: string, changesetId: string): ListCall<ReviewComment> => ({
  what: 'listing the comments on a changeset',
  method: 'GET',
  ...at(COMMENTS, { appId, changesetId }),
  decode: many('comments', commentOf),
})

export const comment = (appId: string, changesetId: string, body: string): Call<ReviewComment> => ({
  what: 'commenting on a changeset',
  method: 'POST',
  ...at(COMMENTS, { appId, changesetId }),
  body: { body },
  decode: one('a comment', commentOf),
  makes: [{ kind: 'comment', name: null, app_id: appId, idOf: ({ id }) => id }],
  lookUp: async (all) => (await all(listComments(appId, changesetId))).findLast((row) => row.body === body),
})

/** In the specification only, like the two routes of the queue. */
export const editComment = (
  appId: string,
  changesetId: string,
  commentId: string,
  body: string,
): Call<ReviewComment> => ({
  what: 'changing a comment',
  method: 'PATCH',
  ...at(`${COMMENTS}/{commentId}`, { appId, changesetId, commentId }),
  body: { body },
  decode: one('a comment', commentOf),
})

/** Both ask a service that a target may not have: 501 then. In the specification only. */
export const analyzeChangeset = (appId: string, changesetId: string): Call<void> => ({
  what: 'having a changeset assessed',
  method: 'POST',
  ...at(`${CHANGESET}/analyze`, { appId, changesetId }),
  body: { focus: [] },
  decode: nothing,
})

export const chatAbout = (appId: string, changesetId: string, message: string): Call<void> => ({
  what: 'asking about a changeset',
  method: 'POST',
  ...at(`${CHANGESET}/chat`, { appId, changesetId }),
  body: { message, file_paths: [] },
  decode: nothing,
})

/** Ids of the queued changesets, in their order. */
export const listQueue = (appId: string): ListCall<{ id: string; position: number | null }> => ({
  what: 'listing the queue',
  method: 'GET',
  ...at('/api/apps/{appId}/queue', { appId }),
  decode: many('queued changesets', (row) => ({
    id: row.text('changeset_id', 'id'),
    position: row.numberOrNull('queue_position'),
  })),
})

export const reorderQueue = (appId: string, changesetIds: readonly string[]): Call<void> => ({
  what: 'putting the queue into another order',
  method: 'POST',
  ...at('/api/apps/{appId}/queue/reorder', { appId }),
  body: { ordered_changeset_ids: changesetIds },
  decode: nothing,
})

/** The changeset itself, or one under its name. */
function changesetIn(row: Fields): Changeset {
  return changesetOf(row.objectOrNull('changeset') ?? row)
}

function changesetOf(row: Fields): Changeset {
  return {
    id: row.text('id'),
    title: row.text('title'),
    state: row.text('state'),
    workspaceId: row.text('workspace_id'),
    authorUserId: row.text('author_user_id'),
    revision: row.number('revision', 'current_revision'),
    submittedHeadSha: row.textOrNull('submitted_head_sha', 'head_sha'),
    queuePosition: row.numberOrNull('queue_position'),
  }
}

function overrideOf(row: Fields): Override {
  const value = recordOf(row.raw.value)
  return {
    key: row.text('key'),
    value: { type: new Fields(value, 'a value').text('type') as EnvValue['type'], value: value?.value },
    profileId: row.textOrNull('target_profile_id'),
  }
}

function overrideBody({ key, value, profileId }: Override): object {
  return { key, value, ...(profileId === null ? {} : { target_profile_id: profileId }) }
}

function commentOf(row: Fields): ReviewComment {
  return { id: row.text('id'), body: row.text('body') }
}
