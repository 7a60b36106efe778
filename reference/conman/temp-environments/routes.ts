/** The routes of temporary environments. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Services } from '../services.ts'

export const tempEnvironmentRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (_server, _options) => {}
