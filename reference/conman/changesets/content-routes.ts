/** The routes that look into a changeset. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { repositoryOf } from '../apps/service.ts'
import { appOf, callerOf } from '../auth/gate.ts'
import { ApiError, validation } from '../http/errors.ts'
import { dataOf, nullable, oneOf, optional, Sha } from '../http/schemas.ts'
import type { Services } from '../services.ts'
import { filesOf, sidesOf } from './content.ts'
import { ChangesetParams } from './routes.ts'

const URL = '/api/apps/:appId/changesets/:changesetId'

const Format = oneOf(['semantic', 'raw'])

const ChangedFile = Type.Object({
  path: Type.String(),
  /** Where a renamed file was before. */
  old_path: nullable(Type.String()),
  additions: Type.Integer({ minimum: 0 }),
  deletions: Type.Integer({ minimum: 0 }),
})

const RawDiff = Type.Object({
  format: Type.Literal('raw'),
  /** A unified diff from base to head. */
  content: Type.String(),
  base_sha: Sha,
  head_sha: Sha,
})

const Analysis = Type.Object({
  summary: Type.String(),
  suggestions: Type.Array(
    Type.Object({ file_path: Type.String(), description: Type.String(), severity: Type.String() }),
  ),
})

const ChatReply = Type.Object({ reply: Type.String(), referenced_files: Type.Array(Type.String()) })

export const changesetContentRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (
  server,
  { services },
) => {
  server.get(
    `${URL}/diff`,
    {
      config: {
        role: 'user',
        summary: 'What a changeset changes: counts for each file, or one unified diff.',
        answers: { 200: dataOf(Type.Union([Type.Array(ChangedFile), RawDiff])) },
      },
      schema: {
        params: ChangesetParams,
        // The real server calls it format, E05 mode.
        querystring: Type.Object({ format: Type.Optional(Format), mode: Type.Optional(Format) }),
      },
    },
    async (request) => {
      const { format, mode } = request.query
      const caller = callerOf(request, services)
      const app = appOf(request)
      const changeset = await services.changesets.seen(caller, app, request.params.changesetId)
      if (format !== undefined && mode !== undefined && format !== mode) throw validation('format and mode contradict')
      if ((format ?? mode ?? 'semantic') === 'semantic') {
        return { data: await filesOf(services, caller, app, changeset) }
      }
      const { base, head } = await sidesOf(services, caller, app, changeset)
      const content = await services.git.rawDiff(repositoryOf(app), base, head, caller)
      return { data: { format: 'raw', content, base_sha: base, head_sha: head } }
    },
  )

  server.post(
    `${URL}/analyze`,
    {
      config: {
        role: 'user',
        summary: 'Ask a service for an assessment; there is none here.',
        answers: { 200: dataOf(Analysis) },
      },
      schema: { params: ChangesetParams, body: Type.Object({ focus: optional(Type.Array(Type.String())) }) },
    },
    async (request) => {
      await services.changesets.seen(callerOf(request, services), appOf(request), request.params.changesetId)
      throw notImplemented()
    },
  )

  server.post(
    `${URL}/chat`,
    {
      config: {
        role: 'user',
        summary: 'Ask a service about the changes; there is none here.',
        answers: { 200: dataOf(ChatReply) },
      },
      schema: {
        params: ChangesetParams,
        body: Type.Object({ message: Type.String(), file_paths: optional(Type.Array(Type.String())) }),
      },
    },
    async (request) => {
      await services.changesets.seen(callerOf(request, services), appOf(request), request.params.changesetId)
      throw notImplemented()
    },
  )
}

function notImplemented(): ApiError {
  return new ApiError('not_implemented', 'not implemented: no service for this is connected')
}
