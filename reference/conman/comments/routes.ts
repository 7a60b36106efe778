/** The routes of comments. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Services } from '../services.ts'

export const commentRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (_server, _options) => {}
