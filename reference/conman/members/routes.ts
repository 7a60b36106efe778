/** The routes of an app's members. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { appOf, callerOf } from '../auth/gate.ts'
import { AppParams, objectId } from '../http/identifiers.ts'
import { dataOf, Id, Moment, nullable } from '../http/schemas.ts'
import { RoleSchema } from '../roles.ts'
import type { Services } from '../services.ts'

const Member = Type.Object({
  user_id: Id,
  app_id: Id,
  role: RoleSchema,
  created_at: Moment,
  email: nullable(Type.String()),
  name: nullable(Type.String()),
})

export const memberRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (server, { services }) => {
  server.get(
    '/api/apps/:appId/members',
    {
      config: { role: 'user', summary: 'List the members.', answers: { 200: dataOf(Type.Array(Member)) } },
      schema: { params: AppParams },
    },
    async (request) => ({ data: await services.members.list(callerOf(request, services), appOf(request)) }),
  )

  server.post(
    '/api/apps/:appId/members',
    {
      config: {
        role: 'app_admin',
        summary: 'Give a user a role.',
        answers: { 200: dataOf(Member), 201: dataOf(Member) },
      },
      schema: { params: AppParams, body: Type.Object({ user_id: Type.String(), role: RoleSchema }) },
    },
    async (request, reply) => {
      const userId = objectId(request.body.user_id, 'user_id')
      const caller = callerOf(request, services)
      const { member, created } = await services.members.assign(caller, appOf(request), userId, request.body.role)
      if (created) reply.code(201)
      return { data: member }
    },
  )

  server.patch(
    '/api/apps/:appId/members/:userId',
    {
      config: {
        role: 'app_admin',
        summary: "Change a member's role; `self` is the caller.",
        answers: { 200: dataOf(Member) },
      },
      schema: {
        params: Type.Object({ appId: Type.String(), userId: Type.String() }),
        body: Type.Object({ role: RoleSchema }),
      },
    },
    async (request) => {
      const caller = callerOf(request, services)
      const { userId } = request.params
      const subject = userId === 'self' ? caller.user.id : objectId(userId, 'user id')
      return { data: await services.members.changeRole(caller, appOf(request), subject, request.body.role) }
    },
  )
}
