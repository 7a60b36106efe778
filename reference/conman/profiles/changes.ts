/**
 * Changing a profile: each change is a new revision, stored with the profile as one. History only grows.
 */
import { isDeepStrictEqual } from 'node:util'
import { type ClientSession, ObjectId } from 'mongodb'
import type { Caller, Origin, User } from '../http/context.ts'
import { conflict, notFound, validation } from '../http/errors.ts'
import type { KeyedLock } from '../keyed-lock.ts'
import { MANAGERS } from '../mail/notifications.ts'
import { CHANGED, unchanged } from '../mongo/concurrency.ts'
import type {
  AppDocument,
  EnvValue,
  RuntimeProfileDocument,
  RuntimeProfileRevisionDocument,
} from '../mongo/documents.ts'
import { idOf } from '../mongo/ids.ts'
import { isDuplicateKey } from '../mongo/store.ts'
import type { Services } from '../services.ts'
import { plainEnvVars } from './env-vars.ts'
import { type ProfileFields, requireAcceptable } from './input.ts'
import { presentProfile, profilePath } from './present.ts'

/** What a revision can bring back: all but the identity. */
export type ProfileContent = Omit<
  RuntimeProfileDocument,
  '_id' | 'app_id' | 'kind' | 'revision' | 'version' | 'created_at' | 'updated_at'
>

export interface ProfileChanges {
  /** A whole map takes the place of the present one; what is absent or null stays. */
  update(caller: Caller, app: AppDocument, profileId: ObjectId, given: ProfileFields): Promise<RuntimeProfileDocument>
  revert(caller: Caller, app: AppDocument, profileId: ObjectId, revision: number): Promise<RuntimeProfileDocument>
  /** Puts variables into the profile as one new revision, once for each occasion, however often and wherever it is asked. */
  mergeEnvVars(
    origin: Origin,
    app: AppDocument,
    profileId: ObjectId,
    vars: Record<string, EnvValue>,
    occasion: string,
  ): Promise<void>
}

interface Change {
  before: RuntimeProfileDocument
  after: RuntimeProfileDocument
}

type Work = (before: RuntimeProfileDocument, session: ClientSession) => Promise<Partial<ProfileContent>>

