/**
 * Making what an environment consists of: a branch with its files, a database, a runtime profile, and what the hook adds.
 *
 * Each step can be repeated and finds what an earlier attempt has made. When no attempt is left the environment is deleted,
 * and what there is of it is cleaned up like that of any other.
 */
import { ObjectId } from 'mongodb'
import { repositoryOf } from '../apps/service.ts'
import { branchRef } from '../git/wire.ts'
import type { JobContext, JobFailure, JobHandler, JobResult } from '../jobs/handler.ts'
import { describeError } from '../logging.ts'
import type { AppDocument, TempEnvironmentDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import { appOf, environmentOf, held, hookPayload, take, takeable } from './attempt.ts'
import { cleanupJob } from './cleanup.ts'
import { after, ENDED, IDLE_MS } from './lifetime.ts'
import { profileNameOf } from './names.ts'
import { mail, record } from './telling.ts'

/** The document by which a database of a temporary environment can be told. */
const INIT_COLLECTION = 'conman_environment'
const INIT_ID = 'init'

export function createProvisioning(services: Services): JobHandler {
  const { data, causality } = services.store

  /** Stores a step's outcome, unless another attempt has the environment. */
  async function note(
    { job }: JobContext,
    environment: TempEnvironmentDocument,
    set: Partial<TempEnvironmentDocument>,
  ): Promise<TempEnvironmentDocument> {
    const noted = await data.temp_environments.findOneAndUpdate(
      held(job, environment),
      { $set: { ...set, updated_at: new Date() } },
      { returnDocument: 'after' },
    )
    if (noted === null) throw new Error('another attempt has the temp environment')
    return noted
  }

  /** The commit is noted before anything is made of it, so that every attempt makes the same. */
  async function withHead(context: JobContext, app: AppDocument, environment: TempEnvironmentDocument) {
    if (environment.head_sha) return environment
    const revision = await revisionOf(app, environment)
    const head_sha = revision && (await services.git.resolve(repositoryOf(app), revision, context.origin))
    if (!head_sha) throw new Error(`the ${environment.kind} has no commit`)
    return note(context, environment, { head_sha })
  }

  async function revisionOf(app: AppDocument, { kind, source_id }: TempEnvironmentDocument) {
    const query = { _id: new ObjectId(source_id), app_id: app._id }
    if (kind === 'changeset') return (await data.changesets.findOne(query))?.head_sha
    const workspace = await data.workspaces.findOne(query)
    return workspace === null ? undefined : branchRef(workspace.branch_name)
  }

  async function makeBranch(context: JobContext, app: AppDocument, { branch_name, head_sha }: TempEnvironmentDocument) {
    if (!branch_name) return
    await services.git.forceReference(repositoryOf(app), branchRef(branch_name), head_sha ?? '', context.origin)
    context.log('info', 'branch made', { branch_name, head_sha })
  }

  /** In one transaction with a look at who has the environment: a late attempt must not bring a dropped database back. */
  async function makeDatabase(context: JobContext, environment: TempEnvironmentDocument): Promise<void> {
    const { _id, app_id, kind, source_id, head_sha, db_name } = environment
    const created_at = new Date()
    await causality.transaction([], async (session) => {
      const filter = held(context.job, environment)
      const { matchedCount } = await data.temp_environments.updateOne(
        filter,
        { $set: { updated_at: created_at } },
        { session },
      )
      if (matchedCount === 0) throw new Error('another attempt has the temp environment')
      const init = { temp_env_id: _id, app_id, kind, source_id, head_sha, created_at }
      await services.store
        .database(db_name)
        .collection<{ _id: string }>(INIT_COLLECTION)
        .updateOne({ _id: INIT_ID }, { $setOnInsert: init }, { session, upsert: true })
    })
    context.log('info', 'database made', { db_name })
  }

  async function withProfile(context: JobContext, app: AppDocument, environment: TempEnvironmentDocument) {
    const { kind, url, env_var_overrides } = environment
    const profile = await services.profiles.derive(context.origin, app, {
      baseId: environment.base_profile_id ?? (await defaultBase(app)),
      kind: kind === 'workspace' ? 'temp_workspace' : 'temp_changeset',
      name: profileNameOf(environment),
      baseUrl: `https://${url}`,
      envVars: env_var_overrides ?? {},
    })
    context.log('info', 'runtime profile made', { runtime_profile_id: profile._id })
    return note(context, environment, { runtime_profile_id: profile._id })
  }

  /** The first environment's. */
  async function defaultBase(app: AppDocument) {
    const first = await data.environments.findOne({ app_id: app._id }, { sort: { position: 1 } })
    return first?.runtime_profile_id ?? null
  }

  async function runHook(context: JobContext, environment: TempEnvironmentDocument): Promise<void> {
    const command = services.config.commands.tempEnvProvision
    if (command === undefined) return
    const payload = hookPayload(context.job, environment)
    await services.commands(context, { command, phase: 'temp_env_provision_hook', payload })
  }

  async function provision(context: JobContext, taken: TempEnvironmentDocument): Promise<TempEnvironmentDocument> {
    const app = await appOf(services, taken)
    const withFiles = await withHead(context, app, taken)
    await makeBranch(context, app, withFiles)
    await makeDatabase(context, withFiles)
    const complete = await withProfile(context, app, withFiles)
    await runHook(context, complete)
    const now = new Date()
    const expires_at = after(now, IDLE_MS)
    return note(context, complete, {
      state: 'active',
      last_activity_at: now,
      expires_at: complete.expires_at > expires_at ? complete.expires_at : expires_at,
      grace_expires_at: null,
    })
  }

  /** Tells once, also when the job is run again after its effect was stored. */
  async function provisioned({ origin }: JobContext, environment: TempEnvironmentDocument): Promise<JobResult> {
    const id = environment._id.toHexString()
    const { branch_name, db_name, runtime_profile_id, url, state } = environment
    await record(services, origin, environment, {
      action: 'provisioned',
      from: 'provisioning',
      actor: null,
      details: { branch_name, db_name, runtime_profile_id },
      once: `temp_environment provisioned ${id}`,
    })
    return { status: 'active', temp_env_id: id, url, state }
  }

  /** What a late attempt has made of an environment that has ended since is removed by the clean-up, which is asked again. */
  async function askForCleanup(environment: TempEnvironmentDocument): Promise<void> {
    const ended = { _id: environment._id, state: { $in: [...ENDED] } }
    const { matchedCount } = await data.temp_environments.updateOne(ended, {
      $set: { cleanup_requested_at: new Date() },
    })
    if (matchedCount > 0) await services.jobs.enqueueOnce(cleanupJob(environment, null, { trigger: 'late_provision' }))
  }

  async function fail({ job }: JobContext): Promise<TempEnvironmentDocument | null> {
    const found = await environmentOf(services, job)
    if (found === null) return null
    const now = new Date()
    const set = { state: 'deleted' as const, active: false, cleanup_requested_at: now, updated_at: now }
    const cleanup = await causality.transaction([], async (session) => {
      const { matchedCount } = await data.temp_environments.updateOne(
        takeable(job, found, ['provisioning']),
        { $set: { ...set, job_id: job._id, job_fence: job.fence } },
        { session },
      )
      if (matchedCount === 0) return undefined
      return services.jobs.enqueue(cleanupJob(found, null, { trigger: 'provision_failed' }), session)
    })
    if (cleanup !== undefined) services.jobs.counted(cleanup)
    return environmentOf(services, job)
  }

  return {
    async run(context) {
      const { job } = context
      const found = await environmentOf(services, job)
      if (found === null) return { status: 'skipped', reason: 'not_found' }
      const isDone = found.state === 'active' && found.job_id?.equals(job._id)
      if (isDone) return provisioned(context, found)
      const taken = await take(services, job, found, ['provisioning'])
      if (taken === null) return { status: 'skipped', reason: 'not_provisioning' }
      try {
        return await provisioned(context, await provision(context, taken))
      } catch (error) {
        await askForCleanup(taken).catch((unasked: unknown) => {
          services.logger.warn({ temp_env_id: taken._id, ...describeError(unasked) }, 'clean-up not asked for')
        })
        throw error
      }
    },

    async settle(context: JobContext, { problem }: JobFailure) {
      const environment = await fail(context)
      // Ended in another way, or told before.
      if (environment === null || environment.state !== 'deleted') return
      const id = environment._id.toHexString()
      const app = await appOf(services, environment)
      await Promise.all([
        record(services, context.origin, environment, {
          action: 'provision_failed',
          from: 'provisioning',
          actor: null,
          details: { problem },
          once: `temp_environment provision_failed ${id}`,
        }),
        mail(services, app, environment, 'temp_env_provision_failed', null, 'provision_failed'),
      ])
    },
  }
}
