/** The routes of releases: choosing what goes in, composing it, and publishing it. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { appOf, callerOf } from '../auth/gate.ts'
import { emptyBody } from '../http/empty-body.ts'
import { validation } from '../http/errors.ts'
import { AppParams } from '../http/identifiers.ts'
import { PageQuery, pageOf } from '../http/pagination.ts'
import { dataOf, Id, oneOf, optional, pageOfRows } from '../http/schemas.ts'
import { Job } from '../jobs/present.ts'
import { RELEASE_STATES } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import { presentRelease, Release, ReleaseWithChangesets } from './present.ts'
import { MAX_SELECTED, type SelectionInput } from './selection.ts'

const URL = '/api/apps/:appId/releases'

const ReleaseParams = Type.Object({ appId: Type.String(), releaseId: Type.String() })
const ListQuery = Type.Object({ ...PageQuery.properties, state: Type.Optional(oneOf(RELEASE_STATES)) })
const Ids = Type.Array(Type.String(), { maxItems: MAX_SELECTED })

export const releaseRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (server, { services }) => {
  server.get(
    URL,
    {
      config: { role: 'user', summary: 'List releases, newest first.', answers: { 200: pageOfRows(Release) } },
      schema: { params: AppParams, querystring: ListQuery },
    },
    async (request) =>
      services.releases.list(callerOf(request, services), appOf(request), request.query.state, pageOf(request.query)),
  )

  server.post(
    URL,
    {
      config: {
        role: 'config_manager',
        summary: 'Begin a release, with or without changesets.',
        answers: { 201: dataOf(Release) },
      },
      preValidation: emptyBody,
      schema: { params: AppParams, body: Type.Object({ changeset_ids: optional(Ids) }) },
    },
    async (request, reply) => {
      const ids = request.body.changeset_ids ?? []
      const release = await services.releases.create(callerOf(request, services), appOf(request), ids)
      reply.code(201)
      return { data: presentRelease(release) }
    },
  )

  server.get(
    `${URL}/:releaseId`,
    {
      config: {
        role: 'user',
        summary: 'Read a release with its changesets.',
        answers: { 200: dataOf(ReleaseWithChangesets) },
      },
      schema: { params: ReleaseParams },
    },
    async (request) => ({
      data: await services.releases.get(callerOf(request, services), appOf(request), request.params.releaseId),
    }),
  )

  server.post(
    `${URL}/:releaseId/changesets`,
    {
      config: {
        role: 'config_manager',
        summary: 'Choose the changesets of a draft: the whole list, or what is added and removed.',
        answers: { 200: dataOf(Release) },
      },
      schema: {
        params: ReleaseParams,
        body: Type.Object({ changeset_ids: optional(Ids), add: optional(Ids), remove: optional(Ids) }),
      },
    },
    async (request) => {
      const input = selectionOf(request.body)
      const caller = callerOf(request, services)
      const release = await services.releases.select(caller, appOf(request), request.params.releaseId, input)
      return { data: presentRelease(release) }
    },
  )

  server.post(
    `${URL}/:releaseId/reorder`,
    {
      config: {
        role: 'config_manager',
        summary: 'Put the changesets of a draft into another order.',
        answers: { 200: dataOf(Release) },
      },
      schema: {
        params: ReleaseParams,
        body: Type.Object({ changeset_ids: optional(Ids), ordered_changeset_ids: optional(Ids) }),
      },
    },
    async (request) => {
      const { changeset_ids, ordered_changeset_ids } = request.body
      const order = ordered_changeset_ids ?? changeset_ids
      if (!order) throw validation('changeset_ids is required')
      if (changeset_ids && changeset_ids.join() !== order.join()) {
        throw validation('changeset_ids and ordered_changeset_ids contradict')
      }
      const caller = callerOf(request, services)
      const release = await services.releases.reorder(caller, appOf(request), request.params.releaseId, order)
      return { data: presentRelease(release) }
    },
  )

  server.post(
    `${URL}/:releaseId/assemble`,
    {
      config: {
        role: 'config_manager',
        summary: 'Have a draft composed and tested.',
        answers: { 200: dataOf(Type.Object({ release: Release, job: Job })) },
      },
      schema: { params: ReleaseParams },
    },
    async (request) => ({
      data: await services.releases.assemble(callerOf(request, services), appOf(request), request.params.releaseId),
    }),
  )

  server.post(
    `${URL}/:releaseId/publish`,
    {
      config: {
        role: 'config_manager',
        summary: 'Publish a validated release.',
        answers: { 200: dataOf(Type.Object({ release: Release, released_changesets: Type.Array(Id) })) },
      },
      schema: { params: ReleaseParams },
    },
    async (request) => {
      const { releaseId } = request.params
      const release = await services.releases.publish(callerOf(request, services), appOf(request), releaseId)
      return { data: { release: presentRelease(release), released_changesets: release.ordered_changeset_ids } }
    },
  )
}

function selectionOf(body: {
  changeset_ids?: string[] | null
  add?: string[] | null
  remove?: string[] | null
}): SelectionInput {
  const { changeset_ids, add, remove } = body
  const partial = Boolean(add || remove)
  if (changeset_ids && partial) throw validation('either changeset_ids, or add and remove')
  if (changeset_ids) return { all: changeset_ids }
  if (!partial) throw validation('changeset_ids is required')
  return { add: add ?? [], remove: remove ?? [] }
}
