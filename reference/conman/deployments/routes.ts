/** The routes of deployments. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Services } from '../services.ts'

export const deploymentRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (_server, _options) => {}
