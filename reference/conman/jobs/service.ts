/** Jobs as the API shows them, and how they come into the queue. */
import { type Filter, ObjectId } from 'mongodb'
import type { Caller } from '../http/context.ts'
import { notFound } from '../http/errors.ts'
import { type Page, type Paginated, paginated } from '../http/pagination.ts'
import type { AppDocument, JobDocument, JobLogDocument, JobState, JobType } from '../mongo/documents.ts'
import type { Services } from '../services.ts'

export interface NewJob {
  appId: ObjectId
  type: JobType
  entityType: string
  entityId: string
  payload: Record<string, unknown>
  createdBy: ObjectId | null
}

export interface JobService {
  list(
    caller: Caller,
    app: AppDocument,
    filter: { type?: JobType; state?: JobState },
    page: Page,
  ): Promise<Paginated<unknown>>
  get(caller: Caller, app: AppDocument, jobId: ObjectId): Promise<unknown>
  enqueue(job: NewJob): Promise<JobDocument>
}

/** How long a job of a type may run, and how often it is tried again (E06). */
export const JOB_RULES: Record<JobType, { timeoutMs: number; maxRetries: number }> = {
  msuite_submit: { timeoutMs: 300_000, maxRetries: 3 },
  msuite_merge: { timeoutMs: 300_000, maxRetries: 3 },
  msuite_deploy: { timeoutMs: 600_000, maxRetries: 2 },
  runtime_profile_drift_check: { timeoutMs: 300_000, maxRetries: 3 },
  release_assemble: { timeoutMs: 600_000, maxRetries: 2 },
  revalidate_queued_changeset: { timeoutMs: 300_000, maxRetries: 3 },
  deploy_release: { timeoutMs: 900_000, maxRetries: 1 },
  temp_env_provision: { timeoutMs: 300_000, maxRetries: 2 },
  temp_env_expire: { timeoutMs: 60_000, maxRetries: 3 },
}

const MAX_LOG_LINES = 1000

export function createJobService(services: Services): JobService {
  const { data, lists, causality } = services.store
  return {
    async list(caller, app, { type, state }, page) {
      const query: Filter<JobDocument> = {
        app_id: app._id,
        ...(type !== undefined && { job_type: type }),
        ...(state !== undefined && { state }),
      }
      return causality.read(caller.user.id.toHexString(), async (session) => {
        const total = await lists.jobs.countDocuments(query, { session })
        const found = await lists.jobs
          .find(query, { session })
          .sort({ created_at: -1 })
          .skip(page.skip)
          .limit(page.limit)
          .toArray()
        return paginated(page, total, found.map(presentJob))
      })
    },

    async get(caller, app, jobId) {
      return causality.read(caller.user.id.toHexString(), async (session) => {
        const job = await lists.jobs.findOne({ _id: jobId, app_id: app._id }, { session })
        if (job === null) throw notFound('job', jobId.toHexString())
        const logs = await lists.job_logs
          .find({ job_id: jobId }, { session })
          .sort({ timestamp: 1, _id: 1 })
          .limit(MAX_LOG_LINES)
          .toArray()
        return { job: presentJob(job), logs: logs.map(presentLogLine) }
      })
    },

    async enqueue(job) {
      const { timeoutMs, maxRetries } = JOB_RULES[job.type]
      const now = new Date()
      const document: JobDocument = {
        _id: new ObjectId(),
        app_id: job.appId,
        job_type: job.type,
        state: 'queued',
        entity_type: job.entityType,
        entity_id: job.entityId,
        payload: job.payload,
        result: null,
        error_message: null,
        retry_count: 0,
        max_retries: maxRetries,
        timeout_ms: timeoutMs,
        created_by: job.createdBy,
        created_at: now,
        started_at: null,
        finished_at: null,
        updated_at: now,
        locked_until: null,
        locked_by: null,
        attempts: 0,
        max_attempts: maxRetries + 1,
        fence: 0,
      }
      await causality.write(job.createdBy?.toHexString() ?? '', (session) => data.jobs.insertOne(document, { session }))
      services.metrics.jobEnqueued(job.type)
      return document
    },
  }
}

export function presentJob(job: JobDocument) {
  return {
    id: job._id,
    app_id: job.app_id,
    job_type: job.job_type,
    state: job.state,
    entity_type: job.entity_type,
    entity_id: job.entity_id,
    payload: job.payload,
    result: job.result,
    error_message: job.error_message,
    retry_count: job.retry_count,
    max_retries: job.max_retries,
    timeout_ms: job.timeout_ms,
    created_by: job.created_by,
    created_at: job.created_at,
    started_at: job.started_at,
    finished_at: job.finished_at,
    updated_at: job.updated_at,
  }
}

function presentLogLine({ _id, ...line }: JobLogDocument) {
  return { id: _id, ...line }
}
