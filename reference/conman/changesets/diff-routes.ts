/** The routes that look into a changeset. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Services } from '../services.ts'

export const changesetContentRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (_server, _options) => {}
