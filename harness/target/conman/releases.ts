// Routes of releases and deployments.

import { at, type Call, filters, type ListCall, many, nothing, one } from './call.ts'
import type { Fields } from './fields.ts'
import { type Job, jobIn } from './jobs.ts'

const RELEASES = '/api/apps/{appId}/releases'
const RELEASE = `${RELEASES}/{releaseId}`

export interface Release {
  id: string
  tag: string
  state: string
  changesetIds: string[]
  publishedSha: string | null
  publishedAt: string | null
}

export interface Deployment {
  id: string
  environmentId: string
  releaseId: string
  state: string
  createdAt: string | null
  /** While it runs, and once it has ended; null before, and where the target does not tell. */
  startedAt: string | null
  finishedAt: string | null
}

/** Newest first. */
export const listReleases = (appId: string, filter: { state?: string } = {}): ListCall<Release> => ({
  what: 'listing releases',
  method: 'GET',
  ...at(RELEASES, { appId }),
  query: filters(filter),
  decode: many('releases', releaseOf),
  keeps: ({ state }) => state === (filter.state ?? state),
})

/** An empty draft: what goes in is set by `selectChangesets`, which every target has (HD79). */
export const createDraft = (appId: string): Call<Release> => ({
  what: 'creating a release',
  method: 'POST',
  ...at(RELEASES, { appId }),
  decode: one('a release', releaseIn),
  makes: [{ kind: 'release', name: null, app_id: appId, idOf: ({ id }) => id }],
  lookUp: async (all) =>
    (await all(listReleases(appId))).find(
      ({ state, changesetIds }) => state === 'draft_release' && changesetIds.length === 0,
    ),
})

export const readRelease = (appId: string, releaseId: string): Call<Release> => ({
  what: 'reading a release',
  method: 'GET',
  ...at(RELEASE, { appId, releaseId }),
  decode: one('a release', releaseIn),
})

/** The whole selection, in order. */
export const selectChangesets = (appId: string, releaseId: string, changesetIds: readonly string[]): Call<Release> => ({
  what: 'selecting the changesets of a release',
  method: 'POST',
  ...at(`${RELEASE}/changesets`, { appId, releaseId }),
  body: { changeset_ids: changesetIds },
  decode: one('a release', releaseIn),
})

/** The same changesets in another order, said both ways (HD80). */
export const reorderRelease = (appId: string, releaseId: string, changesetIds: readonly string[]): Call<Release> => ({
  what: 'putting a release into another order',
  method: 'POST',
  ...at(`${RELEASE}/reorder`, { appId, releaseId }),
  body: { changeset_ids: changesetIds, ordered_changeset_ids: changesetIds },
  decode: one('a release', releaseIn),
})

/** The job; null where the answer has none. */
export const assemble = (appId: string, releaseId: string): Call<Job | null> => ({
  what: 'assembling a release',
  method: 'POST',
  ...at(`${RELEASE}/assemble`, { appId, releaseId }),
  decode: (data) => (data === undefined ? null : one('a release', jobIn)(data)),
})

/** One call of the ladder (HD83): `Conman.publish` climbs it. */
export const publish = (appId: string, releaseId: string): Call<Release> => ({
  what: 'publishing a release',
  method: 'POST',
  ...at(`${RELEASE}/publish`, { appId, releaseId }),
  decode: one('a release', releaseIn),
})

/** Newest first. */
export const listDeployments = (appId: string): ListCall<Deployment> => ({
  what: 'listing deployments',
  method: 'GET',
  ...at('/api/apps/{appId}/deployments', { appId }),
  decode: many('deployments', deploymentOf),
})

export interface Placed {
  deployment: Deployment
  job: Job | null
}

export interface Placement {
  environmentId: string
  releaseId: string
  /** Needs two approvals, one of a reviewer and one of a config manager (http-api §2.12). */
  skipsStage?: boolean
  isConcurrent?: boolean
  /** User ids. */
  approvals?: readonly string[]
}

/** One call of the ladder (HD90): `Conman.deploy` climbs it. */
export const place = (action: 'deploy' | 'promote', appId: string, placement: Placement): Call<Placed> => ({
  what: action === 'deploy' ? 'deploying a release' : 'promoting a release',
  method: 'POST',
  ...at(`/api/apps/{appId}/environments/{envId}/${action}`, { appId, envId: placement.environmentId }),
  body: {
    release_id: placement.releaseId,
    is_skip_stage: placement.skipsStage ?? false,
    skip_stage: placement.skipsStage ?? false,
    is_concurrent_batch: placement.isConcurrent ?? false,
    approvals: placement.approvals ?? [],
  },
  ...placedBy(appId, placement),
})

export type RollbackMode = 'redeploy_prior_tag' | 'revert_and_release'

/** `releaseId`: the one to go back to, said both ways, with the approvals that real wants (HD97). */
export const rollBack = (appId: string, placement: Placement & { mode: RollbackMode }): Call<Placed> => ({
  what: 'rolling back',
  method: 'POST',
  ...at('/api/apps/{appId}/environments/{envId}/rollback', { appId, envId: placement.environmentId }),
  body: {
    mode: placement.mode,
    release_id: placement.releaseId,
    target_release_id: placement.releaseId,
    approvals: placement.approvals ?? [],
  },
  ...placedBy(appId, placement),
})

/** A changeset that takes over what the newest drift check found. In the specification only. */
export const createDriftFix = (appId: string, environmentId: string): Call<void> => ({
  what: 'beginning a changeset against drift',
  method: 'POST',
  ...at('/api/apps/{appId}/environments/{envId}/create-drift-fix-changeset', { appId, envId: environmentId }),
  decode: nothing,
})

function placedBy(appId: string, { environmentId }: Placement): Pick<Call<Placed>, 'decode' | 'makes' | 'lookUp'> {
  return {
    decode: one('a deployment', (row) => ({
      deployment: deploymentOf(row.objectOrNull('deployment') ?? row),
      job: jobIn(row),
    })),
    makes: [{ kind: 'deployment', name: null, app_id: appId, idOf: ({ deployment }) => deployment.id }],
    async lookUp(all) {
      const newest = (await all(listDeployments(appId))).find((one) => one.environmentId === environmentId)
      return newest && { deployment: newest, job: null }
    },
  }
}

/** The release itself, or one under its name (HD84). */
function releaseIn(row: Fields): Release {
  return releaseOf(row.objectOrNull('release') ?? row)
}

function releaseOf(row: Fields): Release {
  return {
    id: row.text('id'),
    tag: row.text('tag'),
    state: row.text('state'),
    changesetIds: row.texts('ordered_changeset_ids'),
    publishedSha: row.textOrNull('published_sha'),
    publishedAt: row.textOrNull('published_at'),
  }
}

function deploymentOf(row: Fields): Deployment {
  return {
    id: row.text('id'),
    environmentId: row.text('environment_id'),
    releaseId: row.text('release_id'),
    state: row.text('state'),
    createdAt: row.textOrNull('created_at'),
    startedAt: row.textOrNull('started_at'),
    finishedAt: row.textOrNull('finished_at', 'completed_at'),
  }
}
