// Ids of one app in bodies that go to another, and lists of one app that must show nothing of another. Each request is a good one
// but for one id.

import { listApps, listAudit, listMembers } from '../../harness/target/conman/apps.ts'
import type { Call } from '../../harness/target/conman/call.ts'
import {
  comment,
  createChangeset,
  listChangesets,
  listComments,
  listOverrides,
  listQueue,
  reorderQueue,
  setOverrides,
} from '../../harness/target/conman/changesets.ts'
import {
  createProfile,
  listEnvironments,
  listProfiles,
  setEnvironments,
} from '../../harness/target/conman/environments.ts'
import { listJobs } from '../../harness/target/conman/jobs.ts'
import {
  createDraft,
  listDeployments,
  listReleases,
  place,
  rollBack,
  selectChangesets,
} from '../../harness/target/conman/releases.ts'
import { createTemporary, listTemporary } from '../../harness/target/conman/temporary-environments.ts'
import type { ActorName } from '../lib/cast.ts'
import type { Ids } from './rows.ts'
import type { Elsewhere, Stage } from './stage.ts'

export interface Scene {
  /** Of the first app. */
  ids: Ids
  boths: Ids
  /** Of the other app. */
  own: Elsewhere
  stage: Stage
}

export interface Body {
  name: string
  /** The row after which everything that it names is there. */
  after: string
  who: ActorName
  /** The foreign id. */
  foreign(scene: Scene): string
  /** The request with an id in its place. */
  request(scene: Scene, id: string): Call<unknown>
  /** The id of one's own that makes it a good request; undefined: there is none. */
  good?(scene: Scene): string
  /** Gates: the control comes first, and the request after it meets them open. */
  gated?: true
  /** Lists in which the foreign id would stand if it had been taken. */
  kept(scene: Scene): Call<unknown>[]
}

const QUEUED = 'POST /api/apps/{appId}/queue/reorder'
const PUBLISHED = 'POST /api/apps/{appId}/releases/{releaseId}/publish'
const DEPLOYED = 'POST /api/apps/{appId}/environments/{envId}/deploy'

