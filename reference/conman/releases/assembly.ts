/** Asking for a release to be composed: its changesets are reserved for it, and the worker gets a job. */
import { ObjectId } from 'mongodb'
import type { Caller } from '../http/context.ts'
import { conflict, validation } from '../http/errors.ts'
import { presentJob } from '../jobs/present.ts'
import { CHANGED, unchanged } from '../mongo/concurrency.ts'
import type { AppDocument } from '../mongo/documents.ts'
import { isDuplicateKey } from '../mongo/store.ts'
import type { Services } from '../services.ts'
import { changedMeanwhile, NOT_COMPOSED, requireState } from './machine.ts'
import { presentRelease } from './present.ts'

export interface Assembly {
  assemble(caller: Caller, app: AppDocument, id: string): Promise<{ release: unknown; job: unknown }>
}

export function createAssembly(services: Services): Assembly {
  const { data, causality } = services.store

  return {
    async assemble(caller, app, id) {
      const before = await services.releases.current(app, id)
      requireState(before, 'draft_release', 'assembled')
      const selected = before.ordered_changeset_ids
      if (selected.length === 0) throw validation('the release has no changesets')
      const payload = { release_id: before._id.toHexString(), changeset_ids: selected.map((one) => one.toHexString()) }
      const { after, job } = await causality
        .transaction(caller.user.id.toHexString(), async (session) => {
          await services.releases.requireFree(app, selected, before, session)
          const job = await services.jobs.enqueue(
            {
              appId: app._id,
              type: 'release_assemble',
              entityId: before._id.toHexString(),
              payload,
              createdBy: caller.user.id,
            },
            session,
          )
          const set = {
            state: 'assembling' as const,
            compose_job_id: job._id,
            ...NOT_COMPOSED,
            compose_failure: null,
            job_fence: 0,
            updated_at: new Date(),
          }
          const after = await data.release_batches.findOneAndUpdate(
            { ...unchanged(before), state: 'draft_release' },
            { $set: set, $inc: CHANGED },
            { session, returnDocument: 'after' },
          )
          if (after === null) throw changedMeanwhile()
          const rows = selected.map((changeset_id, position) => ({
            _id: new ObjectId(),
            app_id: app._id,
            release_id: before._id,
            changeset_id,
            position,
            merge_sha: null,
            reserved: true,
          }))
          await data.release_changesets.insertMany(rows, { session })
          return { after, job }
        })
        .catch((error: unknown) => {
          throw isDuplicateKey(error) ? conflict('a changeset has just been taken by another release') : error
        })
      services.jobs.counted(job)
      await services.releases.audit(caller, caller.user, 'assembled', before, after, {
        after: { changeset_ids: selected, job_id: job._id },
      })
      return { release: presentRelease(after), job: presentJob(job) }
    },
  }
}
