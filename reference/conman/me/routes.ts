/** The routes of one's own preferences. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Services } from '../services.ts'

export const meRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (_server, _options) => {}
