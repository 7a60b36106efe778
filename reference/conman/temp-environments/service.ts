/**
 * Temporary environments: a place of its own for one workspace or changeset, which goes away by itself when nobody uses it.
 *
 * Requests move the state and leave the work to jobs (provisioning.ts, cleanup.ts); the sweep (sweeps.ts) lets time pass.
 */
import { type Document, MongoServerError, ObjectId, type UpdateFilter } from 'mongodb'
import { invalidTransition } from '../changesets/machine.ts'
import type { Caller } from '../http/context.ts'
import { ApiError, conflict, forbidden, notFound, validation } from '../http/errors.ts'
import { objectId } from '../http/identifiers.ts'
import { type Page, type Paginated, paginated } from '../http/pagination.ts'
import { presentJob } from '../jobs/present.ts'
import { describeError } from '../logging.ts'
import type {
  AppDocument,
  ChangesetDocument,
  EnvValue,
  JobDocument,
  TempEnvironmentDocument,
  TempEnvironmentState,
} from '../mongo/documents.ts'
import { createLister } from '../mongo/listing.ts'
import { isDuplicateKey } from '../mongo/store.ts'
import { envKeyProblem, envValueProblem, plainEnvVars } from '../profiles/env-vars.ts'
import { atLeast } from '../roles.ts'
import type { Services } from '../services.ts'
import { cleanupJob } from './cleanup.ts'
import { after, extensionMs, type GivenExtension, GRACE_MS, IDLE_MS, MAX_LIFE_MS, SHOWN } from './lifetime.ts'
import { branchOf, drawName, namesOf } from './names.ts'
import { presentTempEnvironment } from './present.ts'
import { findSource, type GivenSource, requireSource, type Source } from './source.ts'
import { mail, record } from './telling.ts'

export interface NewTempEnvironment extends GivenSource {
  base_profile_id?: string | null | undefined
  /** The real server's name for a profile to run with; its content is what the environment's own begins from. */
  runtime_profile_id?: string | null | undefined
  env_var_overrides?: Record<string, EnvValue> | null | undefined
}

export interface TempEnvironmentService {
  /** Those that are not deleted, newest first. */
  list(caller: Caller, app: AppDocument, page: Page): Promise<Paginated<unknown>>
  create(caller: Caller, app: AppDocument, input: NewTempEnvironment): Promise<unknown>
  extend(caller: Caller, app: AppDocument, id: string, by: GivenExtension): Promise<unknown>
  undoExpire(caller: Caller, app: AppDocument, id: string): Promise<unknown>
  delete(caller: Caller, app: AppDocument, id: string): Promise<unknown>
  /**
   * A suite runs for a changeset: that keeps the temporary environments of it and of its workspace alive. What goes wrong is
   * logged, and never fails what was done.
   */
  touch(changeset: Pick<ChangesetDocument, '_id' | 'app_id' | 'workspace_id'>): Promise<void>
}

const MAX_OVERRIDES = 200
const MAX_OVERRIDE_BYTES = 65_536
/** A drawn name is taken once in hundreds of millions of times. */
const NAME_DRAWS = 5

/** Activity never shortens a life. */
function kept(now: Date, from: unknown = '$expires_at'): Document {
  return {
    last_activity_at: now,
    expires_at: { $max: [from, after(now, IDLE_MS)] },
    expiry_warning_sent: false,
    updated_at: now,
  }
}

