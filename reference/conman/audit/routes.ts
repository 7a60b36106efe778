/** Reading the audit log of an app. Rows can be neither changed nor removed. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { appOf, callerOf } from '../auth/gate.ts'
import { validation } from '../http/errors.ts'
import { AppParams, objectId } from '../http/identifiers.ts'
import { PageQuery, pageOf } from '../http/pagination.ts'
import { Id, Moment, nullable, pageOfRows } from '../http/schemas.ts'
import type { Services } from '../services.ts'

const FILTERS = ['entity_type', 'entity_id', 'action', 'actor_user_id']

const AuditQuery = Type.Object({
  ...PageQuery.properties,
  entity_type: Type.Optional(Type.String()),
  entity_id: Type.Optional(Type.String()),
  action: Type.Optional(Type.String()),
  actor_user_id: Type.Optional(Type.String()),
})

const AuditRow = Type.Object({
  id: Id,
  occurred_at: Moment,
  actor_user_id: nullable(Id),
  app_id: Id,
  entity_type: Type.String(),
  entity_id: Type.String(),
  action: Type.String(),
  before: Type.Unknown(),
  after: Type.Unknown(),
  git_sha: nullable(Type.String()),
  context: Type.Object({
    request_id: Type.String(),
    ip: nullable(Type.String()),
    user_agent: nullable(Type.String()),
  }),
})

export const auditRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (server, { services }) => {
  server.get(
    '/api/apps/:appId/audit',
    {
      config: {
        role: 'app_admin',
        summary: 'List audit events, newest first.',
        answers: { 200: pageOfRows(AuditRow) },
      },
      schema: { params: AppParams, querystring: AuditQuery },
    },
    async (request) => {
      const { entity_type, entity_id, action, actor_user_id } = request.query
      const bracketed = Object.keys(request.query).find((key) => FILTERS.some((name) => key.startsWith(`${name}[`)))
      if (bracketed !== undefined) throw validation('filters are plain values, without brackets')
      const filter = {
        ...(entity_type !== undefined && { entity_type }),
        ...(entity_id !== undefined && { entity_id }),
        ...(action !== undefined && { action }),
        ...(actor_user_id !== undefined && { actor_user_id: objectId(actor_user_id, 'actor_user_id') }),
      }
      const { user } = callerOf(request, services)
      return services.audit.list(user, appOf(request)._id, filter, pageOf(request.query))
    },
  )
}