export const BODIES: readonly Body[] = [
  {
    name: 'a changeset on a workspace of another app',
    after: QUEUED,
    who: 'both',
    foreign: ({ boths }) => boths.workspaceId,
    request: ({ own, stage }, id) => createChangeset(own.appId, id, stage.nameElsewhere('crossing')),
    good: ({ own }) => own.freeWorkspaceId,
    kept: ({ own }) => [listChangesets(own.appId)],
  },
  {
    name: 'a release that is begun with a changeset of another app',
    after: QUEUED,
    who: 'other_admin',
    foreign: ({ ids }) => ids.changesetId,
    request: ({ own }, id) => ({ ...createDraft(own.appId), body: { changeset_ids: id === '' ? [] : [id] } }),
    good: () => '',
    kept: ({ own }) => [listReleases(own.appId)],
  },
  {
    name: 'a release into which a changeset of another app is put',
    after: QUEUED,
    who: 'other_admin',
    foreign: ({ ids }) => ids.changesetId,
    request: ({ own }, id) => selectChangesets(own.appId, own.releaseId, id === '' ? [] : [id]),
    good: () => '',
    kept: ({ own }) => [listReleases(own.appId)],
  },
  {
    name: 'a queue that is ordered with a changeset of another app',
    after: QUEUED,
    who: 'other_admin',
    foreign: ({ ids }) => ids.changesetId,
    request: ({ own }, id) => reorderQueue(own.appId, id === '' ? [] : [id]),
    good: () => '',
    kept: ({ own }) => [listQueue(own.appId)],
  },
  {
    name: 'an override for a profile of another app',
    after: QUEUED,
    who: 'both',
    foreign: ({ ids }) => ids.profileId,
    request: ({ own }, profileId) =>
      setOverrides(own.appId, own.changesetId, [
        { key: 'CROSSING', value: { type: 'boolean', value: true }, profileId },
      ]),
    good: ({ own }) => own.profileId,
    kept: ({ own }) => [listOverrides(own.appId, own.changesetId)],
  },
  {
    name: 'an answer to a comment of another app',
    after: QUEUED,
    who: 'both',
    foreign: ({ ids }) => ids.commentId,
    request: ({ own }, id) => ({
      ...comment(own.appId, own.changesetId, 'an answer'),
      body: { body: 'an answer', parent_comment_id: id },
    }),
    good: ({ own }) => own.commentId,
    kept: ({ own }) => [listComments(own.appId, own.changesetId)],
  },
  {
    name: 'a profile on the base of one of another app',
    after: QUEUED,
    who: 'other_admin',
    foreign: ({ ids }) => ids.profileId,
    request({ own, stage }, id) {
      const made = createProfile(own.appId, { name: stage.nameElsewhere(`based-on-${id.slice(-6)}`) })
      return { ...made, body: { ...(made.body as object), base_profile_id: id } }
    },
    good: ({ own }) => own.profileId,
    kept: ({ own }) => [listProfiles(own.appId)],
  },
  {
    name: 'an environment with a profile of another app',
    after: QUEUED,
    who: 'other_admin',
    foreign: ({ ids }) => ids.profileId,
    request: ({ own }, profileId) =>
      setEnvironments(
        own.appId,
        own.environments.map((one, index) => (index === 0 ? { ...one, profileId } : one)),
      ),
    good: ({ own }) => own.profileId,
    kept: ({ own }) => [listEnvironments(own.appId)],
  },
  {
    name: 'a temporary environment of a workspace of another app',
    after: QUEUED,
    who: 'both',
    foreign: ({ boths }) => boths.workspaceId,
    request: ({ own }, id) => createTemporary(own.appId, { kind: 'workspace', id }),
    good: ({ own }) => own.workspaceId,
    kept: ({ own }) => [listTemporary(own.appId), listJobs(own.appId)],
  },
  {
    name: 'a temporary environment of a changeset of another app',
    after: QUEUED,
    who: 'both',
    foreign: ({ boths }) => boths.changesetId,
    request: ({ own }, id) => createTemporary(own.appId, { kind: 'changeset', id }),
    good: ({ own }) => own.changesetId,
    kept: ({ own }) => [listTemporary(own.appId), listJobs(own.appId)],
  },
  ...(['deploy', 'promote', 'rollback'] as const).map(
    (action): Body => ({
      name: `${action} of a release of another app`,
      after: PUBLISHED,
      who: 'other_admin',
      foreign: ({ ids }) => ids.releaseId,
      request({ own: { appId, environmentId }, stage: { approvers: approvals } }, releaseId) {
        const placement = { environmentId, releaseId, approvals }
        return action === 'rollback'
          ? rollBack(appId, { ...placement, mode: 'redeploy_prior_tag' })
          : place(action, appId, { environmentId, releaseId })
      },
      kept: ({ own }) => [listDeployments(own.appId), listJobs(own.appId)],
    }),
  ),
  {
    name: 'a stage that is skipped with the approval of another app’s admin',
    after: DEPLOYED,
    who: 'config_manager',
    foreign: ({ stage }) => stage.cast.actors.get('other_admin')?.userId ?? '',
    request: ({ ids, stage: { approvers } }, approver) =>
      place('deploy', ids.appId, {
        environmentId: ids.nextEnvironmentId,
        releaseId: ids.releaseId,
        skipsStage: true,
        approvals: [approvers[1] ?? '', approver],
      }),
    good: ({ stage }) => stage.approvers[0] ?? '',
    gated: true,
    kept: ({ ids }) => [listDeployments(ids.appId)],
  },
]

export interface List {
  name: string
  after: string
  request(appId: string, scene: Scene): Call<unknown>
}

const TEMPORARY = 'POST /api/apps/{appId}/temp-envs'

const list = (name: string, after: string, request: List['request']): List => ({ name, after, request })

/** Asked of the other app by its admin, and of the app itself by its own. */
export const LISTS: readonly List[] = [
  list('apps', QUEUED, () => listApps()),
  list('members', QUEUED, (appId) => listMembers(appId)),
  list('environments', QUEUED, (appId) => listEnvironments(appId)),
  list('runtime profiles', QUEUED, (appId) => listProfiles(appId)),
  list('changesets', QUEUED, (appId) => listChangesets(appId)),
  list('changesets, asked for with the app’s id', QUEUED, (appId, { ids }) => ({
    ...listChangesets(appId),
    query: { app_id: ids.appId, appId: ids.appId },
  })),
  list('the queue', QUEUED, (appId) => listQueue(appId)),
  list('jobs', QUEUED, (appId) => listJobs(appId)),
  list('releases', TEMPORARY, (appId) => listReleases(appId)),
  list('deployments', TEMPORARY, (appId) => listDeployments(appId)),
  list('temporary environments', TEMPORARY, (appId) => listTemporary(appId)),
  list('the audit log', TEMPORARY, (appId) => listAudit(appId)),
  list('the audit log of a thing of the app', TEMPORARY, (appId, { ids }) =>
    listAudit(appId, { entity_id: ids.changesetId }),
  ),
]
