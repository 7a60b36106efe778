/** The routes of changesets: writing them, handing them in, reviewing and queueing them. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { appOf, callerOf } from '../auth/gate.ts'
import { validation } from '../http/errors.ts'
import { AppParams } from '../http/identifiers.ts'
import { PageQuery, pageOf } from '../http/pagination.ts'
import { dataOf, oneOf, optional, pageOfRows } from '../http/schemas.ts'
import { Job } from '../jobs/present.ts'
import { CHANGESET_STATES, type ChangesetState } from '../mongo/documents.ts'
import { Override, OverrideInput } from '../overrides/schemas.ts'
import type { Services } from '../services.ts'
import { Changeset, presentChangeset } from './present.ts'
import { REVIEW_ACTIONS, type ReviewAction } from './review.ts'

const URL = '/api/apps/:appId/changesets'

export const ChangesetParams = Type.Object({ appId: Type.String(), changesetId: Type.String() })

const ListQuery = Type.Object({
  ...PageQuery.properties,
  state: Type.Optional(Type.String({ description: 'One state, or several separated by commas.' })),
})

/** E05 says the decision as a past participle, the real server as a verb. */
const DECISIONS: Record<string, ReviewAction> = {
  approved: 'approve',
  changes_requested: 'request_changes',
  rejected: 'reject',
}

const SubmissionBody = Type.Object({
  profile_overrides: optional(Type.Array(OverrideInput)),
  reviewer_user_ids: optional(Type.Array(Type.String(), { maxItems: 100 })),
})

const Submitted = Type.Object({
  changeset: Changeset,
  job: Job,
  included_profile_overrides: Type.Array(Override),
})

export const changesetRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (server, { services }) => {
  server.get(
    URL,
    {
      config: { role: 'user', summary: 'List changesets.', answers: { 200: pageOfRows(Changeset) } },
      schema: { params: AppParams, querystring: ListQuery },
    },
    async (request) =>
      services.changesets.list(
        callerOf(request, services),
        appOf(request),
        statesOf(request.query.state),
        pageOf(request.query),
      ),
  )

  server.post(
    URL,
    {
      config: { role: 'user', summary: 'Begin a changeset on an own workspace.', answers: { 201: dataOf(Changeset) } },
      schema: {
        params: AppParams,
        body: Type.Object({
          workspace_id: Type.String(),
          title: Type.String(),
          description: optional(Type.String()),
        }),
      },
    },
    async (request, reply) => {
      const { workspace_id, title, description = null } = request.body
      const input = { workspaceId: workspace_id, title, description }
      const changeset = await services.changesets.create(callerOf(request, services), appOf(request), input)
      reply.code(201)
      return { data: presentChangeset(changeset) }
    },
  )

  server.get(
    `${URL}/:changesetId`,
    {
      config: {
        role: 'user',
        summary: 'Read a changeset with its overrides.',
        answers: { 200: dataOf(Type.Object({ changeset: Changeset, profile_overrides: Type.Array(Override) })) },
      },
      schema: { params: ChangesetParams },
    },
    async (request) => {
      const { changesetId } = request.params
      return { data: await services.changesets.get(callerOf(request, services), appOf(request), changesetId) }
    },
  )

  server.patch(
    `${URL}/:changesetId`,
    {
      config: {
        role: 'user',
        summary: 'Change title and description of a draft; what is absent or null stays as it is.',
        answers: { 200: dataOf(Changeset) },
      },
      schema: {
        params: ChangesetParams,
        body: Type.Object({ title: optional(Type.String()), description: optional(Type.String()) }),
      },
    },
    async (request) => {
      const { title, description } = request.body
      const changes = {
        ...(typeof title === 'string' && { title }),
        ...(typeof description === 'string' && { description }),
      }
      const caller = callerOf(request, services)
      const { changesetId } = request.params
      const changeset = await services.changesets.update(caller, appOf(request), changesetId, changes)
      return { data: presentChangeset(changeset) }
    },
  )

  for (const action of ['submit', 'resubmit'] as const) {
    server.post(
      `${URL}/:changesetId/${action}`,
      {
        config: {
          role: 'user',
          summary: action === 'submit' ? 'Hand a draft in for review.' : 'Hand in a later head for review.',
          answers: { 200: dataOf(Submitted) },
        },
        schema: { params: ChangesetParams, body: SubmissionBody },
      },
      async (request) => {
        const { profile_overrides, reviewer_user_ids } = request.body
        const input = { overrides: profile_overrides ?? undefined, reviewers: reviewer_user_ids ?? undefined }
        const caller = callerOf(request, services)
        return { data: await services.changesets[action](caller, appOf(request), request.params.changesetId, input) }
      },
    )
  }

  server.post(
    `${URL}/:changesetId/review`,
    {
      config: {
        role: 'reviewer',
        summary: 'Approve, ask for changes, or reject; not an own changeset.',
        answers: { 200: dataOf(Changeset) },
      },
      schema: {
        params: ChangesetParams,
        body: Type.Object({
          action: optional(oneOf(REVIEW_ACTIONS)),
          decision: optional(oneOf(['approved', 'changes_requested', 'rejected'])),
          comment: optional(Type.String()),
        }),
      },
    },
    async (request) => {
      const { action, decision, comment = null } = request.body
      const wanted = action ?? DECISIONS[decision ?? '']
      if (wanted === undefined) throw validation('action must be approve, request_changes or reject')
      if (action && decision && DECISIONS[decision] !== action) throw validation('action and decision contradict')
      const caller = callerOf(request, services)
      const { changesetId } = request.params
      const changeset = await services.changesets.review(caller, appOf(request), changesetId, wanted, comment)
      return { data: presentChangeset(changeset) }
    },
  )

  server.post(
    `${URL}/:changesetId/queue`,
    {
      config: { role: 'config_manager', summary: 'Queue an approved changeset.', answers: { 200: dataOf(Changeset) } },
      schema: { params: ChangesetParams },
    },
    async (request) => {
      const { changesetId } = request.params
      const changeset = await services.queue.enter(callerOf(request, services), appOf(request), changesetId)
      return { data: presentChangeset(changeset) }
    },
  )

  server.post(
    `${URL}/:changesetId/move-to-draft`,
    {
      config: { role: 'user', summary: 'Take a changeset back to draft.', answers: { 200: dataOf(Changeset) } },
      schema: { params: ChangesetParams },
    },
    async (request) => {
      const { changesetId } = request.params
      const changeset = await services.changesets.moveToDraft(callerOf(request, services), appOf(request), changesetId)
      return { data: presentChangeset(changeset) }
    },
  )
}

function statesOf(text: string | undefined): ChangesetState[] | undefined {
  if (text === undefined) return undefined
  const states = [...new Set(text.split(','))]
  const known = states.every((state) => (CHANGESET_STATES as readonly string[]).includes(state))
  if (!known) throw validation(`state must be one or more of ${CHANGESET_STATES.join(', ')}`)
  return states as ChangesetState[]
}