export function createTempEnvironmentService(
  services: Services,
  draw: () => string = drawName,
): TempEnvironmentService {
  const { data, causality } = services.store
  const listed = createLister(services.store, 'temp_environments', { created_at: -1, _id: -1 })

  async function current(app: AppDocument, given: string): Promise<TempEnvironmentDocument> {
    const id = objectId(given, 'temp environment id')
    const environment = await data.temp_environments.findOne({ _id: id, app_id: app._id })
    if (environment === null) throw notFound('temp environment', id.toHexString())
    return environment
  }

  async function changeable(caller: Caller, app: AppDocument, given: string): Promise<TempEnvironmentDocument> {
    const environment = await current(app, given)
    if (!environment.owner_user_id.equals(caller.user.id) && !atLeast(caller.role, 'config_manager')) {
      throw forbidden('only its creator or a config_manager may change a temp environment')
    }
    return environment
  }

  /** One conditional write; undefined when the environment is not (any more) as the condition says. */
  async function change(
    caller: Caller,
    condition: Document,
    update: UpdateFilter<TempEnvironmentDocument> | Document[],
  ): Promise<TempEnvironmentDocument | undefined> {
    const changed = await causality.write(caller.user.id.toHexString(), (session) =>
      data.temp_environments.findOneAndUpdate(condition, update, { session, returnDocument: 'after' }),
    )
    return changed ?? undefined
  }

  async function insert(caller: Caller, environment: TempEnvironmentDocument): Promise<JobDocument> {
    const id = environment._id.toHexString()
    const job = await causality.transaction(caller.user.id.toHexString(), async (session) => {
      await data.temp_environments.insertOne(environment, { session })
      const provision = {
        appId: environment.app_id,
        type: 'temp_env_provision' as const,
        entityId: id,
        payload: { temp_env_id: id, kind: environment.kind },
        createdBy: caller.user.id,
      }
      return services.jobs.enqueue(provision, session)
    })
    services.jobs.counted(job)
    return job
  }

  return {
    async list(caller, app, page) {
      const query = { app_id: app._id, state: { $in: [...SHOWN] } }
      const { total, found } = await listed(caller.user.id, query, page)
      return paginated(page, total, found.map(presentTempEnvironment))
    },

    async create(caller, app, input) {
      const source = await findSource(services, app, requireSource(input))
      const baseId = input.base_profile_id ?? input.runtime_profile_id
      const base = baseId == null ? null : await services.profiles.baseOf(app, baseId)
      const overrides = checkedOverrides(input.env_var_overrides ?? {})
      for (let draws = 1; ; draws += 1) {
        const environment = documentOf(caller, app, source, base, overrides, {
          name: draw(),
          domain: services.config.tempUrlDomain,
        })
        try {
          const job = await insert(caller, environment)
          const details = { kind: source.kind, source_id: environment.source_id, url: environment.url }
          const told = { action: 'created', from: null, actor: caller.user, details }
          await record(services, caller, environment, told)
          return { temp_env: presentTempEnvironment(environment), job: presentJob(job) }
        } catch (error) {
          if (!isDuplicateKey(error)) throw error
          if (!isNameTaken(error)) throw conflict(`the ${source.kind} has a temp environment already`)
          if (draws === NAME_DRAWS) throw error
        }
      }
    },

    async extend(caller, app, id, by) {
      const before = await changeable(caller, app, id)
      const byMs = extensionMs(by)
      const now = new Date()
      const extended = { $add: ['$expires_at', byMs] }
      const withinLife = { $expr: { $lte: [extended, { $add: ['$created_at', MAX_LIFE_MS] }] } }
      const condition = { _id: before._id, state: 'active', ...withinLife }
      const environment = await change(caller, condition, [{ $set: kept(now, extended) }])
      if (environment === undefined) {
        const { state } = await current(app, id)
        if (state !== 'active') throw invalidTransition(state, 'extend')
        throw validation('a temp environment lives at most 72 hours')
      }
      const told = { action: 'extended', from: before.state, actor: caller.user, details: { by_seconds: byMs / 1000 } }
      await record(services, caller, environment, told)
      return { temp_env: presentTempEnvironment(environment), job: null }
    },

    async undoExpire(caller, app, id) {
      const before = await changeable(caller, app, id)
      const now = new Date()
      const condition = { _id: before._id, state: 'expiring', grace_expires_at: { $gt: now } }
      const set = {
        state: 'active' as const,
        last_activity_at: now,
        expires_at: after(now, IDLE_MS),
        grace_expires_at: null,
        expiry_warning_sent: false,
        updated_at: now,
      }
      const environment = await change(caller, condition, { $set: set })
      if (environment === undefined) {
        const { state } = await current(app, id)
        if (state === 'expiring' || state === 'expired') {
          throw new ApiError('gone', 'gone: the grace period of the temp environment is over')
        }
        throw invalidTransition(state, 'undo_expire')
      }
      await record(services, caller, environment, { action: 'undo_expired', from: 'expiring', actor: caller.user })
      return { temp_env: presentTempEnvironment(environment), job: null }
    },

    async delete(caller, app, id) {
      const before = await changeable(caller, app, id)
      const now = new Date()
      const condition = { _id: before._id, state: { $in: ['active', 'expiring'] satisfies TempEnvironmentState[] } }
      const set = { state: 'deleted' as const, active: false, cleanup_requested_at: now, updated_at: now }
      const done = await causality.transaction(caller.user.id.toHexString(), async (session) => {
        const environment = await data.temp_environments.findOneAndUpdate(
          condition as Document,
          { $set: set },
          { session, returnDocument: 'after' },
        )
        if (environment === null) return undefined
        return { environment, job: await services.jobs.enqueue(cleanupJob(environment, caller.user.id, {}), session) }
      })
      if (done === undefined) throw invalidTransition((await current(app, id)).state, 'delete')
      const { environment, job } = done
      services.jobs.counted(job)
      await Promise.all([
        record(services, caller, environment, { action: 'deleted', from: before.state, actor: caller.user }),
        mail(services, app, environment, 'temp_env_deleted', caller.user, 'deleted'),
      ])
      return { temp_env: presentTempEnvironment(environment), job: presentJob(job) }
    },

    async touch({ _id, app_id, workspace_id }) {
      const sources = [
        { kind: 'changeset' as const, source_id: _id.toHexString() },
        { kind: 'workspace' as const, source_id: workspace_id.toHexString() },
      ]
      const living = { app_id, active: true, state: 'active' as const, $or: sources }
      try {
        // Mostly there is none, and an update that changes nothing still waits for the majority.
        if ((await data.temp_environments.findOne(living, { projection: { _id: 1 } })) === null) return
        await data.temp_environments.updateMany(living, [{ $set: kept(new Date()) }])
      } catch (error) {
        services.logger.warn({ changeset_id: _id, ...describeError(error) }, 'temp environments not kept alive')
      }
    },
  }
}

