/** The routes of apps and their settings. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { appOf, callerOf } from '../auth/gate.ts'
import { AppParams } from '../http/identifiers.ts'
import { PageQuery, pageOf } from '../http/pagination.ts'
import { dataOf, oneOf, optional, pageOfRows } from '../http/schemas.ts'
import type { AppSettings } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import { APPROVAL_POLICIES, App, BASELINE_MODES, COMMIT_MODES } from './present.ts'

const NewApp = Type.Object({
  name: Type.String(),
  repo_path: Type.String(),
  integration_branch: optional(Type.String()),
})

const SettingsChange = Type.Object({
  baseline_mode: optional(oneOf(BASELINE_MODES)),
  canonical_env_id: optional(Type.String()),
  commit_mode_default: optional(oneOf(COMMIT_MODES)),
  blocked_paths: optional(Type.Array(Type.String({ maxLength: 1024 }))),
  file_size_limit_bytes: optional(Type.Integer()),
  profile_approval_policy: optional(oneOf(APPROVAL_POLICIES)),
})

const SETTINGS = Object.keys(SettingsChange.properties)

export const appRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (server, { services }) => {
  server.get(
    '/api/apps',
    {
      config: { summary: "List the caller's apps.", answers: { 200: pageOfRows(App) } },
      schema: { querystring: PageQuery },
    },
    async (request) => services.apps.list(callerOf(request, services), pageOf(request.query)),
  )

  server.post(
    '/api/apps',
    {
      config: { summary: 'Create an app; the caller becomes its app_admin.', answers: { 201: dataOf(App) } },
      schema: { body: NewApp },
    },
    async (request, reply) => {
      const { name, repo_path, integration_branch } = request.body
      const input = { name, repoPath: repo_path, integrationBranch: integration_branch?.trim() ?? 'main' }
      reply.code(201)
      return { data: await services.apps.create(callerOf(request, services), input) }
    },
  )

  server.get(
    '/api/apps/:appId',
    { config: { role: 'user', summary: 'Read an app.', answers: { 200: dataOf(App) } }, schema: { params: AppParams } },
    async (request) => ({ data: await services.apps.get(callerOf(request, services), appOf(request)._id) }),
  )

  server.patch(
    '/api/apps/:appId/settings',
    {
      config: {
        role: 'app_admin',
        summary: 'Change settings; what is absent or null stays as it is.',
        answers: { 200: dataOf(App) },
      },
      schema: { params: AppParams, body: SettingsChange },
    },
    async (request) => {
      const given = Object.entries(request.body).filter(([name, value]) => SETTINGS.includes(name) && value !== null)
      const changes = Object.fromEntries(given) as Partial<AppSettings>
      return { data: await services.apps.changeSettings(callerOf(request, services), appOf(request), changes) }
    },
  )
}
