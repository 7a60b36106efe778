/** Login and logout. Resetting a password and accepting an invite have their own features. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Services } from '../services.ts'

export const authRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (server, { services }) => {
  server.post(
    '/api/auth/login',
    {
      config: { public: true, summary: 'Log in with e-mail and password.' },
      schema: { body: Type.Object({ email: Type.String(), password: Type.String() }) },
    },
    async (request) => ({ data: await services.auth.login(request.body.email, request.body.password) }),
  )

  // A token ends by itself; the client forgets it.
  server.post('/api/auth/logout', { config: { summary: 'Log out.' } }, async () => ({
    data: { message: 'logged out' },
  }))
}
