/**
 * Reverting the merges of a release, the last one first, on a temporary branch that begins at the integration head. Nothing
 * that anybody sees changes by it.
 */
import type { ObjectId } from 'mongodb'
import { repositoryOf } from '../apps/service.ts'
import { branchRef, type Deadline } from '../git/wire.ts'
import type { Caller } from '../http/context.ts'
import { ApiError, conflict } from '../http/errors.ts'
import type { AppDocument, ReleaseDocument } from '../mongo/documents.ts'
import { INTERRUPTED_MS, OUT } from '../releases/machine.ts'
import type { Services } from '../services.ts'

export interface Reverted {
  /** The integration head that it stands on, and what came of it. */
  base: string
  head: string
}

export interface Reverting {
  /** The commits that took the release's changesets in, in their order. */
  mergesOf(release: ReleaseDocument): Promise<string[]>
  /** One reversal of a release at a time; `id` is the id of the release that will do it. */
  hold(release: ReleaseDocument, id: ObjectId): Promise<void>
  revertAll(
    caller: Caller,
    app: AppDocument,
    release: ReleaseDocument,
    merges: readonly string[],
    id: ObjectId,
  ): Promise<Reverted>
  /** Takes the temporary branch away, whether there is one or not. */
  letGo(deadline: Deadline, app: AppDocument, release: ReleaseDocument, id: ObjectId): Promise<void>
}

export function createReverting(services: Services): Reverting {
  const { data } = services.store

  return {
    async mergesOf({ _id }) {
      const rows = await data.release_changesets.find({ release_id: _id }).sort({ position: 1 }).toArray()
      return rows.flatMap(({ merge_sha }) => merge_sha ?? [])
    },

    async hold({ _id }, id) {
      const abandoned = new Date(Date.now() - INTERRUPTED_MS)
      const { matchedCount } = await data.release_batches.updateOne(
        { _id, state: { $in: [...OUT] }, $or: [{ reverting: null }, { 'reverting.at': { $lt: abandoned } }] },
        { $set: { reverting: { id, at: new Date() } } },
      )
      if (matchedCount === 0) throw conflict('the release is being taken back already')
    },

    async revertAll(caller, app, { tag }, merges, id) {
      const { git } = services
      const repository = repositoryOf(app)
      const base = await git.branchTip(repository, app.integration_branch, caller)
      if (base === undefined) throw conflict('the integration branch does not exist')
      const branch = branchOf(id)
      await git.forceReference(repository, branchRef(branch), base, caller)
      let head = base
      for (const commit of merges.toReversed()) {
        const revert = { branch, tip: head, commit, message: `Revert "release ${tag}"` }
        const outcome = await git.revert(repository, revert, caller.user, caller)
        if (!('commit' in outcome)) throw irrevertible('empty' in outcome)
        head = outcome.commit
      }
      return { base, head }
    },

    async letGo(deadline, app, { _id }, id) {
      await services.git.deleteReference(repositoryOf(app), branchRef(branchOf(id)), deadline)
      await data.release_batches.updateOne({ _id, 'reverting.id': id }, { $set: { reverting: null } })
    },
  }
}

/** Below a name that no workspace can have. */
function branchOf(id: ObjectId): string {
  return `conman/revert/${id.toHexString()}`
}

function irrevertible(isEmpty: boolean): ApiError {
  const why = isEmpty ? 'they are gone already' : 'later changes depend on them'
  return new ApiError('git_error', `git error: the changes of the release cannot be taken back: ${why}`)
}
