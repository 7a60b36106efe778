/** A changeset as the API shows it. */
import { Type } from 'typebox'
import { DATES, Id, Moment, nullable, oneOf, Sha } from '../http/schemas.ts'
import { CHANGESET_STATES, type ChangesetDocument } from '../mongo/documents.ts'
import { RoleSchema } from '../roles.ts'

export const Changeset = Type.Object({
  id: Id,
  app_id: Id,
  workspace_id: Id,
  title: Type.String(),
  description: nullable(Type.String()),
  state: oneOf(CHANGESET_STATES),
  author_user_id: Id,
  base_sha: nullable(Sha),
  head_sha: Sha,
  submitted_head_sha: nullable(Sha),
  revision: Type.Integer({ minimum: 0 }),
  approvals: Type.Array(Type.Object({ user_id: Id, role: RoleSchema, approved_at: Moment })),
  approval_count: Type.Integer({ minimum: 0 }),
  required_approval_count: Type.Integer({ minimum: 1 }),
  queue_position: nullable(Type.Integer({ minimum: 0 })),
  queued_at: nullable(Moment),
  last_revalidation_status: nullable(oneOf(['valid', 'test_failed', 'conflicted'])),
  last_revalidation_files: Type.Array(Type.String()),
  last_revalidation_job_id: nullable(Id),
  ...DATES,
})

/** Rows that Conman itself wrote lack what only the specification has. */
export function presentChangeset(changeset: ChangesetDocument) {
  return {
    id: changeset._id,
    app_id: changeset.app_id,
    workspace_id: changeset.workspace_id,
    title: changeset.title,
    description: changeset.description,
    state: changeset.state,
    author_user_id: changeset.author_user_id,
    base_sha: changeset.base_sha ?? null,
    head_sha: changeset.head_sha,
    submitted_head_sha: changeset.submitted_head_sha,
    revision: changeset.revision,
    approvals: changeset.approvals,
    approval_count: changeset.approvals.length,
    required_approval_count: changeset.required_approval_count ?? 1,
    queue_position: changeset.queue_position,
    queued_at: changeset.queued_at,
    last_revalidation_status: changeset.last_revalidation_status ?? null,
    last_revalidation_files: changeset.last_revalidation_files ?? [],
    last_revalidation_job_id: changeset.last_revalidation_job_id ?? null,
    created_at: changeset.created_at,
    updated_at: changeset.updated_at,
  }
}

/** Where the API has it: what mails point to. */
export function changesetPath({ app_id, _id }: Pick<ChangesetDocument, '_id' | 'app_id'>): string {
  return `/api/apps/${app_id.toHexString()}/changesets/${_id.toHexString()}`
}
