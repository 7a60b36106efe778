/** Which changesets a draft takes, and in which order. A draft reserves nothing: several may list the same changeset. */
import type { ClientSession, ObjectId } from 'mongodb'
import type { Caller } from '../http/context.ts'
import { conflict, validation } from '../http/errors.ts'
import { objectId } from '../http/identifiers.ts'
import { CHANGED, unchanged } from '../mongo/concurrency.ts'
import type { AppDocument, ReleaseDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import { changedMeanwhile, requireState } from './machine.ts'

/** Either the whole new list, or what comes to its end and what goes. */
export type SelectionInput = { all: readonly string[] } | { add: readonly string[]; remove: readonly string[] }

export interface Selection {
  /** These ids, if each is one that a draft of the app may take, else 400 or 409. */
  selectable(app: AppDocument, given: readonly string[]): Promise<ObjectId[]>
  /** Refuses, with 409, what is not queued in the app or is being released with another release. */
  requireFree(
    app: AppDocument,
    ids: readonly ObjectId[],
    release: Pick<ReleaseDocument, '_id'> | null,
    session?: ClientSession,
  ): Promise<void>
  select(caller: Caller, app: AppDocument, id: string, input: SelectionInput): Promise<ReleaseDocument>
  /** The new order, which names each selected one once. */
  reorder(caller: Caller, app: AppDocument, id: string, order: readonly string[]): Promise<ReleaseDocument>
}

/** A release is composed one merge after the other, within the time that its job has. */
export const MAX_SELECTED = 1_000

export function createSelection(services: Services): Selection {
  const { data, causality } = services.store

  async function replace(
    caller: Caller,
    before: ReleaseDocument,
    selection: ObjectId[],
    action: 'changesets_modified' | 'reordered',
  ): Promise<ReleaseDocument> {
    const after = await causality.write(caller.user.id.toHexString(), (session) =>
      data.release_batches.findOneAndUpdate(
        { ...unchanged(before), state: 'draft_release' },
        { $set: { ordered_changeset_ids: selection, updated_at: new Date() }, $inc: CHANGED },
        { session, returnDocument: 'after' },
      ),
    )
    if (after === null) throw changedMeanwhile()
    await services.releases.audit(caller, caller.user, action, before, after, {
      before: { changeset_ids: before.ordered_changeset_ids },
      after: { changeset_ids: after.ordered_changeset_ids },
    })
    return after
  }

  return {
    async selectable(app, given) {
      const ids = distinct(given, 'changeset_ids')
      await this.requireFree(app, ids, null)
      return ids
    },

    async requireFree(app, ids, release, session) {
      if (ids.length === 0) return
      const wanted = { $in: [...ids] }
      const options = session && { session }
      const queued = await data.changesets
        .find({ _id: wanted, app_id: app._id, state: 'queued' }, { ...options, projection: { _id: 1 } })
        .toArray()
      const missing = ids.find((id) => !queued.some(({ _id }) => _id.equals(id)))
      if (missing !== undefined) throw conflict(`changeset ${missing.toHexString()} is not queued in this app`)
      const elsewhere = { changeset_id: wanted, reserved: true, ...(release && { release_id: { $ne: release._id } }) }
      const taken = await data.release_changesets.findOne(elsewhere, options)
      if (taken !== null) throw conflict(`changeset ${taken.changeset_id.toHexString()} is in another release`)
    },

    async select(caller, app, id, input) {
      const before = await services.releases.current(app, id)
      const selected = before.ordered_changeset_ids
      let next: ObjectId[]
      let news: ObjectId[]
      if ('all' in input) {
        next = news = distinct(input.all, 'changeset_ids')
      } else {
        const [add, remove] = [distinct(input.add, 'add'), distinct(input.remove, 'remove')]
        if (add.some((one) => has(remove, one))) throw validation('a changeset is both in add and in remove')
        news = add.filter((one) => !has(selected, one))
        next = [...selected.filter((one) => !has(remove, one)), ...news]
      }
      if (next.length > MAX_SELECTED) throw validation(`at most ${MAX_SELECTED} changesets in a release`)
      requireState(before, 'draft_release', 'changed')
      await this.requireFree(app, news, before)
      return replace(caller, before, next, 'changesets_modified')
    },

    async reorder(caller, app, id, order) {
      const before = await services.releases.current(app, id)
      const next = distinct(order, 'changeset_ids')
      const selected = before.ordered_changeset_ids
      if (next.length !== selected.length || !next.every((one) => has(selected, one))) {
        throw validation('changeset_ids must name each changeset of the release exactly once')
      }
      requireState(before, 'draft_release', 'reordered')
      return replace(caller, before, next, 'reordered')
    },
  }
}

function distinct(given: readonly string[], field: string): ObjectId[] {
  const ids = given.map((id) => objectId(id, field))
  if (new Set(ids.map((id) => id.toHexString())).size < ids.length) throw validation(`${field} names a changeset twice`)
  return ids
}

function has(ids: readonly ObjectId[], id: ObjectId): boolean {
  return ids.some((one) => one.equals(id))
}
