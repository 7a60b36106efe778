/** The profiles of temporary environments: made from another one's content, and removed with their environment. */
import type { ObjectId } from 'mongodb'
import type { Origin } from '../http/context.ts'
import { conflict } from '../http/errors.ts'
import type { AppDocument, EnvValue, ProfileKind, RuntimeProfileDocument } from '../mongo/documents.ts'
import { idOf } from '../mongo/ids.ts'
import { isDuplicateKey } from '../mongo/store.ts'
import type { Services } from '../services.ts'
import { contentOf, type ProfileContent, requireOpened, revisionOf } from './changes.ts'
import { plainEnvVars } from './env-vars.ts'
import { presentProfile } from './present.ts'

export interface DerivedProfile {
  /** What it starts from; null for nothing. */
  baseId: ObjectId | null
  kind: Exclude<ProfileKind, 'persistent_env'>
  /** Names it in the app: asked for again, it is the same profile. */
  name: string
  baseUrl: string
  envVars: Record<string, EnvValue>
}

export interface DerivedProfiles {
  derive(origin: Origin, app: AppDocument, input: DerivedProfile): Promise<RuntimeProfileDocument>
  /** Removes a derived profile with its history; one that is gone already is fine. */
  discard(appId: ObjectId, profileId: ObjectId): Promise<void>
}

const TEMPORARY: readonly ProfileKind[] = ['temp_workspace', 'temp_changeset']

const NOTHING: Omit<ProfileContent, 'name' | 'secrets_encrypted' | 'secrets_key'> = {
  base_url: '',
  env_vars: {},
  database_engine: 'mongodb',
  connection_ref: '',
  provisioning_mode: 'managed',
  base_profile_id: null,
  migration_paths: [],
  migration_command: null,
}

export function createDerivedProfiles(services: Services): DerivedProfiles {
  const { data, causality } = services.store

  async function make(_id: ObjectId, app: AppDocument, input: DerivedProfile): Promise<RuntimeProfileDocument> {
    const { baseId, kind, name, baseUrl, envVars } = input
    const base = baseId && (await services.profiles.current(app, baseId))
    const content = base ? contentOf(base) : NOTHING
    // Each profile has a key of its own, so the base's secrets are encrypted anew.
    const secrets = base ? requireOpened(services.secrets.open(base._id, base), 'the base profile') : {}
    const now = new Date()
    return {
      ...content,
      _id,
      app_id: app._id,
      name,
      kind,
      base_url: baseUrl,
      env_vars: { ...content.env_vars, ...plainEnvVars(envVars) },
      ...services.secrets.seal(_id, secrets),
      base_profile_id: baseId,
      revision: 1,
      created_at: now,
      updated_at: now,
    }
  }

  async function store(profile: RuntimeProfileDocument): Promise<void> {
    await causality.transaction([], async (session) => {
      await data.runtime_profiles.insertOne(profile, { session })
      await data.runtime_profile_revisions.insertOne(revisionOf(profile, null, profile.created_at), { session })
    })
  }

  return {
    async derive(origin, app, input) {
      // The id comes from the name, so that one that somebody made by hand under this name is not taken for it.
      const _id = idOf('derived profile', app._id.toHexString(), input.name)
      const found = () => services.profiles.document(app._id, _id)
      let profile = await found()
      if (profile === null) {
        profile = await make(_id, app, input)
        await store(profile).catch(async (error: unknown) => {
          if (!isDuplicateKey(error)) throw error
          profile = await found()
        })
      }
      if (profile === null) throw conflict('another profile of the app has the name of the temporary one')
      await services.audit.record(origin, {
        appId: app._id,
        actor: null,
        entityType: 'runtime_profile',
        entityId: _id.toHexString(),
        action: 'created',
        after: presentProfile(services.secrets, profile),
        once: `runtime_profile created ${_id.toHexString()}`,
      })
      return profile
    },

    async discard(appId, profileId) {
      const gone = await causality.transaction([], async (session) => {
        const kinds = { $in: [...TEMPORARY] }
        const filter = { _id: profileId, app_id: appId, kind: kinds }
        const { deletedCount } = await data.runtime_profiles.deleteOne(filter, { session })
        if (deletedCount > 0) {
          await data.runtime_profile_revisions.deleteMany({ profile_id: profileId }, { session })
          return true
        }
        return (await services.profiles.document(appId, profileId, session)) === null
      })
      if (!gone) throw conflict('only the profile of a temporary environment can be removed')
    },
  }
}
