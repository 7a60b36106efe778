/** The routes of forgotten passwords. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Services } from '../services.ts'

export const passwordResetRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (_server, _options) => {}
