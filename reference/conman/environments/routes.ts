/** The routes of environments. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { appOf, callerOf } from '../auth/gate.ts'
import { AppParams } from '../http/identifiers.ts'
import { dataOf, optional } from '../http/schemas.ts'
import type { Services } from '../services.ts'
import { Environment, presentEnvironment } from './present.ts'

const URL = '/api/apps/:appId/environments'

const EnvironmentRow = Type.Object({
  id: Type.Optional(
    Type.Union([Type.String(), Type.Null()], {
      description: 'An existing one, or `new`; without it, the name tells which one is meant.',
    }),
  ),
  name: Type.String(),
  position: Type.Integer(),
  is_canonical: optional(Type.Boolean()),
  runtime_profile_id: optional(Type.String()),
})

export const environmentRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (server, { services }) => {
  server.get(
    URL,
    {
      config: {
        role: 'user',
        summary: 'List the environments in their order.',
        answers: { 200: dataOf(Type.Array(Environment)) },
      },
      schema: { params: AppParams },
    },
    async (request) => {
      const environments = await services.environments.list(callerOf(request, services), appOf(request))
      return { data: environments.map(presentEnvironment) }
    },
  )

  server.patch(
    URL,
    {
      config: {
        role: 'app_admin',
        summary: 'Replace the set of environments; known ones keep their ids.',
        answers: { 200: dataOf(Type.Array(Environment)) },
      },
      schema: { params: AppParams, body: Type.Object({ environments: Type.Array(EnvironmentRow) }) },
    },
    async (request) => {
      const rows = request.body.environments
      const environments = await services.environments.replace(callerOf(request, services), appOf(request), rows)
      return { data: environments.map(presentEnvironment) }
    },
  )
}
