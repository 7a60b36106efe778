/**
 * Removing what an environment that has ended consists of: its database, its branch, its profile, and what the hook knows of.
 *
 * Each step can be repeated. When no attempt is left the environment stays as it is, and the sweep asks again later.
 */
import type { ObjectId } from 'mongodb'
import { repositoryOf } from '../apps/service.ts'
import { branchRef } from '../git/wire.ts'
import { FinalJobError, type JobContext, type JobHandler, type JobResult } from '../jobs/handler.ts'
import type { NewJob } from '../jobs/service.ts'
import type { AppDocument, ProfileKind, TempEnvironmentDocument, TempEnvironmentState } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import { appOf, environmentOf, held, hookPayload, take } from './attempt.ts'
import { ENDED } from './lifetime.ts'
import { isBranchOf, isDatabaseName, profileNameOf } from './names.ts'
import { record } from './telling.ts'

const TEMPORARY: readonly ProfileKind[] = ['temp_workspace', 'temp_changeset']

/** One at a time for an environment. */
export function cleanupJob(
  { _id, app_id }: Pick<TempEnvironmentDocument, '_id' | 'app_id'>,
  createdBy: ObjectId | null,
  payload: Record<string, unknown>,
): NewJob & Required<Pick<NewJob, 'exclusive'>> {
  const entityId = _id.toHexString()
  const exclusive = { key: `temp_env_expire ${entityId}`, while: 'unfinished' as const }
  return { appId: app_id, type: 'temp_env_expire', entityId, payload, createdBy, exclusive }
}

export function createCleanup(services: Services): JobHandler {
  const { data } = services.store

  async function dropDatabase({ app_id, db_name }: TempEnvironmentDocument): Promise<void> {
    // The row says what is dropped: nothing but a database of this app's temporary environments may be.
    if (!isDatabaseName(app_id, db_name)) throw new FinalJobError('the row does not name a database of its own')
    await services.store.database(db_name).dropDatabase()
  }

  async function deleteBranch(context: JobContext, app: AppDocument, environment: TempEnvironmentDocument) {
    const branch = environment.branch_name ?? null
    if (branch === null) return
    if (!isBranchOf(environment._id, branch)) throw new FinalJobError('the row does not name a branch of its own')
    await services.git.deleteReference(repositoryOf(app), branchRef(branch), context.origin)
  }

  /** By its name too: an attempt at provisioning may have ended before it could note the id. */
  async function discardProfile(environment: TempEnvironmentDocument): Promise<void> {
    const { app_id, runtime_profile_id, url } = environment
    const named = { name: profileNameOf(environment), base_url: `https://${url}` }
    const noted = runtime_profile_id === null ? [] : [{ _id: runtime_profile_id }]
    const own = { app_id, kind: { $in: [...TEMPORARY] }, $or: [named, ...noted] }
    const profiles = await data.runtime_profiles.find(own, { projection: { _id: 1 } }).toArray()
    for (const { _id } of profiles) await services.profiles.discard(app_id, _id)
  }

  async function cleanUp(context: JobContext, app: AppDocument, environment: TempEnvironmentDocument): Promise<void> {
    await dropDatabase(environment)
    context.log('info', 'database dropped', { db_name: environment.db_name })
    await deleteBranch(context, app, environment)
    if (environment.branch_name) context.log('info', 'branch deleted', { branch_name: environment.branch_name })
    await discardProfile(environment)
    context.log('info', 'runtime profile removed', { runtime_profile_id: environment.runtime_profile_id })
    const command = services.config.commands.tempEnvExpire
    if (command === undefined) return
    const payload = hookPayload(context.job, environment)
    await services.commands(context, { command, phase: 'temp_env_expire_hook', payload })
  }

  /** Tells once, also when the job is run again after its effect was stored. */
  async function cleanedUp(
    { origin }: JobContext,
    environment: TempEnvironmentDocument,
    from: TempEnvironmentState,
  ): Promise<JobResult> {
    const id = environment._id.toHexString()
    await record(services, origin, environment, {
      action: 'cleaned_up',
      from,
      actor: null,
      details: { db_name: environment.db_name, branch_name: environment.branch_name ?? null },
      once: `temp_environment cleaned_up ${id}`,
    })
    return { status: 'deleted', temp_env_id: id }
  }

  return {
    async run(context) {
      const { job } = context
      const found = await environmentOf(services, job)
      if (found === null) return { status: 'skipped', reason: 'not_found' }
      const isDone = found.state === 'deleted' && (found.cleanup_requested_at ?? null) === null
      if (isDone) return cleanedUp(context, found, 'deleted')
      const environment = await take(services, job, found, ENDED)
      if (environment === null) return { status: 'skipped', reason: 'not_due' }
      await cleanUp(context, await appOf(services, environment), environment)
      const set = {
        state: 'deleted' as const,
        active: false,
        runtime_profile_id: null,
        cleanup_requested_at: null,
        updated_at: new Date(),
      }
      const filter = held(job, environment)
      const deleted = await data.temp_environments.findOneAndUpdate(filter, { $set: set }, { returnDocument: 'after' })
      if (deleted === null) throw new Error('another attempt has the temp environment')
      return cleanedUp(context, deleted, environment.state)
    },

    async settle({ job, log }, { problem }) {
      log('error', 'the temp environment is not cleaned up', { problem })
      services.logger.error({ temp_env_id: job.entity_id, problem }, 'temp environment not cleaned up')
    },
  }
}
