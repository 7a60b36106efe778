/** The routes of a workspace's files. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { appOf, callerOf } from '../auth/gate.ts'
import type { Services } from '../services.ts'
import { WorkspaceParams } from '../workspaces/routes.ts'

const URL = '/api/apps/:appId/workspaces/:workspaceId/files'
const Message = Type.Optional(Type.Union([Type.String(), Type.Null()]))

export const fileRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (server, { services }) => {
  server.get(
    URL,
    {
      config: { role: 'user', summary: 'Read a file, or list a directory.' },
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
      config: { role: 'user', summary: 'Write a file: one commit on the workspace branch.' },
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
      config: { role: 'user', summary: 'Delete a file: one commit on the workspace branch.' },
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
