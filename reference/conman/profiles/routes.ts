/** The routes of runtime profiles. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Services } from '../services.ts'

export const profileRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (_server, _options) => {}
