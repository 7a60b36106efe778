/** The routes of apps and their settings. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { appOf, callerOf } from '../auth/gate.ts'
import { AppParams } from '../http/identifiers.ts'
import { PageQuery, pageOf } from '../http/pagination.ts'
import type { AppSettings } from '../mongo/documents.ts'
import type { Services } from '../services.ts'

const NewApp = Type.Object({
  name: Type.String(),
  repo_path: Type.String(),
  integration_branch: Type.Optional(Type.Union([Type.String(), Type.Null()])),
})

const nullable = <T extends Parameters<typeof Type.Optional>[0]>(schema: T) =>
  Type.Optional(Type.Union([schema, Type.Null()]))

const SettingsChange = Type.Object({
  baseline_mode: nullable(Type.Union([Type.Literal('integration_head'), Type.Literal('canonical_env_release')])),
  canonical_env_id: nullable(Type.String()),
  commit_mode_default: nullable(Type.Union([Type.Literal('submit_commit'), Type.Literal('manual_checkpoint')])),
  blocked_paths: nullable(Type.Array(Type.String({ maxLength: 1024 }))),
  file_size_limit_bytes: nullable(Type.Integer()),
  profile_approval_policy: nullable(
    Type.Union([Type.Literal('same_as_changeset'), Type.Literal('stricter_two_approvals')]),
  ),
})

const SETTINGS = Object.keys(SettingsChange.properties)

export const appRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (server, { services }) => {
  server.get(
    '/api/apps',
    { config: { summary: "List the caller's apps." }, schema: { querystring: PageQuery } },
    async (request) => services.apps.list(callerOf(request, services), pageOf(request.query)),
  )

  server.post(
    '/api/apps',
    { config: { summary: 'Create an app; the caller becomes its app_admin.' }, schema: { body: NewApp } },
    async (request, reply) => {
      const { name, repo_path, integration_branch } = request.body
      const input = { name, repoPath: repo_path, integrationBranch: integration_branch?.trim() ?? 'main' }
      reply.code(201)
      return { data: await services.apps.create(callerOf(request, services), input) }
    },
  )

  server.get(
    '/api/apps/:appId',
    { config: { role: 'user', summary: 'Read an app.' }, schema: { params: AppParams } },
    async (request) => ({ data: await services.apps.get(callerOf(request, services), appOf(request)._id) }),
  )

  server.patch(
    '/api/apps/:appId/settings',
    {
      config: { role: 'app_admin', summary: 'Change settings; what is absent or null stays as it is.' },
      schema: { params: AppParams, body: SettingsChange },
    },
    async (request) => {
      const given = Object.entries(request.body).filter(([name, value]) => SETTINGS.includes(name) && value !== null)
      const changes = Object.fromEntries(given) as Partial<AppSettings>
      return { data: await services.apps.changeSettings(callerOf(request, services), appOf(request), changes) }
    },
  )
}
