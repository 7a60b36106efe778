/**
 * The worker's side of assembling.
 *
 * How it ends is one transaction, bound to this attempt of this job: either the release is validated with all its merges, or
 * it is a draft again and the changeset at which it failed is out of the queue. A worker that lost the job changes nothing.
 */
import { type ClientSession, type Filter, ObjectId } from 'mongodb'
import type { Removal } from '../changesets/service.ts'
import { FinalJobError, type JobContext, type JobHandler, type JobResult } from '../jobs/handler.ts'
import { CHANGED } from '../mongo/concurrency.ts'
import type { AppDocument, ComposeFailure, ReleaseDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import { type Composition, CompositionFailed, compose } from './composition.ts'
import { backToDraft, dropMergeRef } from './fallback.ts'
import { owningApp } from './owning-app.ts'

export function createAssembling(services: Services): JobHandler {
  const { data, causality } = services.store

  /** The release while this job is composing it, whichever attempt has it. */
  const ofJob = ({ job }: JobContext): Filter<ReleaseDocument> => ({
    _id: new ObjectId(job.entity_id),
    app_id: job.app_id,
    state: 'assembling',
    compose_job_id: job._id,
  })
  const mine = (context: JobContext) => ({ ...ofJob(context), job_fence: context.job.fence })
  const mineOrOlder = (context: JobContext) => ({ ...ofJob(context), job_fence: { $not: { $gt: context.job.fence } } })

  async function find({ job }: JobContext): Promise<ReleaseDocument | null> {
    return data.release_batches.findOne({ _id: new ObjectId(job.entity_id), app_id: job.app_id })
  }

  async function storeValidated(context: JobContext, { base, merges }: Composition): Promise<ReleaseDocument> {
    const composed = merges.at(-1)?.commit ?? base
    return causality.transaction([], async (session) => {
      const set = {
        state: 'validated' as const,
        compose_base_sha: base,
        composed_sha: composed,
        updated_at: new Date(),
      }
      const release = await data.release_batches.findOneAndUpdate(
        mine(context),
        { $set: set, $inc: CHANGED },
        { session, returnDocument: 'after' },
      )
      if (release === null) throw lost()
      for (const { changeset, commit } of merges) {
        const row = { release_id: release._id, changeset_id: changeset._id }
        await data.release_changesets.updateOne(row, { $set: { merge_sha: commit } }, { session })
      }
      return release
    })
  }

  async function storeFailure(
    context: JobContext,
    failure: ComposeFailure,
    onlyIf: Filter<ReleaseDocument>,
    also: (session: ClientSession) => Promise<unknown> = async () => undefined,
  ): Promise<ReleaseDocument | null> {
    const _id = new ObjectId(context.job.entity_id)
    return causality.transaction([], async (session) => {
      const release = await backToDraft(services, { _id }, onlyIf, { compose_failure: failure }, session)
      if (release !== null) await also(session)
      return release
    })
  }

  async function succeed(context: JobContext, release: ReleaseDocument): Promise<JobResult> {
    const rows = await data.release_changesets.find({ release_id: release._id }).sort({ position: 1 }).toArray()
    await services.releases.audit(context.origin, null, 'validated', { state: 'assembling' }, release, {
      once: `validated ${context.job._id.toHexString()}`,
      after: { state: 'validated', composed_sha: release.composed_sha },
    })
    return {
      status: 'validated',
      release_id: release._id.toHexString(),
      state: 'validated',
      composed_sha: release.composed_sha,
      merges: rows.map(({ changeset_id, merge_sha }) => ({ changeset_id: changeset_id.toHexString(), merge_sha })),
    }
  }

  /** Tells that this job has failed for good; each telling is kept once. */
  async function tellFailure({ origin }: JobContext, app: AppDocument, release: ReleaseDocument): Promise<void> {
    const failure = release.compose_failure
    if (!failure) return
    const { job_id, changeset_id, reason, files, problem } = failure
    const removal = removalOf(failure)
    await Promise.all([
      services.releases.audit(origin, null, 'assembly_failed', { state: 'assembling' }, release, {
        once: `assembly_failed ${job_id.toHexString()}`,
        after: { state: 'draft_release', culprit: changeset_id, reason, files, problem },
      }),
      removal && changeset_id && services.changesets.tellRemoval(origin, app, changeset_id, removal),
    ])
  }

  async function fail(context: JobContext, app: AppDocument, { culprit, verdict }: CompositionFailed): Promise<never> {
    const failure = { job_id: context.job._id, ...verdict }
    const removal = removalOf(failure)
    const release = await storeFailure(context, failure, mine(context), async (session) => {
      if (removal !== undefined) await services.changesets.leaveQueue(culprit, removal, session)
    })
    if (release === null) throw lost()
    await dropMergeRef(services, app, release._id, context.origin)
    await tellFailure(context, app, release)
    throw finalError(release, failure)
  }

  /** The job was run before and could not say so, or the release has gone on without it. */
  async function runAgain(context: JobContext, app: AppDocument): Promise<JobResult> {
    const { job } = context
    const release = await find(context)
    const failure = release?.compose_failure
    if (release !== null && failure?.job_id.equals(job._id)) {
      await tellFailure(context, app, release)
      throw finalError(release, failure)
    }
    if (release !== null && release.composed_sha !== null && release.compose_job_id?.equals(job._id)) {
      return succeed(context, release)
    }
    return { status: 'skipped', release_id: job.entity_id, reason: 'not_assembling' }
  }

  return {
    async run(context) {
      const app = await owningApp(services, context.job)
      const taken = { $set: { job_fence: context.job.fence } }
      const release = await data.release_batches.findOneAndUpdate(mineOrOlder(context), taken, {
        returnDocument: 'after',
      })
      if (release === null) return runAgain(context, app)
      try {
        return await succeed(context, await storeValidated(context, await compose(services, context, app, release)))
      } catch (error) {
        if (error instanceof CompositionFailed) return fail(context, app, error)
        throw error
      }
    },

    async settle(context, { problem }) {
      const app = await owningApp(services, context.job)
      const { _id } = context.job
      const failure = { job_id: _id, changeset_id: null, reason: 'error' as const, files: [], problem }
      const fallen = await storeFailure(context, failure, mineOrOlder(context))
      if (fallen !== null) await dropMergeRef(services, app, fallen._id, context.origin)
      const release = fallen ?? (await find(context))
      if (release?.compose_failure?.job_id.equals(_id)) await tellFailure(context, app, release)
    },
  }
}

/** How the culprit leaves the queue; one that has left it already does not. */
function removalOf({ job_id, reason, files }: ComposeFailure): Removal | undefined {
  if (reason === 'conflict') {
    return { state: 'conflicted', status: 'conflicted', files, jobId: job_id, reason: { during: 'assembly' } }
  }
  if (reason === 'test_failed') {
    return { state: 'needs_revalidation', status: 'test_failed', files, jobId: job_id, reason: { during: 'assembly' } }
  }
  return undefined
}

function finalError(release: ReleaseDocument, { changeset_id, reason, files, problem }: ComposeFailure): FinalJobError {
  return new FinalJobError(problem, {
    status: 'failed',
    release_id: release._id.toHexString(),
    culprit: changeset_id?.toHexString() ?? null,
    reason,
    files,
  })
}

function lost(): Error {
  return new Error('another worker has this job')
}
