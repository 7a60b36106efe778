/** A comment as the API shows it, with what it said before each edit. */
import { Type } from 'typebox'
import { DATES, Id, Moment, nullable } from '../http/schemas.ts'
import type { ChangesetCommentDocument, ChangesetCommentRevisionDocument } from '../mongo/documents.ts'

export const Comment = Type.Object({
  id: Id,
  app_id: Id,
  changeset_id: Id,
  author_user_id: Id,
  body: Type.String(),
  file_path: nullable(Type.String()),
  line_number: nullable(Type.Integer({ minimum: 1 })),
  parent_comment_id: nullable(Id),
  resolved: Type.Boolean(),
  /** Oldest first. */
  edits: Type.Array(Type.Object({ previous_body: Type.String(), edited_at: Moment })),
  ...DATES,
})

/** Rows that Conman itself wrote have their edits in them, and lack what only the specification has. */
export function presentComment(
  comment: ChangesetCommentDocument,
  revisions: readonly ChangesetCommentRevisionDocument[],
) {
  const later = revisions.map(({ body, edited_at }) => ({ previous_body: body, edited_at: edited_at.toISOString() }))
  return {
    id: comment._id,
    app_id: comment.app_id,
    changeset_id: comment.changeset_id,
    author_user_id: comment.author_user_id,
    body: comment.body,
    file_path: comment.file_path ?? null,
    line_number: comment.line_number ?? null,
    parent_comment_id: comment.parent_comment_id ?? null,
    resolved: comment.resolved ?? false,
    edits: [...(comment.edits ?? []), ...later],
    created_at: comment.created_at,
    updated_at: comment.updated_at,
  }
}
