/** Jobs as the API shows them, how they come into the queue, and how operators hold a type of them back. */
import { type ClientSession, type Filter, MongoBulkWriteError, ObjectId } from 'mongodb'
import type { Caller } from '../http/context.ts'
import { notFound } from '../http/errors.ts'
import { type Page, type Paginated, paginated } from '../http/pagination.ts'
import type { AppDocument, ExclusiveWhile, JobDocument, JobState, JobType } from '../mongo/documents.ts'
import { createLister } from '../mongo/listing.ts'
import { isDuplicateKey } from '../mongo/store.ts'
import type { Services } from '../services.ts'
import { MAX_LOG_LINES } from './log.ts'
import { presentJob, presentLogLine } from './present.ts'

export interface NewJob {
  appId: ObjectId
  type: JobType
  entityId: string
  payload: Record<string, unknown>
  createdBy: ObjectId | null
  /** At most one job with this key is there at a time: while it waits in the queue, or until it is finished. */
  exclusive?: { key: string; while: ExclusiveWhile }
}

export interface JobFilter {
  type?: JobType
  state?: JobState
}

export interface JobService {
  list(caller: Caller, app: AppDocument, filter: JobFilter, page: Page): Promise<Paginated<unknown>>
  get(caller: Caller, app: AppDocument, jobId: ObjectId): Promise<unknown>
  /** In a transaction the caller counts the job (`counted`) once it is committed. */
  enqueue(job: NewJob, session?: ClientSession): Promise<JobDocument>
  /** As enqueue, unless there is such an exclusive job already: then that one. */
  enqueueOnce(job: NewJob & Required<Pick<NewJob, 'exclusive'>>): Promise<JobDocument>
  /** Many exclusive jobs at once; those that are there already are left out. Answers how many are new. */
  enqueueMissing(jobs: NewJob[]): Promise<number>
  counted(job: JobDocument): void
  /** The newest job of a type for an entity, from the primary: what a gate looks at. */
  newest(
    appId: ObjectId,
    type: JobType,
    entityId: string,
    payload?: Record<string, unknown>,
  ): Promise<JobDocument | null>
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
  // Three attempts (E10); later the sweep asks again.
  temp_env_expire: { timeoutMs: 60_000, maxRetries: 2 },
}

export function createJobService(services: Services): JobService {
  const { data, lists, causality } = services.store
  const listed = createLister(services.store, 'jobs', { created_at: -1, _id: -1 })
  return {
    async list(caller, app, { type, state }, page) {
      const query: Filter<JobDocument> = {
        app_id: app._id,
        ...(type !== undefined && { job_type: type }),
        ...(state !== undefined && { state }),
      }
      const { total, found } = await listed(caller.user.id, query, page)
      return paginated(page, total, found.map(presentJob))
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

    async enqueue(job, session) {
      const document = documentOf(job)
      if (session !== undefined) {
        await data.jobs.insertOne(document, { session })
        return document
      }
      await causality.write(creator(job), (own) => data.jobs.insertOne(document, { session: own }))
      this.counted(document)
      return document
    },

    async enqueueOnce(job) {
      for (;;) {
        try {
          return await this.enqueue(job)
        } catch (error) {
          if (!isDuplicateKey(error)) throw error
          const present = await data.jobs.findOne({ exclusive_key: job.exclusive.key })
          // It may have ended between the two looks; then there is room for a new one.
          if (present !== null) return present
        }
      }
    },

    async enqueueMissing(jobs) {
      if (jobs.length === 0) return 0
      const documents = jobs.map(documentOf)
      let refused = new Set<number>()
      try {
        await causality.write(jobs.map(creator), (session) =>
          data.jobs.insertMany(documents, { session, ordered: false }),
        )
      } catch (error) {
        if (!(error instanceof MongoBulkWriteError) || !isDuplicateKey(error)) throw error
        refused = new Set([error.writeErrors].flat().map(({ index }) => index))
      }
      const inserted = documents.filter((_, index) => !refused.has(index))
      for (const document of inserted) this.counted(document)
      return inserted.length
    },

    counted: (job) => services.metrics.jobEnqueued(job.job_type),

    async newest(appId, type, entityId, payload = {}) {
      const query: Filter<JobDocument> = {
        app_id: appId,
        entity_type: ENTITY_TYPE[type],
        entity_id: entityId,
        job_type: type,
      }
      for (const [name, value] of Object.entries(payload)) Object.assign(query, { [`payload.${name}`]: value })
      return data.jobs.findOne(query, { sort: { created_at: -1, _id: -1 } })
    },
  }
}

/** What a job of each type is about. */
export const ENTITY_TYPE: Record<JobType, string> = {
  msuite_submit: 'changeset',
  msuite_merge: 'release',
  msuite_deploy: 'environment_release',
  runtime_profile_drift_check: 'environment',
  release_assemble: 'release',
  revalidate_queued_changeset: 'changeset',
  deploy_release: 'deployment',
  temp_env_provision: 'temp_environment',
  temp_env_expire: 'temp_environment',
}

function creator(job: NewJob): string {
  return job.createdBy?.toHexString() ?? ''
}

function documentOf(job: NewJob): JobDocument {
  const { timeoutMs, maxRetries } = JOB_RULES[job.type]
  const now = new Date()
  return {
    _id: new ObjectId(),
    app_id: job.appId,
    job_type: job.type,
    state: 'queued',
    entity_type: ENTITY_TYPE[job.type],
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
    heartbeat_at: null,
    not_before: null,
    ...(job.exclusive !== undefined && { exclusive_key: job.exclusive.key, exclusive_while: job.exclusive.while }),
  }
}
