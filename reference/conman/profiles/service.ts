/** Runtime profiles: what an environment runs with. Secrets are stored encrypted and shown masked, but for a reveal. */
import { type ClientSession, ObjectId } from 'mongodb'
import type { Caller } from '../http/context.ts'
import { conflict, notFound, validation } from '../http/errors.ts'
import { objectId } from '../http/identifiers.ts'
import { type Page, type Paginated, paginated } from '../http/pagination.ts'
import { createKeyedLock } from '../keyed-lock.ts'
import type { AppDocument, RuntimeProfileDocument } from '../mongo/documents.ts'
import { isDuplicateKey } from '../mongo/store.ts'
import type { Services } from '../services.ts'
import { createProfileChanges, type ProfileChanges, revisionOf } from './changes.ts'
import { createDerivedProfiles, type DerivedProfiles } from './derived.ts'
import { plainEnvVars } from './env-vars.ts'
import { type NewProfile, requireAcceptable } from './input.ts'
import { maskSecret } from './mask.ts'
import { presentProfile, presentRevision } from './present.ts'
import { createKeyRotation, type KeyRotation } from './rotation.ts'

export interface ProfileService extends ProfileChanges, KeyRotation, DerivedProfiles {
  list(caller: Caller, app: AppDocument): Promise<unknown[]>
  create(caller: Caller, app: AppDocument, input: NewProfile): Promise<RuntimeProfileDocument>
  get(caller: Caller, app: AppDocument, profileId: ObjectId): Promise<RuntimeProfileDocument>
  revisions(caller: Caller, app: AppDocument, profileId: ObjectId, page: Page): Promise<Paginated<unknown>>
  reveal(caller: Caller, app: AppDocument, profileId: ObjectId, key: string): Promise<{ key: string; value: string }>
  /** From the primary; null when the app has no such profile. */
  document(appId: ObjectId, profileId: ObjectId, session?: ClientSession): Promise<RuntimeProfileDocument | null>
  /** From the primary, for whoever decides on it. */
  current(app: Pick<AppDocument, '_id'>, profileId: ObjectId): Promise<RuntimeProfileDocument>
  /** The id of a profile of the app that another one shall be based on. */
  baseOf(app: AppDocument, baseId: string): Promise<ObjectId>
}

/** All of them are listed at once. */
const MAX_PROFILES = 200

export function createProfileService(services: Services): ProfileService {
  const { data, lists, causality } = services.store
  const turns = createKeyedLock<unknown>()

  async function seen(app: AppDocument, profileId: ObjectId, session: ClientSession) {
    const profile = await lists.runtime_profiles.findOne({ _id: profileId, app_id: app._id }, { session })
    if (profile === null) throw unknownProfile(profileId)
    return profile
  }

  const service: Omit<ProfileService, keyof ProfileChanges | keyof KeyRotation | keyof DerivedProfiles> = {
    async list(caller, app) {
      const found = await causality.read(caller.user.id.toHexString(), (session) =>
        lists.runtime_profiles.find({ app_id: app._id }, { session }).sort({ updated_at: -1, _id: -1 }).toArray(),
      )
      return found.map((profile) => presentProfile(services.secrets, profile))
    },

    async create(caller, app, input) {
      requireAcceptable(input)
      const baseId = input.base_profile_id ?? null
      const base_profile_id = baseId === null ? null : await this.baseOf(app, baseId)
      if ((await data.runtime_profiles.countDocuments({ app_id: app._id })) >= MAX_PROFILES) {
        throw validation(`an app has at most ${MAX_PROFILES} runtime profiles`)
      }
      const _id = new ObjectId()
      const now = new Date()
      const profile: RuntimeProfileDocument = {
        _id,
        app_id: app._id,
        name: input.name,
        kind: input.kind,
        base_url: input.base_url,
        env_vars: plainEnvVars(input.env_vars ?? {}),
        ...services.secrets.seal(_id, input.secrets ?? {}),
        database_engine: input.database_engine,
        connection_ref: input.connection_ref,
        provisioning_mode: input.provisioning_mode,
        base_profile_id,
        migration_paths: input.migration_paths ?? [],
        migration_command: input.migration_command ?? null,
        revision: 1,
        created_at: now,
        updated_at: now,
      }
      try {
        await causality.transaction(caller.user.id.toHexString(), async (session) => {
          await data.runtime_profiles.insertOne(profile, { session })
          await data.runtime_profile_revisions.insertOne(revisionOf(profile, caller.user, now), { session })
        })
      } catch (error) {
        throw isDuplicateKey(error) ? conflict('name is already used') : error
      }
      await services.audit.record(caller, {
        appId: app._id,
        actor: caller.user,
        entityType: 'runtime_profile',
        entityId: _id.toHexString(),
        action: 'created',
        after: presentProfile(services.secrets, profile),
      })
      return profile
    },

    async get(caller, app, profileId) {
      return causality.read(caller.user.id.toHexString(), (session) => seen(app, profileId, session))
    },

    async revisions(caller, app, profileId, page) {
      return causality.read(caller.user.id.toHexString(), async (session) => {
        await seen(app, profileId, session)
        const query = { profile_id: profileId }
        const total = await lists.runtime_profile_revisions.countDocuments(query, { session })
        const found = await lists.runtime_profile_revisions
          .find(query, { session })
          .sort({ revision: -1 })
          .skip(page.skip)
          .limit(page.limit)
          .toArray()
        return paginated(
          page,
          total,
          found.map((row) => presentRevision(services.secrets, row)),
        )
      })
    },

    async reveal(caller, app, profileId, key) {
      const profile = await this.current(app, profileId)
      if (!Object.hasOwn(profile.secrets_encrypted, key)) throw notFound('secret', key)
      const value = services.secrets.open(profileId, profile)[key]
      if (value === undefined) throw conflict('no configured master key opens this secret')
      await services.audit.record(caller, {
        appId: app._id,
        actor: caller.user,
        entityType: 'runtime_profile_secret',
        entityId: profileId.toHexString(),
        action: 'revealed',
        after: { key, value: maskSecret(value), revision: profile.revision },
      })
      return { key, value }
    },

    async document(appId, profileId, session) {
      return data.runtime_profiles.findOne({ _id: profileId, app_id: appId }, session && { session })
    },

    async current(app, profileId) {
      const profile = await this.document(app._id, profileId)
      if (profile === null) throw unknownProfile(profileId)
      return profile
    },

    async baseOf(app, baseId) {
      return (await this.current(app, objectId(baseId, 'base_profile_id')))._id
    },
  }

  return Object.assign(
    service,
    createProfileChanges(services, turns),
    createKeyRotation(services, turns),
    createDerivedProfiles(services),
  ) as ProfileService
}

function unknownProfile(id: ObjectId) {
  return notFound('runtime profile', id.toHexString())
}
