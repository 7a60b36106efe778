/** Environments: the stages of an app, in their order. The set changes as a whole, and never under a deployment. */
import type { ClientSession, ObjectId } from 'mongodb'
import type { Caller } from '../http/context.ts'
import { conflict, validation } from '../http/errors.ts'
import { objectId } from '../http/identifiers.ts'
import { createKeyedLock } from '../keyed-lock.ts'
import type { AppDocument, EnvironmentDocument } from '../mongo/documents.ts'
import { isDuplicateKey } from '../mongo/store.ts'
import type { Services } from '../services.ts'
import { type GivenEnvironment, plan, requireCompleteSet } from './plan.ts'
import { presentEnvironment } from './present.ts'

export interface EnvironmentService {
  list(caller: Caller, app: AppDocument): Promise<EnvironmentDocument[]>
  /** Makes these the app's environments: known ones keep their ids, and those that are not named are removed. */
  replace(caller: Caller, app: AppDocument, rows: readonly GivenEnvironment[]): Promise<EnvironmentDocument[]>
  /** From the primary; null when the app has no such environment. */
  document(appId: ObjectId, environmentId: ObjectId, session?: ClientSession): Promise<EnvironmentDocument | null>
  /** All of an app in their order, from the primary. */
  all(appId: ObjectId, session?: ClientSession): Promise<EnvironmentDocument[]>
}

export function createEnvironmentService(services: Services): EnvironmentService {
  const { data, lists, causality } = services.store
  // Within a process those who change a set wait here instead of failing one another's transactions.
  const turns = createKeyedLock<unknown>()

  async function requireProfiles(app: AppDocument, rows: readonly GivenEnvironment[]): Promise<void> {
    for (const { runtime_profile_id = null } of rows) {
      if (runtime_profile_id === null) continue
      const id = objectId(runtime_profile_id, 'environments: runtime_profile_id')
      const profile = await services.profiles.document(app._id, id)
      // The profile of a temporary environment goes with it, and would leave a gap.
      if (profile?.kind !== 'persistent_env') {
        throw validation('environments: runtime_profile_id must name a persistent_env profile of the app')
      }
    }
  }

  async function requireNoDeployment(app: AppDocument, session: ClientSession): Promise<void> {
    const active = { app_id: app._id, state: { $in: ['pending' as const, 'running' as const] } }
    if ((await data.deployments.countDocuments(active, { session, limit: 1 })) > 0) {
      throw conflict('the environments cannot be changed while a deployment is under way')
    }
  }

  async function store(app: AppDocument, set: EnvironmentDocument[], now: Date, session: ClientSession): Promise<void> {
    // Names, positions and the canonical mark are unique: with the old rows gone, any exchange of them is possible. As every
    // row is written, a deployment that begins at this moment meets this transaction on the row of its environment.
    await data.environments.deleteMany({ app_id: app._id }, { session })
    await data.environments.insertMany(set, { session })
    const canonical = set.find(({ is_canonical }) => is_canonical)
    const settings = { 'settings.canonical_env_id': canonical?._id.toHexString() ?? null, updated_at: now }
    await data.apps.updateOne({ _id: app._id }, { $set: settings }, { session })
  }

  return {
    async list(caller, app) {
      return causality.read(caller.user.id.toHexString(), (session) =>
        lists.environments.find({ app_id: app._id }, { session }).sort({ position: 1 }).toArray(),
      )
    },

    async replace(caller, app, rows) {
      requireCompleteSet(rows)
      await requireProfiles(app, rows)
      const turn = turns.run(app._id.toHexString(), () =>
        causality.transaction(caller.user.id.toHexString(), async (session) => {
          const now = new Date()
          const before = await this.all(app._id, session)
          const after = plan(app._id, before, rows, now)
          await requireNoDeployment(app, session)
          await store(app, after, now, session)
          return { before, after }
        }),
      )
      const { before, after } = (await turn.catch((error: unknown) => {
        throw isDuplicateKey(error) ? conflict('the environments have just been changed by somebody else') : error
      })) as Record<'before' | 'after', EnvironmentDocument[]>
      await services.audit.record(caller, {
        appId: app._id,
        actor: caller.user,
        entityType: 'app',
        entityId: app._id.toHexString(),
        action: 'environments_updated',
        before: before.map(brief),
        after: after.map(brief),
      })
      return after
    },

    async document(appId, environmentId, session) {
      return data.environments.findOne({ _id: environmentId, app_id: appId }, session && { session })
    },

    async all(appId, session) {
      return data.environments
        .find({ app_id: appId }, session && { session })
        .sort({ position: 1 })
        .toArray()
    },
  }
}

function brief(environment: EnvironmentDocument) {
  const { created_at: _created, updated_at: _updated, app_id: _app, ...fields } = presentEnvironment(environment)
  return fields
}
