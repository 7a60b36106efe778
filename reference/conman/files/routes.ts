/** The routes of a workspace's files. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { appOf, callerOf } from '../auth/gate.ts'
import { dataOf, oneOf, Sha } from '../http/schemas.ts'
import type { Services } from '../services.ts'
import { WorkspaceParams } from '../workspaces/routes.ts'

const URL = '/api/apps/:appId/workspaces/:workspaceId/files'
const Message = Type.Optional(Type.Union([Type.String(), Type.Null()]))

const FileContent = Type.Object({
  path: Type.String(),
  content: Type.String({ contentEncoding: 'base64' }),
  size: Type.Integer({ minimum: 0 }),
  oid: Sha,
})

const Directory = Type.Object({
  path: Type.String(),
  entries: Type.Array(
    Type.Object({ path: Type.String(), type: oneOf(['file', 'dir']), size: Type.Integer({ minimum: 0 }), oid: Sha }),
  ),
})

const Written = Type.Object({ commit_sha: Sha, path: Type.String() })

export const fileRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (server, { services }) => {
  server.get(
    URL,
    {
      config: {
        role: 'user',
        summary: 'Read a file, or list a directory.',
        answers: { 200: dataOf(Type.Union([FileContent, Directory])) },
      },
      schema: { params: WorkspaceParams, querystring: Type.Object({ path: Type.Optional(Type.String()) }) },
    },
    async (request) => {
      const { workspaceId } = request.params
      const path = request.query.path ?? ''
      return { data: await services.files.read(callerOf(request, services), appOf(request), workspaceId, path) }
    },
  )

  server.put(
    URL,
    {
      config: {
        role: 'user',
        summary: 'Write a file: one commit on the workspace branch.',
        answers: { 200: dataOf(Written) },
      },
      schema: {
        params: WorkspaceParams,
        body: Type.Object({ path: Type.String(), content: Type.String(), message: Message }),
      },
    },
    async (request) => {
      const { path, content, message } = request.body
      const input = { path, content, message: message ?? undefined }
      const { workspaceId } = request.params
      return { data: await services.files.write(callerOf(request, services), appOf(request), workspaceId, input) }
    },
  )

  server.delete(
    URL,
    {
      config: {
        role: 'user',
        summary: 'Delete a file: one commit on the workspace branch.',
        answers: { 200: dataOf(Written) },
      },
      schema: { params: WorkspaceParams, body: Type.Object({ path: Type.String(), message: Message }) },
    },
    async (request) => {
      const { path, message } = request.body
      const input = { path, message: message ?? undefined }
      const { workspaceId } = request.params
      return { data: await services.files.remove(callerOf(request, services), appOf(request), workspaceId, input) }
    },
  )
}
