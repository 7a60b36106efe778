/**
 * A new data key for a profile, under the present master key: all that is stored of its secrets is encrypted anew, in its
 * revisions as well, so that nothing is left that needs an older master key. The profile itself does not change by it.
 */
import type { AnyBulkWriteOperation, ClientSession, ObjectId } from 'mongodb'
import type { Caller } from '../http/context.ts'
import { conflict } from '../http/errors.ts'
import type { KeyedLock } from '../keyed-lock.ts'
import { CHANGED, unchanged } from '../mongo/concurrency.ts'
import type { AppDocument, RuntimeProfileRevisionDocument, WrappedKey } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import { requireOpened } from './changes.ts'

export interface KeyRotation {
  rotateKey(caller: Caller, app: AppDocument, profileId: ObjectId): Promise<Rotated>
}

export interface Rotated {
  profile_id: ObjectId
  key_id: string
  secrets_rotated: number
  revisions_rotated: number
  rotated_at: Date
}

/** Snapshots can be large: so many are in memory at a time. */
const BATCH = 50

export function createKeyRotation(services: Services, turns: KeyedLock<unknown>): KeyRotation {
  const { data, causality } = services.store
  const revisions = data.runtime_profile_revisions

  async function rotateRevisions(profileId: ObjectId, key: WrappedKey, session: ClientSession): Promise<number> {
    let rotated = 0
    let writes: AnyBulkWriteOperation<RuntimeProfileRevisionDocument>[] = []
    const write = async () => {
      if (writes.length > 0) await revisions.bulkWrite(writes, { session })
      rotated += writes.length
      writes = []
    }
    for await (const row of revisions.find({ profile_id: profileId }, { session, batchSize: BATCH })) {
      const secrets = requireOpened(services.secrets.open(profileId, row.snapshot), `revision ${row.revision}`)
      const { secrets_encrypted, secrets_key } = services.secrets.seal(profileId, secrets, key)
      const set = { 'snapshot.secrets_encrypted': secrets_encrypted, 'snapshot.secrets_key': secrets_key }
      writes.push({ updateOne: { filter: { _id: row._id }, update: { $set: set } } })
      if (writes.length >= BATCH) await write()
    }
    await write()
    return rotated
  }

  return {
    async rotateKey(caller, app, profileId) {
      const before = await services.profiles.current(app, profileId)
      const secrets = requireOpened(services.secrets.open(profileId, before), 'the profile')
      const sealed = services.secrets.seal(profileId, secrets)
      const turn = turns.run(profileId.toHexString(), () =>
        causality.transaction(caller.user.id.toHexString(), async (session) => {
          const change = { $set: sealed, $inc: CHANGED }
          const { matchedCount } = await data.runtime_profiles.updateOne(unchanged(before), change, { session })
          if (matchedCount === 0) throw conflict('the profile has just been changed by somebody else')
          return rotateRevisions(profileId, sealed.secrets_key, session)
        }),
      )
      const rotated: Rotated = {
        profile_id: profileId,
        key_id: sealed.secrets_key.key_id,
        secrets_rotated: Object.keys(secrets).length,
        revisions_rotated: (await turn) as number,
        rotated_at: new Date(),
      }
      const { profile_id: _, ...after } = rotated
      await services.audit.record(caller, {
        appId: app._id,
        actor: caller.user,
        entityType: 'runtime_profile',
        entityId: profileId.toHexString(),
        action: 'key_rotated',
        before: { key_id: before.secrets_key?.key_id ?? null },
        after: { ...after, rotated_at: rotated.rotated_at.toISOString() },
      })
      return rotated
    },
  }
}
