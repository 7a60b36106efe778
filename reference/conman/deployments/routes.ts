/** The routes of deployments. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import { appOf, callerOf } from '../auth/gate.ts'
import { Changeset } from '../changesets/present.ts'
import { emptyBody } from '../http/empty-body.ts'
import { validation } from '../http/errors.ts'
import { AppParams } from '../http/identifiers.ts'
import { PageQuery, pageOf } from '../http/pagination.ts'
import { dataOf, Id, oneOf, optional, pageOfRows } from '../http/schemas.ts'
import { Job, presentJob } from '../jobs/present.ts'
import { ROLLBACK_MODES } from '../mongo/documents.ts'
import { Override } from '../overrides/schemas.ts'
import type { Services } from '../services.ts'
import type { Placed } from './placement.ts'
import { Deployment, presentDeployment } from './present.ts'

const URL = '/api/apps/:appId/environments/:envId'

const EnvironmentParams = Type.Object({ appId: Type.String(), envId: Type.String() })
const Approvals = optional(Type.Array(Type.String(), { maxItems: 100 }))
const DeploymentBody = Type.Object({
  release_id: Type.String(),
  is_skip_stage: optional(Type.Boolean()),
  is_concurrent_batch: optional(Type.Boolean()),
  approvals: Approvals,
})
const Started = dataOf(Type.Object({ deployment: Deployment, job: Job }))

export const deploymentRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (server, { services }) => {
  server.get(
    '/api/apps/:appId/deployments',
    {
      config: { role: 'user', summary: 'List deployments, newest first.', answers: { 200: pageOfRows(Deployment) } },
      schema: { params: AppParams, querystring: PageQuery },
    },
    async (request) => services.deployments.list(callerOf(request, services), appOf(request), pageOf(request.query)),
  )

  for (const action of ['deploy', 'promote'] as const) {
    server.post(
      `${URL}/${action}`,
      {
        config: {
          role: 'config_manager',
          summary:
            action === 'deploy'
              ? 'Deploy a published release to an environment.'
              : 'Deploy a release to the environment after one where it has run.',
          answers: { 201: Started },
        },
        schema: { params: EnvironmentParams, body: DeploymentBody },
      },
      async (request, reply) => {
        const input = inputOf(request.body)
        const caller = callerOf(request, services)
        const placed = await services.deployments[action](caller, appOf(request), request.params.envId, input)
        reply.code(201)
        return { data: presentPlaced(placed) }
      },
    )
  }

  server.post(
    `${URL}/rollback`,
    {
      config: {
        role: 'config_manager',
        summary: 'Deploy a release again that has run there, or take the changes of a release back and deploy that.',
        answers: { 201: Started },
      },
      schema: {
        params: EnvironmentParams,
        body: Type.Object({
          release_id: optional(Type.String()),
          target_release_id: optional(Type.String()),
          mode: oneOf(ROLLBACK_MODES),
          approvals: Approvals,
        }),
      },
    },
    async (request, reply) => {
      const { release_id, target_release_id, mode, approvals } = request.body
      const releaseId = release_id ?? target_release_id
      if (!releaseId) throw validation('release_id is required')
      if (target_release_id && target_release_id !== releaseId) {
        throw validation('release_id and target_release_id contradict')
      }
      const input = { releaseId, mode, approvals: approvals ?? [] }
      const caller = callerOf(request, services)
      const placed = await services.deployments.rollback(caller, appOf(request), request.params.envId, input)
      reply.code(201)
      return { data: presentPlaced(placed) }
    },
  )

  server.post(
    `${URL}/create-drift-fix-changeset`,
    {
      config: {
        role: 'config_manager',
        summary: 'Begin a changeset that takes over what the newest drift check found different.',
        answers: {
          201: dataOf(Type.Object({ changeset: Changeset, profile_overrides: Type.Array(Override), job_id: Id })),
        },
      },
      preValidation: emptyBody,
      schema: {
        params: EnvironmentParams,
        body: Type.Object({ title: optional(Type.String()), workspace_id: optional(Type.String()) }),
      },
    },
    async (request, reply) => {
      const { title = null, workspace_id = null } = request.body
      const input = { title, workspaceId: workspace_id }
      const caller = callerOf(request, services)
      const made = await services.deployments.createDriftFix(caller, appOf(request), request.params.envId, input)
      reply.code(201)
      return { data: made }
    },
  )
}

function inputOf(body: Static<typeof DeploymentBody>) {
  return {
    releaseId: body.release_id,
    isSkipStage: body.is_skip_stage ?? false,
    isConcurrentBatch: body.is_concurrent_batch ?? false,
    approvals: body.approvals ?? [],
  }
}

function presentPlaced({ deployment, job }: Placed) {
  return { deployment: presentDeployment(deployment), job: presentJob(job) }
}
