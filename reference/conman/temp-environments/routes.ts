/** The routes of temporary environments. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { appOf, callerOf } from '../auth/gate.ts'
import { AppParams } from '../http/identifiers.ts'
import { PageQuery, pageOf } from '../http/pagination.ts'
import { dataOf, EnvVarsSchema, nullable, optional, pageOfRows } from '../http/schemas.ts'
import { Job } from '../jobs/present.ts'
import type { Services } from '../services.ts'
import { TempEnvironment } from './present.ts'

const URL = '/api/apps/:appId/temp-envs'

const TempEnvironmentParams = Type.Object({ appId: Type.String(), tempEnvId: Type.String() })
const Answer = dataOf(Type.Object({ temp_env: TempEnvironment, job: nullable(Job) }))

const NewTempEnvironment = Type.Object({
  kind: optional(Type.String()),
  source_id: optional(Type.String()),
  workspace_id: optional(Type.String()),
  changeset_id: optional(Type.String()),
  base_profile_id: optional(Type.String()),
  runtime_profile_id: optional(Type.String()),
  env_var_overrides: optional(EnvVarsSchema),
})

export const tempEnvironmentRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (
  server,
  { services },
) => {
  server.get(
    URL,
    {
      config: {
        role: 'user',
        summary: 'List temporary environments that are not deleted, newest first.',
        answers: { 200: pageOfRows(TempEnvironment) },
      },
      schema: { params: AppParams, querystring: PageQuery },
    },
    async (request) =>
      services.tempEnvironments.list(callerOf(request, services), appOf(request), pageOf(request.query)),
  )

  server.post(
    URL,
    {
      config: {
        role: 'user',
        summary: 'Make a temporary environment for a workspace or a changeset.',
        answers: { 201: Answer },
      },
      schema: { params: AppParams, body: NewTempEnvironment },
    },
    async (request, reply) => {
      reply.code(201)
      return {
        data: await services.tempEnvironments.create(callerOf(request, services), appOf(request), request.body),
      }
    },
  )

  server.post(
    `${URL}/:tempEnvId/extend`,
    {
      config: {
        role: 'user',
        summary: 'Add to the life of an active one, by default a day; its creator or a config_manager.',
        answers: { 200: Answer },
      },
      schema: {
        params: TempEnvironmentParams,
        body: Type.Object({ hours: optional(Type.Number()), seconds: optional(Type.Number()) }),
      },
    },
    async (request) => {
      const caller = callerOf(request, services)
      const { tempEnvId } = request.params
      return { data: await services.tempEnvironments.extend(caller, appOf(request), tempEnvId, request.body) }
    },
  )

  server.post(
    `${URL}/:tempEnvId/undo-expire`,
    {
      config: {
        role: 'user',
        summary: 'Bring an expiring one back; its creator or a config_manager.',
        answers: { 200: Answer },
      },
      schema: { params: TempEnvironmentParams },
    },
    async (request) => {
      const caller = callerOf(request, services)
      return { data: await services.tempEnvironments.undoExpire(caller, appOf(request), request.params.tempEnvId) }
    },
  )

  server.delete(
    `${URL}/:tempEnvId`,
    {
      config: {
        role: 'user',
        summary: 'Delete one with all that belongs to it; its creator or a config_manager.',
        answers: { 200: Answer },
      },
      schema: { params: TempEnvironmentParams },
    },
    async (request) => {
      const caller = callerOf(request, services)
      return { data: await services.tempEnvironments.delete(caller, appOf(request), request.params.tempEnvId) }
    },
  )
}
