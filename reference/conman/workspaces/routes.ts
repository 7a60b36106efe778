/** The routes of workspaces. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { appOf, callerOf } from '../auth/gate.ts'
import { AppParams } from '../http/identifiers.ts'
import { dataOf, optional, Sha } from '../http/schemas.ts'
import type { Services } from '../services.ts'
import { Workspace } from './present.ts'

const URL = '/api/apps/:appId/workspaces'
const WORKSPACE = `${URL}/:workspaceId`

export const WorkspaceParams = Type.Object({ appId: Type.String(), workspaceId: Type.String() })

const Reset = Type.Object({ head_sha: Sha, message: Type.String() })
const Checkpoint = Type.Object({ commit_sha: Sha, message: Type.String() })
const Synced = Type.Object({
  clean: Type.Boolean(),
  head_sha: Sha,
  conflicting_paths: Type.Array(Type.String()),
  message: Type.String(),
})

export const workspaceRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (server, { services }) => {
  server.get(
    URL,
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
    URL,
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
    WORKSPACE,
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
    WORKSPACE,
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

  server.post(
    `${WORKSPACE}/reset`,
    {
      config: {
        role: 'user',
        summary: 'Bring an own workspace back to the head of the integration branch.',
        answers: { 200: dataOf(Reset) },
      },
      schema: { params: WorkspaceParams },
    },
    async (request) => {
      const { workspaceId } = request.params
      return { data: await services.workspaces.reset(callerOf(request, services), appOf(request), workspaceId) }
    },
  )

  server.post(
    `${WORKSPACE}/sync-integration`,
    {
      config: {
        role: 'user',
        summary: 'Replay an own workspace on the head of the integration branch; a conflict leaves it as it is.',
        answers: { 200: dataOf(Synced) },
      },
      schema: { params: WorkspaceParams },
    },
    async (request) => {
      const { workspaceId } = request.params
      return { data: await services.workspaces.sync(callerOf(request, services), appOf(request), workspaceId) }
    },
  )

  server.post(
    `${WORKSPACE}/checkpoints`,
    {
      config: {
        role: 'user',
        summary: 'Make a commit that changes no file.',
        answers: { 200: dataOf(Checkpoint) },
      },
      schema: { params: WorkspaceParams, body: Type.Object({ message: optional(Type.String()) }) },
    },
    async (request) => {
      const { workspaceId } = request.params
      const message = request.body.message ?? undefined
      const caller = callerOf(request, services)
      return { data: await services.workspaces.checkpoint(caller, appOf(request), workspaceId, message) }
    },
  )
}
