/** Overrides of environment variables that travel with a changeset and reach the profiles when it is deployed. */
import { isDeepStrictEqual } from 'node:util'
import { type ClientSession, ObjectId } from 'mongodb'
import { requireAllowed } from '../changesets/machine.ts'
import type { Caller } from '../http/context.ts'
import { forbidden, notFound, validation } from '../http/errors.ts'
import { objectId } from '../http/identifiers.ts'
import type { AppDocument, ChangesetDocument, EnvValue, ProfileOverrideDocument } from '../mongo/documents.ts'
import { envKeyProblem, envValueProblem } from '../profiles/env-vars.ts'
import type { Services } from '../services.ts'

export interface GivenOverride {
  key: string
  value: EnvValue
  target_profile_id?: string | null | undefined
}

/** A given one that has been looked at. */
export interface CheckedOverride {
  key: string
  value: EnvValue
  target: ObjectId | null
}

export interface OverrideService {
  list(caller: Caller, changeset: ChangesetDocument): Promise<unknown[]>
  replace(caller: Caller, app: AppDocument, changesetId: string, given: readonly GivenOverride[]): Promise<unknown[]>
  /** Refuses what cannot be an override of this app. */
  check(app: AppDocument, given: readonly GivenOverride[]): Promise<CheckedOverride[]>
  /** Puts the set in place of the present one, and answers it. */
  store(
    changeset: ChangesetDocument,
    set: readonly CheckedOverride[],
    session: ClientSession,
  ): Promise<ProfileOverrideDocument[]>
  /** The present set, from the primary. */
  current(changeset: Pick<ChangesetDocument, '_id'>, session?: ClientSession): Promise<ProfileOverrideDocument[]>
  present(rows: readonly ProfileOverrideDocument[]): unknown[]
}

export const MAX_OVERRIDES = 200
/** As JSON. A revision keeps the whole set in one document, in which numbers take several times as much. */
const MAX_BYTES = 1 << 20

export function createOverrideService(services: Services): OverrideService {
  const { data, lists, causality } = services.store
  const OLDEST_FIRST = { created_at: 1, _id: 1 } as const

  return {
    async list(caller, changeset) {
      return causality.read(caller.user.id.toHexString(), async (session) => {
        const query = { changeset_id: changeset._id }
        const rows = lists.changeset_profile_overrides.find(query, { session }).sort(OLDEST_FIRST)
        return this.present(await rows.toArray())
      })
    },

    async replace(caller, app, changesetId, given) {
      const changeset = await services.changesets.current(app, changesetId)
      if (!changeset.author_user_id.equals(caller.user.id)) throw forbidden('only the author may change the overrides')
      const set = await this.check(app, given)
      requireAllowed(changeset.state, 'edit')
      const [before, after] = await causality.transaction(caller.user.id.toHexString(), async (session) => {
        const before = await this.current(changeset, session)
        await services.changesets.change(changeset, 'edit', { $set: { updated_at: new Date() } }, session)
        return [before, await this.store(changeset, set, session)]
      })
      await services.audit.record(caller, {
        appId: app._id,
        actor: caller.user,
        entityType: 'changeset',
        entityId: changeset._id.toHexString(),
        action: 'profile_overrides_updated',
        before: { profile_overrides: before.map(brief) },
        after: { profile_overrides: after.map(brief) },
        gitSha: changeset.submitted_head_sha ?? changeset.head_sha,
      })
      return this.present(after)
    },

    async check(app, given) {
      if (given.length > MAX_OVERRIDES) throw validation(`at most ${MAX_OVERRIDES} profile_overrides`)
      const set = given.map(({ key, value: { type, value }, target_profile_id: target = null }) => {
        const plain = { type, value } as EnvValue
        const problem = envKeyProblem(key) ?? envValueProblem(plain)
        if (problem !== undefined) throw validation(`profile_overrides: ${problem}`)
        return { key, value: plain, target: target === null ? null : objectId(target, 'target_profile_id') }
      })
      if (Buffer.byteLength(JSON.stringify(set)) > MAX_BYTES) {
        throw validation(`profile_overrides must be at most ${MAX_BYTES} bytes in all`)
      }
      const places = new Set(set.map(({ key, target }) => `${key} ${target?.toHexString() ?? ''}`))
      if (places.size < set.length) throw validation('profile_overrides: a key is given twice for the same target')
      const targets = new Map(set.flatMap(({ target }) => (target === null ? [] : [[target.toHexString(), target]])))
      for (const [id, _id] of targets) {
        const known = await data.runtime_profiles.countDocuments({ _id, app_id: app._id }, { limit: 1 })
        if (known === 0) throw notFound('runtime profile', id)
      }
      return set
    },

    async store(changeset, set, session) {
      await data.changeset_profile_overrides.deleteMany({ changeset_id: changeset._id }, { session })
      if (set.length === 0) return []
      const now = new Date()
      const rows = set.map(
        ({ key, value, target }): ProfileOverrideDocument => ({
          _id: new ObjectId(),
          app_id: changeset.app_id,
          changeset_id: changeset._id,
          key,
          value,
          target_profile_id: target,
          created_at: now,
          updated_at: now,
        }),
      )
      await data.changeset_profile_overrides.insertMany(rows, { session })
      return rows
    },

    async current(changeset, session) {
      const query = { changeset_id: changeset._id }
      return data.changeset_profile_overrides
        .find(query, session && { session })
        .sort(OLDEST_FIRST)
        .toArray()
    },

    present: (rows) => rows.map(presentOverride),
  }
}

/** Whether a set says what the stored one says, in whatever order. */
export function sameOverrides(set: readonly CheckedOverride[], stored: readonly ProfileOverrideDocument[]): boolean {
  if (set.length !== stored.length) return false
  const placeOf = (key: string, target: ObjectId | null) => `${key} ${target?.toHexString() ?? ''}`
  const values = new Map(stored.map((row) => [placeOf(row.key, row.target_profile_id), row.value]))
  return set.every(({ key, target, value }) => isDeepStrictEqual(values.get(placeOf(key, target)), value))
}

function presentOverride(row: ProfileOverrideDocument) {
  return {
    id: row._id,
    app_id: row.app_id,
    changeset_id: row.changeset_id,
    key: row.key,
    value: row.value,
    target_profile_id: row.target_profile_id,
    created_at: row.created_at,
    updated_at: row.updated_at,
  }
}

function brief({ key, value, target_profile_id }: ProfileOverrideDocument) {
  return { key, value, target_profile_id }
}
