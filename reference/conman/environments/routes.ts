/** The routes of environments. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Services } from '../services.ts'

export const environmentRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (_server, _options) => {}
