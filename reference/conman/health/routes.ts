/** The health route: public, never limited. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { oneOf } from '../http/schemas.ts'
import type { Services } from '../services.ts'

const HealthReport = Type.Object({
  status: oneOf(['ok', 'degraded']),
  version: Type.String(),
  components: Type.Array(
    Type.Object({
      name: oneOf(['mongodb', 'gitaly', 'job_runner']),
      status: oneOf(['healthy', 'degraded', 'unhealthy']),
      detail: Type.String(),
    }),
  ),
})

export const healthRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (server, { services }) => {
  server.get(
    '/api/health',
    {
      config: {
        public: true,
        summary: 'Whether MongoDB, the git backend and the job runner are usable.',
        answers: { 200: HealthReport, 503: HealthReport },
      },
    },
    async (_request, reply) => {
      const health = await services.health.check()
      if (health.components.some(({ status }) => status === 'unhealthy')) reply.code(503)
      return health
    },
  )
}
