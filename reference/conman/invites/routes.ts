/** The routes of invites: an admin's side, and the invited person's. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { appOf, callerOf, originOf } from '../auth/gate.ts'
import { Session } from '../auth/routes.ts'
import { AppParams, objectId } from '../http/identifiers.ts'
import { dataOf, Id, Message, Moment, nullable } from '../http/schemas.ts'
import { RoleSchema } from '../roles.ts'
import type { Services } from '../services.ts'

const InviteParams = Type.Object({ appId: Type.String(), inviteId: Type.String() })

const Invite = Type.Object({
  id: Id,
  app_id: Id,
  email: Type.String(),
  role: RoleSchema,
  token: Type.String(),
  invited_by: Id,
  expires_at: Moment,
  accepted_at: nullable(Moment),
  created_at: Moment,
})

export const inviteRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (server, { services }) => {
  server.post(
    '/api/apps/:appId/invites',
    {
      config: { role: 'app_admin', summary: 'Invite somebody by e-mail.', answers: { 201: dataOf(Invite) } },
      schema: { params: AppParams, body: Type.Object({ email: Type.String(), role: RoleSchema }) },
    },
    async (request, reply) => {
      const { email, role } = request.body
      reply.code(201)
      return { data: await services.invites.create(callerOf(request, services), appOf(request), email, role) }
    },
  )

  server.post(
    '/api/apps/:appId/invites/:inviteId/resend',
    {
      config: {
        role: 'app_admin',
        summary: 'Send an invite again and renew its time.',
        answers: { 200: dataOf(Invite) },
      },
      schema: { params: InviteParams },
    },
    async (request) => {
      const inviteId = objectId(request.params.inviteId, 'invite id')
      return { data: await services.invites.resend(callerOf(request, services), appOf(request), inviteId) }
    },
  )

  server.delete(
    '/api/apps/:appId/invites/:inviteId',
    {
      config: { role: 'app_admin', summary: 'Revoke an invite.', answers: { 200: dataOf(Message) } },
      schema: { params: InviteParams },
    },
    async (request) => {
      const inviteId = objectId(request.params.inviteId, 'invite id')
      await services.invites.revoke(callerOf(request, services), appOf(request), inviteId)
      return { data: { message: 'invite revoked' } }
    },
  )

  server.post(
    '/api/auth/accept-invite',
    {
      config: {
        public: true,
        summary: 'Accept an invite, with a new account or the password of the known one.',
        answers: { 200: dataOf(Session) },
      },
      schema: { body: Type.Object({ token: Type.String(), name: Type.String(), password: Type.String() }) },
    },
    async (request) => {
      const { token, name, password } = request.body
      return { data: await services.invites.accept(originOf(request, services), token, name, password) }
    },
  )
}
