/** The routes of workspaces. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { appOf, callerOf } from '../auth/gate.ts'
import { AppParams } from '../http/identifiers.ts'
import { dataOf, optional } from '../http/schemas.ts'
import type { Services } from '../services.ts'
import { Workspace } from './present.ts'

export const WorkspaceParams = Type.Object({ appId: Type.String(), workspaceId: Type.String() })

export const workspaceRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (server, { services }) => {
  server.get(
    '/api/apps/:appId/workspaces',
    {
      config: {
        role: 'user',
        summary: 'List own workspaces; the default one is made when there is none.',
        answers: { 200: dataOf(Type.Array(Workspace)) },
      },
      schema: { params: AppParams },
    },
    async (request) => ({ data: await services.workspaces.list(callerOf(request, services), appOf(request)) }),
  )

  server.post(
    '/api/apps/:appId/workspaces',
    {
      config: {
        role: 'user',
        summary: 'Create a workspace: an extra one with branch_name, else the default one.',
        answers: { 201: dataOf(Workspace) },
      },
      schema: {
        params: AppParams,
        body: Type.Object({ title: optional(Type.String()), branch_name: optional(Type.String()) }),
      },
    },
    async (request, reply) => {
      const { title = null, branch_name: branchName = null } = request.body
      const caller = callerOf(request, services)
      reply.code(201)
      return { data: await services.workspaces.create(caller, appOf(request), { title, branchName }) }
    },
  )

  server.get(
    '/api/apps/:appId/workspaces/:workspaceId',
    {
      config: { role: 'user', summary: 'Read an own workspace.', answers: { 200: dataOf(Workspace) } },
      schema: { params: WorkspaceParams },
    },
    async (request) => {
      const { workspaceId } = request.params
      return { data: await services.workspaces.get(callerOf(request, services), appOf(request), workspaceId) }
    },
  )

  server.patch(
    '/api/apps/:appId/workspaces/:workspaceId',
    {
      config: { role: 'user', summary: 'Change the title; null clears it.', answers: { 200: dataOf(Workspace) } },
      schema: { params: WorkspaceParams, body: Type.Object({ title: optional(Type.String()) }) },
    },
    async (request) => {
      const { workspaceId } = request.params
      const caller = callerOf(request, services)
      return { data: await services.workspaces.update(caller, appOf(request), workspaceId, request.body.title) }
    },
  )
}
