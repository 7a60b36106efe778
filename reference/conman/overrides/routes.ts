/** The routes of a changeset's overrides. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { appOf, callerOf } from '../auth/gate.ts'
import { ChangesetParams } from '../changesets/routes.ts'
import { dataOf } from '../http/schemas.ts'
import type { Services } from '../services.ts'
import { Override, OverrideInput } from './schemas.ts'

const URL = '/api/apps/:appId/changesets/:changesetId/profile-overrides'

export const overrideRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (server, { services }) => {
  server.get(
    URL,
    {
      config: { role: 'user', summary: 'List the overrides.', answers: { 200: dataOf(Type.Array(Override)) } },
      schema: { params: ChangesetParams },
    },
    async (request) => {
      const caller = callerOf(request, services)
      const changeset = await services.changesets.seen(caller, appOf(request), request.params.changesetId)
      return { data: await services.overrides.list(caller, changeset) }
    },
  )

  server.put(
    URL,
    {
      config: {
        role: 'user',
        summary: 'Replace the overrides of an own draft.',
        answers: { 200: dataOf(Type.Array(Override)) },
      },
      schema: { params: ChangesetParams, body: Type.Object({ profile_overrides: Type.Array(OverrideInput) }) },
    },
    async (request) => {
      const caller = callerOf(request, services)
      const { changesetId } = request.params
      const given = request.body.profile_overrides
      return { data: await services.overrides.replace(caller, appOf(request), changesetId, given) }
    },
  )
}
