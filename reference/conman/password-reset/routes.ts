/** The routes of forgotten passwords. What they answer tells nobody whether an address has an account. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { originOf } from '../auth/gate.ts'
import { dataOf, Message } from '../http/schemas.ts'
import type { Services } from '../services.ts'

export const passwordResetRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (server, { services }) => {
  server.post(
    '/api/auth/forgot-password',
    {
      config: {
        public: true,
        summary: 'Ask for a token to set a new password with; it comes by mail.',
        answers: { 200: dataOf(Message) },
      },
      schema: { body: Type.Object({ email: Type.String() }) },
    },
    async (request) => {
      await services.passwordResets.request(originOf(request, services), request.body.email)
      return { data: { message: 'if the address has an account, a mail is on its way' } }
    },
  )

  server.post(
    '/api/auth/reset-password',
    {
      config: {
        public: true,
        summary: 'Set a new password with a token; ends every session.',
        answers: { 200: dataOf(Message) },
      },
      schema: { body: Type.Object({ token: Type.String(), new_password: Type.String() }) },
    },
    async (request) => {
      const { token, new_password } = request.body
      await services.passwordResets.redeem(originOf(request, services), token, new_password)
      return { data: { message: 'password updated' } }
    },
  )
}
