/** Login and logout. Resetting a password and accepting an invite have their own features. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { dataOf, Id, Message } from '../http/schemas.ts'
import type { Services } from '../services.ts'

export const Session = Type.Object({
  token: Type.String(),
  user: Type.Object({ id: Id, email: Type.String(), name: Type.String() }),
})

export const authRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (server, { services }) => {
  server.post(
    '/api/auth/login',
    {
      config: { public: true, summary: 'Log in with e-mail and password.', answers: { 200: dataOf(Session) } },
      schema: { body: Type.Object({ email: Type.String(), password: Type.String() }) },
    },
    async (request) => ({ data: await services.auth.login(request.body.email, request.body.password) }),
  )

  // A token ends by itself; the client forgets it.
  server.post('/api/auth/logout', { config: { summary: 'Log out.', answers: { 200: dataOf(Message) } } }, async () => ({
    data: { message: 'logged out' },
  }))
}
