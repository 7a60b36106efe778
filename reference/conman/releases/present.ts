/** A release as the API shows it. */
import type { ObjectId } from 'mongodb'
import { Type } from 'typebox'
import { DATES, Id, Moment, nullable, oneOf, Sha } from '../http/schemas.ts'
import { RELEASE_STATES, type ReleaseChangesetDocument, type ReleaseDocument } from '../mongo/documents.ts'

export const Release = Type.Object({
  id: Id,
  app_id: Id,
  tag: Type.String(),
  state: oneOf(RELEASE_STATES),
  ordered_changeset_ids: Type.Array(Id),
  compose_job_id: nullable(Id),
  published_sha: nullable(Sha),
  published_at: nullable(Moment),
  published_by: nullable(Id),
  ...DATES,
})

export const ReleaseWithChangesets = Type.Object({
  ...Release.properties,
  changesets: Type.Array(
    Type.Object({ changeset_id: Id, position: Type.Integer({ minimum: 0 }), merge_sha: nullable(Sha) }),
  ),
})

export function presentRelease(release: ReleaseDocument) {
  return {
    id: release._id,
    app_id: release.app_id,
    tag: release.tag,
    state: release.state,
    ordered_changeset_ids: release.ordered_changeset_ids,
    compose_job_id: release.compose_job_id,
    published_sha: release.published_sha,
    published_at: release.published_at,
    published_by: release.published_by,
    created_at: release.created_at,
    updated_at: release.updated_at,
  }
}

/** The selection in its order, each with the commit that took it in, once there is one. */
export function presentChangesets(
  ordered: readonly ObjectId[],
  rows: readonly Pick<ReleaseChangesetDocument, 'changeset_id' | 'merge_sha'>[],
) {
  const merges = new Map(rows.map(({ changeset_id, merge_sha }) => [changeset_id.toHexString(), merge_sha]))
  return ordered.map((id, position) => ({
    changeset_id: id,
    position,
    merge_sha: merges.get(id.toHexString()) ?? null,
  }))
}

/** Where the API has it: what mails point to. */
export function releasePath({ app_id, _id }: Pick<ReleaseDocument, '_id' | 'app_id'>): string {
  return `/api/apps/${app_id.toHexString()}/releases/${_id.toHexString()}`
}
