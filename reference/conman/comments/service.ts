/**
 * Comments on changesets: stored as they were written, changed only by who wrote them, and never without keeping what they
 * said before.
 */
import { createHash } from 'node:crypto'
import { type ClientSession, ObjectId } from 'mongodb'
import { filesOf } from '../changesets/content.ts'
import type { Caller } from '../http/context.ts'
import { conflict, forbidden, notFound, validation } from '../http/errors.ts'
import { objectId } from '../http/identifiers.ts'
import { type Page, type Paginated, paginated } from '../http/pagination.ts'
import { createKeyedLock } from '../keyed-lock.ts'
import { CHANGED, unchanged } from '../mongo/concurrency.ts'
import type { AppDocument, ChangesetCommentDocument, ChangesetDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import { presentComment } from './present.ts'

export interface NewComment {
  body: string
  filePath: string | null
  lineNumber: number | null
  parentId: string | null
}

/** Undefined leaves it. */
export interface CommentChanges {
  body: string | undefined
  resolved: boolean | undefined
}

export interface CommentService {
  list(caller: Caller, app: AppDocument, changesetId: string, page: Page): Promise<Paginated<unknown>>
  create(caller: Caller, app: AppDocument, changesetId: string, input: NewComment): Promise<unknown>
  update(
    caller: Caller,
    app: AppDocument,
    changesetId: string,
    commentId: string,
    changes: CommentChanges,
  ): Promise<unknown>
}

/** In characters as people count them: an emoji is one. */
const MAX_BODY_LENGTH = 10_000
/** A list shows the history of each comment, so that has an end. */
const MAX_EDITS = 100

export function createCommentService(services: Services): CommentService {
  const { data, lists, causality } = services.store
  // Within a process edits of one comment wait here instead of failing one another's transactions.
  const turns = createKeyedLock<{ before: ChangesetCommentDocument; after: ChangesetCommentDocument }>()

  async function find(changeset: ChangesetDocument, id: ObjectId): Promise<ChangesetCommentDocument> {
    const comment = await data.changeset_comments.findOne({ _id: id })
    if (comment === null || !comment.changeset_id.equals(changeset._id)) throw notFound('comment', id.toHexString())
    return comment
  }

  async function requireInDiff(caller: Caller, app: AppDocument, changeset: ChangesetDocument, path: string) {
    const files = await filesOf(services, caller, app, changeset)
    if (!files.some((file) => file.path === path || file.old_path === path)) {
      throw validation("file_path is not a file of the changeset's diff")
    }
  }

  /** Stores the change together with what it replaces. The comment is read where it is written, so nothing is lost. */
  async function change(
    caller: Caller,
    _id: ObjectId,
    { body, resolved }: CommentChanges,
  ): Promise<{ before: ChangesetCommentDocument; after: ChangesetCommentDocument }> {
    return causality.transaction(caller.user.id.toHexString(), async (session) => {
      const before = await data.changeset_comments.findOne({ _id }, { session })
      if (before === null) throw notFound('comment', _id.toHexString())
      const newBody = body !== undefined && body !== before.body
      if (!newBody && (resolved ?? before.resolved) === before.resolved) return { before, after: before }
      // Later than the last change by any clock, so that the history has one order.
      const now = new Date(Math.max(Date.now(), before.updated_at.getTime() + 1))
      if (newBody) {
        const revision = { _id: new ObjectId(), comment_id: _id, body: before.body, edited_at: now }
        const kept = await data.changeset_comment_revisions.countDocuments({ comment_id: _id }, { session })
        if (kept >= MAX_EDITS) throw conflict(`a comment can be edited ${MAX_EDITS} times`)
        await data.changeset_comment_revisions.insertOne(revision, { session })
      }
      const set = { ...(newBody && { body }), ...(resolved !== undefined && { resolved }), updated_at: now }
      const after = await data.changeset_comments.findOneAndUpdate(
        unchanged(before),
        { $set: set, $inc: CHANGED },
        { session, returnDocument: 'after' },
      )
      if (after === null) throw conflict('the comment has just been changed by somebody else')
      return { before, after }
    })
  }

  /** What they said before; in the session in which they were read, so that no text is newer than its history. */
  async function presented(comments: readonly ChangesetCommentDocument[], session: ClientSession): Promise<unknown[]> {
    const found = await lists.changeset_comment_revisions
      .find({ comment_id: { $in: comments.map(({ _id }) => _id) } }, { session })
      .sort({ comment_id: 1, edited_at: 1 })
      .toArray()
    const byComment = Map.groupBy(found, ({ comment_id }) => comment_id.toHexString())
    return comments.map((comment) => {
      const revisions = byComment.get(comment._id.toHexString()) ?? []
      // An edit that was made since the comment was read belongs to a later text.
      const upToHere = revisions.filter(({ edited_at }) => edited_at <= comment.updated_at)
      return presentComment(comment, upToHere)
    })
  }

  async function audit(
    caller: Caller,
    action: 'created' | 'edited',
    before: ChangesetCommentDocument | null,
    after: ChangesetCommentDocument,
  ): Promise<void> {
    await services.audit.record(caller, {
      appId: after.app_id,
      actor: caller.user,
      entityType: 'comment',
      entityId: after._id.toHexString(),
      action,
      before: before && brief(before),
      after: { changeset_id: after.changeset_id, ...brief(after) },
    })
  }

  return {
    async list(caller, app, changesetId, page) {
      const changeset = await services.changesets.seen(caller, app, changesetId)
      const query = { changeset_id: changeset._id }
      return causality.read(caller.user.id.toHexString(), async (session) => {
        const total = await lists.changeset_comments.countDocuments(query, { session })
        const found = await lists.changeset_comments
          .find(query, { session })
          .sort({ created_at: 1, _id: 1 })
          .skip(page.skip)
          .limit(page.limit)
          .toArray()
        return paginated(page, total, await presented(found, session))
      })
    },

    async create(caller, app, changesetId, { body, filePath, lineNumber, parentId }) {
      const changeset = await services.changesets.current(app, changesetId)
      requireBody(body)
      if (lineNumber !== null && filePath === null) throw validation('line_number needs a file_path')
      const parent = parentId === null ? null : await find(changeset, objectId(parentId, 'parent_comment_id'))
      if (filePath !== null) await requireInDiff(caller, app, changeset, filePath)
      const now = new Date()
      const comment: ChangesetCommentDocument = {
        _id: new ObjectId(),
        app_id: app._id,
        changeset_id: changeset._id,
        author_user_id: caller.user.id,
        body,
        file_path: filePath,
        line_number: lineNumber,
        parent_comment_id: parent?._id ?? null,
        resolved: false,
        created_at: now,
        updated_at: now,
      }
      await causality.write(caller.user.id.toHexString(), (session) =>
        data.changeset_comments.insertOne(comment, { session }),
      )
      await audit(caller, 'created', null, comment)
      return presentComment(comment, [])
    },

    async update(caller, app, changesetId, commentId, changes) {
      const changeset = await services.changesets.current(app, changesetId)
      const comment = await find(changeset, objectId(commentId, 'comment id'))
      if (changes.body !== undefined) {
        if (!comment.author_user_id.equals(caller.user.id)) throw forbidden('only its author may change a comment')
        requireBody(changes.body)
      }
      const { before, after } = await turns.run(comment._id.toHexString(), () => change(caller, comment._id, changes))
      if (after !== before) await audit(caller, 'edited', before, after)
      return causality.read(caller.user.id.toHexString(), async (session) => {
        const [row] = await presented([after], session)
        return row
      })
    },
  }
}

function requireBody(body: string): void {
  if (body.trim() === '') throw validation('body must not be blank')
  // Text with half of a character pair cannot be stored as it is.
  if (!body.isWellFormed()) throw validation('body must be well-formed text')
  // Two code units make at most one character, so that an endless text is not counted.
  if (body.length > 2 * MAX_BODY_LENGTH || [...body].length > MAX_BODY_LENGTH) {
    throw validation(`body must be at most ${MAX_BODY_LENGTH} characters long`)
  }
}

/** What the audit log has of a comment: never the text. */
function brief({ body, resolved }: ChangesetCommentDocument) {
  return {
    resolved: resolved ?? false,
    body_length: [...body].length,
    body_sha256: createHash('sha256').update(body).digest('hex'),
  }
}
