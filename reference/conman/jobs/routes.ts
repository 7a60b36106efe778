/** Reading jobs. They are made by other routes and finished by the worker. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { appOf, callerOf } from '../auth/gate.ts'
import { AppParams, objectId } from '../http/identifiers.ts'
import { PageQuery, pageOf } from '../http/pagination.ts'
import { dataOf, oneOf, pageOfRows } from '../http/schemas.ts'
import { JOB_STATES, JOB_TYPES } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import { Job, JobLogLine } from './present.ts'

const JobQuery = Type.Object({
  ...PageQuery.properties,
  type: Type.Optional(oneOf(JOB_TYPES)),
  state: Type.Optional(oneOf(JOB_STATES)),
})

export const jobRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (server, { services }) => {
  server.get(
    '/api/apps/:appId/jobs',
    {
      config: { role: 'user', summary: 'List jobs, newest first.', answers: { 200: pageOfRows(Job) } },
      schema: { params: AppParams, querystring: JobQuery },
    },
    async (request) => {
      const { type, state } = request.query
      const filter = { ...(type !== undefined && { type }), ...(state !== undefined && { state }) }
      return services.jobs.list(callerOf(request, services), appOf(request), filter, pageOf(request.query))
    },
  )

  server.get(
    '/api/apps/:appId/jobs/:jobId',
    {
      config: {
        role: 'user',
        summary: 'Read a job and its log.',
        answers: { 200: dataOf(Type.Object({ job: Job, logs: Type.Array(JobLogLine) })) },
      },
      schema: { params: Type.Object({ appId: Type.String(), jobId: Type.String() }) },
    },
    async (request) => {
      const jobId = objectId(request.params.jobId, 'job id')
      return { data: await services.jobs.get(callerOf(request, services), appOf(request), jobId) }
    },
  )
}
