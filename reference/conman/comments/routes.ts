/** The routes of comments on a changeset. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { appOf, callerOf } from '../auth/gate.ts'
import { ChangesetParams } from '../changesets/routes.ts'
import { PageQuery, pageOf } from '../http/pagination.ts'
import { dataOf, optional, pageOfRows } from '../http/schemas.ts'
import type { Services } from '../services.ts'
import { Comment } from './present.ts'

const URL = '/api/apps/:appId/changesets/:changesetId/comments'

const CommentParams = Type.Object({ ...ChangesetParams.properties, commentId: Type.String() })

const NewComment = Type.Object({
  body: Type.String(),
  file_path: optional(Type.String()),
  line_number: optional(Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 })),
  parent_comment_id: optional(Type.String()),
})

export const commentRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (server, { services }) => {
  server.get(
    URL,
    {
      config: { role: 'user', summary: 'List comments, oldest first.', answers: { 200: pageOfRows(Comment) } },
      schema: { params: ChangesetParams, querystring: PageQuery },
    },
    async (request) => {
      const caller = callerOf(request, services)
      return services.comments.list(caller, appOf(request), request.params.changesetId, pageOf(request.query))
    },
  )

  server.post(
    URL,
    {
      config: {
        role: 'user',
        summary: 'Comment on a changeset, on a file or a line of it, or reply to a comment.',
        answers: { 201: dataOf(Comment) },
      },
      schema: { params: ChangesetParams, body: NewComment },
    },
    async (request, reply) => {
      const { body, file_path, line_number, parent_comment_id } = request.body
      const input = {
        body,
        filePath: file_path ?? null,
        lineNumber: line_number ?? null,
        parentId: parent_comment_id ?? null,
      }
      const caller = callerOf(request, services)
      const comment = await services.comments.create(caller, appOf(request), request.params.changesetId, input)
      reply.code(201)
      return { data: comment }
    },
  )

  server.patch(
    `${URL}/:commentId`,
    {
      config: {
        role: 'user',
        summary: 'Change the text of an own comment, or say of any whether it is resolved.',
        answers: { 200: dataOf(Comment) },
      },
      schema: {
        params: CommentParams,
        body: Type.Object({ body: optional(Type.String()), resolved: optional(Type.Boolean()) }),
      },
    },
    async (request) => {
      const { body, resolved } = request.body
      const changes = { body: body ?? undefined, resolved: resolved ?? undefined }
      const caller = callerOf(request, services)
      const { changesetId, commentId } = request.params
      return { data: await services.comments.update(caller, appOf(request), changesetId, commentId, changes) }
    },
  )
}