function documentOf(
  caller: Caller,
  app: AppDocument,
  source: Source,
  base: ObjectId | null,
  overrides: Record<string, EnvValue>,
  { name, domain }: { name: string; domain: string },
): TempEnvironmentDocument {
  const _id = new ObjectId()
  const now = new Date()
  return {
    _id,
    app_id: app._id,
    kind: source.kind,
    source_id: source.id.toHexString(),
    owner_user_id: caller.user.id,
    state: 'provisioning',
    base_profile_id: base,
    runtime_profile_id: null,
    env_var_overrides: overrides,
    ...namesOf(app._id, source.kind, name, domain),
    branch_name: source.branch && branchOf(_id, source.branch),
    head_sha: source.head,
    idle_ttl_seconds: IDLE_MS / 1000,
    grace_ttl_seconds: GRACE_MS / 1000,
    last_activity_at: now,
    expires_at: after(now, IDLE_MS),
    grace_expires_at: null,
    expiry_warning_sent: false,
    cleanup_requested_at: null,
    active: true,
    created_at: now,
    updated_at: now,
  }
}

function checkedOverrides(given: Record<string, EnvValue>): Record<string, EnvValue> {
  const entries = Object.entries(given)
  if (entries.length > MAX_OVERRIDES) throw validation(`at most ${MAX_OVERRIDES} env_var_overrides`)
  for (const [key, value] of entries) {
    const problem = envKeyProblem(key) ?? envValueProblem(value)
    if (problem !== undefined) throw validation(`env_var_overrides: ${problem}`)
  }
  const overrides = plainEnvVars(given)
  if (Buffer.byteLength(JSON.stringify(overrides)) > MAX_OVERRIDE_BYTES) {
    throw validation(`env_var_overrides must be at most ${MAX_OVERRIDE_BYTES} bytes large`)
  }
  return overrides
}

/** Whether it is the drawn name that is not unique, and not the source. */
function isNameTaken(error: unknown): boolean {
  const key = error instanceof MongoServerError ? (error.keyPattern as Document | undefined) : undefined
  return key !== undefined && ('url' in key || 'db_name' in key)
}
