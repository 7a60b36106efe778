/** The scrape route: public, never limited. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Services } from '../services.ts'

export const metricsRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (server, { services }) => {
  server.get(
    '/api/metrics',
    {
      config: {
        public: true,
        summary: 'Metrics in the text format of Prometheus.',
        answers: { 200: Type.String({ contentMediaType: 'text/plain' }) },
      },
    },
    async (_request, reply) => {
      const text = await services.exposition.text()
      return reply.type(services.exposition.contentType).send(text)
    },
  )
}
