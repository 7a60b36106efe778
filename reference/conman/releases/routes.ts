/** The routes of releases. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Services } from '../services.ts'

export const releaseRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (_server, _options) => {}
