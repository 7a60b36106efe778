/** The health route: public, never limited. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Services } from '../services.ts'

export const healthRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (server, { services }) => {
  server.get(
    '/api/health',
    { config: { public: true, summary: 'Whether MongoDB, the git backend and the job runner are usable.' } },
    async (_request, reply) => {
      const health = await services.health.check()
      if (health.components.some(({ status }) => status === 'unhealthy')) reply.code(503)
      return health
    },
  )
}
