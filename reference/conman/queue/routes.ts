/** The routes of an app's queue. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { appOf, callerOf } from '../auth/gate.ts'
import { AppParams } from '../http/identifiers.ts'
import { PageQuery, pageOf } from '../http/pagination.ts'
import { dataOf, Id, Moment, nullable, pageOfRows, Sha } from '../http/schemas.ts'
import type { Services } from '../services.ts'

const QueueRow = Type.Object({
  changeset_id: Id,
  title: Type.String(),
  author_user_id: Id,
  author_email: nullable(Type.String()),
  workspace_branch: nullable(Type.String()),
  head_sha: Sha,
  queue_position: nullable(Type.Integer({ minimum: 0 })),
  queued_at: nullable(Moment),
  last_revalidation_status: nullable(Type.String()),
  last_revalidation_job_id: nullable(Id),
})

export const queueRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (server, { services }) => {
  server.get(
    '/api/apps/:appId/queue',
    {
      config: {
        role: 'user',
        summary: 'List the queued changesets in their order.',
        answers: { 200: pageOfRows(QueueRow) },
      },
      schema: { params: AppParams, querystring: PageQuery },
    },
    async (request) => services.queue.list(callerOf(request, services), appOf(request), pageOf(request.query)),
  )

  server.post(
    '/api/apps/:appId/queue/reorder',
    {
      config: {
        role: 'config_manager',
        summary: 'Put the queue into another order.',
        answers: { 200: dataOf(Type.Object({ reordered_count: Type.Integer({ minimum: 0 }) })) },
      },
      schema: {
        params: AppParams,
        body: Type.Object({ ordered_changeset_ids: Type.Array(Type.String(), { maxItems: 100_000 }) }),
      },
    },
    async (request) => {
      const order = request.body.ordered_changeset_ids
      const caller = callerOf(request, services)
      return { data: { reordered_count: await services.queue.reorder(caller, appOf(request), order) } }
    },
  )
}