export function createProfileChanges(services: Services, turns: KeyedLock<unknown>): ProfileChanges {
  const { data, causality } = services.store

  /** Changes of one profile follow each other: here by waiting for a turn, between servers by running again. */
  async function change(
    app: AppDocument,
    profileId: ObjectId,
    author: { user: User } | { occasion: string },
    work: Work,
  ): Promise<Change> {
    const users = 'user' in author ? author.user.id.toHexString() : []
    const turn = turns.run(profileId.toHexString(), () =>
      causality.transaction(users, async (session): Promise<Change> => {
        const before = await services.profiles.document(app._id, profileId, session)
        if (before === null) throw notFound('runtime profile', profileId.toHexString())
        const now = new Date()
        const set = { ...(await work(before, session)), revision: before.revision + 1, updated_at: now }
        const after = await data.runtime_profiles.findOneAndUpdate(
          unchanged(before),
          { $set: set, $inc: CHANGED },
          { session, returnDocument: 'after' },
        )
        if (after === null) throw conflict('the profile has just been changed by somebody else')
        const user = 'user' in author ? author.user : null
        const occasion = 'occasion' in author ? author.occasion : undefined
        await data.runtime_profile_revisions.insertOne(revisionOf(after, user, now, occasion), { session })
        return { before, after }
      }),
    )
    return turn as Promise<Change>
  }

  async function changeBy(caller: Caller, app: AppDocument, profileId: ObjectId, work: Work): Promise<Change> {
    return change(app, profileId, caller, work).catch((error: unknown) => {
      throw isDuplicateKey(error) ? conflict('name is already used, or the profile has just been changed') : error
    })
  }

  async function told(caller: Caller, app: AppDocument, action: string, made: Change, more = {}): Promise<void> {
    const { before, after } = differences(made)
    const { _id, name, revision } = made.after
    await services.audit.record(caller, {
      appId: app._id,
      actor: caller.user,
      entityType: 'runtime_profile',
      entityId: _id.toHexString(),
      action,
      before,
      after: { ...after, ...more },
    })
    await services.notifications.tell({
      app,
      event: 'runtime_profile_changed',
      title: name,
      link: profilePath(made.after),
      actor: caller.user,
      to: { roles: MANAGERS },
      occasion: `${_id.toHexString()} ${revision}`,
    })
  }

  /** What differs, secrets masked; whether those do is told by their ciphertexts. */
  function differences({ before, after }: Change): { before: object; after: object } {
    const shown = { before: presentProfile(services.secrets, before), after: presentProfile(services.secrets, after) }
    const differ = (name: string) => {
      const field = (name === 'secrets' ? 'secrets_encrypted' : name) as keyof RuntimeProfileDocument
      return name !== 'updated_at' && !isDeepStrictEqual(before[field], after[field])
    }
    const only = (profile: object) => Object.fromEntries(Object.entries(profile).filter(([name]) => differ(name)))
    return { before: only(shown.before), after: only(shown.after) }
  }

  return {
    async update(caller, app, profileId, given) {
      const before = await services.profiles.current(app, profileId)
      requireAcceptable(given)
      const { secrets, env_vars, base_profile_id, ...texts } = onlyGiven(given)
      if (base_profile_id === profileId.toHexString()) throw validation('a profile cannot be its own base')
      const set: Partial<ProfileContent> = {
        ...texts,
        ...(env_vars && { env_vars: plainEnvVars(env_vars) }),
        ...(base_profile_id !== undefined && { base_profile_id: await services.profiles.baseOf(app, base_profile_id) }),
      }
      if (secrets === undefined && Object.keys(set).length === 0) return before
      const made = await changeBy(caller, app, profileId, async (before) => ({
        ...set,
        ...(secrets && services.secrets.seal(before._id, secrets, before.secrets_key)),
      }))
      await told(caller, app, 'updated', made)
      return made.after
    },

    async revert(caller, app, profileId, revision) {
      const made = await changeBy(caller, app, profileId, async (before, session) => {
        const row = await data.runtime_profile_revisions.findOne({ profile_id: profileId, revision }, { session })
        if (row === null) throw notFound('revision', String(revision))
        const secrets = requireOpened(services.secrets.open(profileId, row.snapshot), `revision ${revision}`)
        return { ...contentOf(row.snapshot), ...services.secrets.seal(profileId, secrets, before.secrets_key) }
      })
      await told(caller, app, 'reverted', made, { reverted_to: revision })
      return made.after
    },

    async mergeEnvVars(origin, app, profileId, vars, occasion) {
      if (Object.keys(vars).length === 0) return
      const _id = occasionId(profileId, occasion)
      const found = () => data.runtime_profile_revisions.findOne({ _id })
      if ((await found()) === null) {
        const merge: Work = async (before) => ({ env_vars: { ...before.env_vars, ...plainEnvVars(vars) } })
        await change(app, profileId, { occasion }, merge).catch(async (error: unknown) => {
          // Another worker may have done it at the same moment.
          if (!isDuplicateKey(error) || (await found()) === null) throw error
        })
      }
      // Told also when it was done before: whoever did it may not have come this far.
      const made = await found()
      const earlier = made && { profile_id: profileId, revision: made.revision - 1 }
      const previous = earlier && (await data.runtime_profile_revisions.findOne(earlier))
      await services.audit.record(origin, {
        appId: app._id,
        actor: null,
        entityType: 'runtime_profile',
        entityId: profileId.toHexString(),
        action: 'updated',
        ...(made && previous && differences({ before: previous.snapshot, after: made.snapshot })),
        once: `runtime_profile updated ${_id.toHexString()}`,
      })
    },
  }
}

/** The row that keeps a profile as it is now. */
export function revisionOf(
  profile: RuntimeProfileDocument,
  user: User | null,
  now: Date,
  occasion?: string,
): RuntimeProfileRevisionDocument {
  return {
    _id: occasion === undefined ? new ObjectId() : occasionId(profile._id, occasion),
    profile_id: profile._id,
    app_id: profile.app_id,
    revision: profile.revision,
    snapshot: profile,
    ...(occasion !== undefined && { occasion }),
    created_by: user?.id ?? null,
    created_at: now,
  }
}

/** The secrets, when there is a key for each; otherwise a refusal that names those without. */
export function requireOpened(secrets: Record<string, string | undefined>, where: string): Record<string, string> {
  const closed = Object.keys(secrets).filter((name) => secrets[name] === undefined)
  if (closed.length > 0)
    throw conflict(`no configured master key opens these secrets of ${where}: ${closed.join(', ')}`)
  return secrets as Record<string, string>
}

export function contentOf(profile: RuntimeProfileDocument): ProfileContent {
  return {
    name: profile.name,
    base_url: profile.base_url,
    env_vars: profile.env_vars,
    secrets_encrypted: profile.secrets_encrypted,
    secrets_key: profile.secrets_key ?? null,
    database_engine: profile.database_engine,
    connection_ref: profile.connection_ref,
    provisioning_mode: profile.provisioning_mode,
    base_profile_id: profile.base_profile_id,
    migration_paths: profile.migration_paths,
    migration_command: profile.migration_command,
  }
}

function occasionId(profileId: ObjectId, occasion: string): ObjectId {
  return idOf('revision of a profile', profileId.toHexString(), occasion)
}

/** Without what is absent or null. */
function onlyGiven<T extends object>(fields: T): { [Name in keyof T]?: NonNullable<T[Name]> } {
  const given = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined)
  return Object.fromEntries(given) as { [Name in keyof T]?: NonNullable<T[Name]> }
}
