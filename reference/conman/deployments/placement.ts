/**
 * Putting a deployment into its environment. It is the environment's lock as well: there is at most one that is under way.
 *
 * The environment and the release are touched in the same transaction, so that neither changes under it unnoticed.
 */
import { type ClientSession, ObjectId } from 'mongodb'
import type { Caller, User } from '../http/context.ts'
import { notFound, validation } from '../http/errors.ts'
import { createKeyedLock } from '../keyed-lock.ts'
import { CHANGED } from '../mongo/concurrency.ts'
import type {
  AppDocument,
  DeploymentDocument,
  EnvironmentDocument,
  JobDocument,
  ReleaseState,
  RollbackMode,
} from '../mongo/documents.ts'
import { isDuplicateKey } from '../mongo/store.ts'
import type { Services } from '../services.ts'
import { occupied } from './environment.ts'

export interface NewDeployment {
  environment: EnvironmentDocument
  releaseId: ObjectId
  isSkipStage: boolean
  isConcurrentBatch: boolean
  approvals: ObjectId[]
  rollback: { mode: RollbackMode; sourceReleaseId: ObjectId | null } | null
}

export interface Placed {
  deployment: DeploymentDocument
  job: JobDocument
}

export interface Placement {
  /** In a release's states from which it may be deployed. */
  place(caller: Caller, app: AppDocument, wanted: NewDeployment, states: readonly ReleaseState[]): Promise<Placed>
}

export function createPlacement(services: Services): Placement {
  const { data, causality } = services.store
  // Within a process those who want the same environment wait here instead of failing one another's transactions.
  const turns = createKeyedLock<JobDocument>()

  async function touchRelease(
    { _id }: AppDocument,
    releaseId: ObjectId,
    states: readonly ReleaseState[],
    session: ClientSession,
  ): Promise<void> {
    const deployable = { _id: releaseId, app_id: _id, state: { $in: [...states] } }
    const { matchedCount } = await data.release_batches.updateOne(deployable, { $inc: CHANGED }, { session })
    if (matchedCount === 0) throw validation('the release cannot be deployed any more')
  }

  return {
    async place(caller, app, wanted, states) {
      const deployment = newDeployment(app, wanted, caller.user)
      const job = await turns.run(wanted.environment._id.toHexString(), () =>
        causality.transaction(caller.user.id.toHexString(), async (session) => {
          await touchRelease(app, wanted.releaseId, states, session)
          await occupy(services, app, deployment, session)
          return enqueueDeploy(services, deployment, session)
        }),
      )
      services.jobs.counted(job)
      return { deployment: { ...deployment, job_id: job._id }, job }
    },
  }
}

export function newDeployment(app: AppDocument, wanted: NewDeployment, { id }: User): DeploymentDocument {
  const now = new Date()
  return {
    _id: new ObjectId(),
    app_id: app._id,
    environment_id: wanted.environment._id,
    release_id: wanted.releaseId,
    state: 'pending',
    is_skip_stage: wanted.isSkipStage,
    is_concurrent_batch: wanted.isConcurrentBatch,
    approvals: wanted.approvals,
    rollback_mode: wanted.rollback?.mode ?? null,
    rollback_source_release_id: wanted.rollback?.sourceReleaseId ?? null,
    job_id: null,
    started_at: null,
    finished_at: null,
    created_by: id,
    active: true,
    created_at: now,
    updated_at: now,
  }
}

/** Takes the environment, or answers 409 or 404. */
export async function occupy(
  { store }: Services,
  app: AppDocument,
  deployment: DeploymentDocument,
  session: ClientSession,
): Promise<void> {
  const environment = { _id: deployment.environment_id, app_id: app._id }
  const { matchedCount } = await store.data.environments.updateOne(environment, { $inc: CHANGED }, { session })
  if (matchedCount === 0) throw notFound('environment', deployment.environment_id.toHexString())
  try {
    await store.data.deployments.insertOne(deployment, { session })
  } catch (error) {
    throw isDuplicateKey(error) ? occupied() : error
  }
}

/** The job that carries it out. */
export async function enqueueDeploy(
  { jobs, store }: Services,
  deployment: DeploymentDocument,
  session: ClientSession,
): Promise<JobDocument> {
  const { _id, app_id, environment_id, release_id, is_skip_stage, is_concurrent_batch, rollback_mode } = deployment
  const ids = {
    environment_id: environment_id.toHexString(),
    release_id: release_id.toHexString(),
    deployment_id: _id.toHexString(),
  }
  const how = rollback_mode === null ? { is_skip_stage, is_concurrent_batch } : { rollback_mode }
  const job = await jobs.enqueue(
    {
      appId: app_id,
      type: 'deploy_release',
      entityId: ids.deployment_id,
      payload: { ...ids, ...how },
      createdBy: deployment.created_by,
    },
    session,
  )
  const { matchedCount } = await store.data.deployments.updateOne(
    { _id, active: true, job_id: null },
    { $set: { job_id: job._id, updated_at: new Date() } },
    { session },
  )
  if (matchedCount === 0) throw new Error('the deployment has a job already, or is over')
  return job
}
