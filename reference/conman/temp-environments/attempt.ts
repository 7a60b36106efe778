/**
 * Holding an environment for one attempt of a job.
 *
 * The attempt writes its job's id and fencing number into the environment; all its later writes ask for them. An attempt that
 * was frozen, and whose job another worker has taken over meanwhile, finds other numbers and changes nothing any more.
 */
import { type Filter, ObjectId } from 'mongodb'
import { isObjectId } from '../http/identifiers.ts'
import type { ClaimedJob } from '../jobs/handler.ts'
import type { AppDocument, TempEnvironmentDocument, TempEnvironmentState } from '../mongo/documents.ts'
import type { Services } from '../services.ts'

/** What a job is about, if it is there. */
export async function environmentOf(services: Services, job: ClaimedJob): Promise<TempEnvironmentDocument | null> {
  if (!isObjectId(job.entity_id)) return null
  const query = { _id: new ObjectId(job.entity_id), app_id: job.app_id }
  return services.store.data.temp_environments.findOne(query)
}

export async function appOf(services: Services, { app_id }: TempEnvironmentDocument): Promise<AppDocument> {
  const app = await services.store.lookups.app(app_id)
  if (app === undefined) throw new Error('the app of the temp environment does not exist')
  return app
}

/** Takes the environment for this attempt; null when it is in another state, or a later attempt has it. */
export async function take(
  services: Services,
  job: ClaimedJob,
  environment: TempEnvironmentDocument,
  states: readonly TempEnvironmentState[],
): Promise<TempEnvironmentDocument | null> {
  return services.store.data.temp_environments.findOneAndUpdate(
    takeable(job, environment, states),
    { $set: { job_id: job._id, job_fence: job.fence } },
    { returnDocument: 'after' },
  )
}

/** Matches the environment unless a later attempt of the same job has it. */
export function takeable(
  job: ClaimedJob,
  { _id }: TempEnvironmentDocument,
  states: readonly TempEnvironmentState[],
): Filter<TempEnvironmentDocument> {
  const unlessLater = [{ job_id: { $ne: job._id } }, { job_fence: { $lte: job.fence } }]
  return { _id, state: { $in: [...states] }, $or: unlessLater }
}

/** Matches the environment while this attempt has it. */
export function held(job: ClaimedJob, { _id, state }: TempEnvironmentDocument): Filter<TempEnvironmentDocument> {
  return { _id, state, job_id: job._id, job_fence: job.fence }
}

/** What a hook is told. */
export function hookPayload(job: ClaimedJob, environment: TempEnvironmentDocument): Record<string, unknown> {
  const { _id, kind, source_id, url, db_name, branch_name, head_sha, runtime_profile_id } = environment
  return { ...job.payload, temp_env_id: _id, kind, source_id, url, db_name, branch_name, head_sha, runtime_profile_id }
}
