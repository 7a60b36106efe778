/**
 * Looking at a queued changeset again after the integration branch has moved: would it still merge, and pass the suite?
 *
 * Whoever looks marks the changeset as looked at by this attempt of this job. The verdict is stored only while that mark
 * stands: a later job, a later attempt, or a publication that takes the changeset along puts another in its place.
 */
import { type Filter, ObjectId } from 'mongodb'
import { repositoryOf } from '../apps/service.ts'
import type { Removal } from '../changesets/service.ts'
import type { JobContext, JobHandler, JobResult } from '../jobs/handler.ts'
import { CHANGED } from '../mongo/concurrency.ts'
import type { AppDocument, ChangesetDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import { committer } from './committer.ts'
import { dropMergeRef } from './fallback.ts'
import { mergeSuiteFailure } from './merge-suite.ts'
import { owningApp } from './owning-app.ts'
import { headOf, mergeMessage, trialMerge } from './trial-merge.ts'

export interface RevalidationResult extends JobResult {
  status: 'revalidated' | 'conflicted' | 'needs_revalidation' | 'skipped'
  integration_sha: string | null
  /** Whether the integration head is part of the changeset's history; after any publication it is not. */
  ancestor: boolean
  files: string[]
  conflict_with: string | null
  reason: string | null
}

export function createRevalidation(services: Services): JobHandler {
  const { data } = services.store

  const mine = ({ job }: JobContext): Filter<ChangesetDocument> => ({
    'revalidating.job_id': job._id,
    'revalidating.fence': job.fence,
  })

  async function take({ job }: JobContext): Promise<ChangesetDocument | null> {
    const free = [{ 'revalidating.job_id': { $ne: job._id } }, { 'revalidating.fence': { $not: { $gt: job.fence } } }]
    return data.changesets.findOneAndUpdate(
      { _id: new ObjectId(job.entity_id), app_id: job.app_id, state: 'queued', $or: free },
      { $set: { revalidating: { job_id: job._id, fence: job.fence } } },
      { returnDocument: 'after' },
    )
  }

  /** Whether somebody is publishing it at this moment; if nothing comes of that, it is revalidated then. */
  async function beingPublished({ _id }: ChangesetDocument): Promise<boolean> {
    const row = await data.release_changesets.findOne({ changeset_id: _id, reserved: true })
    if (row === null) return false
    const publishing = { _id: row.release_id, publishing: { $ne: null } }
    return (await data.release_batches.countDocuments(publishing, { limit: 1 })) > 0
  }

  async function integrationTip({ origin }: JobContext, app: AppDocument): Promise<string> {
    const tip = await services.git.branchTip(repositoryOf(app), app.integration_branch, origin)
    if (tip === undefined) throw new Error('the integration branch does not exist')
    return tip
  }

  async function examine(
    context: JobContext,
    app: AppDocument,
    changeset: ChangesetDocument,
  ): Promise<RevalidationResult & { integration_sha: string }> {
    const { job, origin, log } = context
    const onto = await integrationTip(context, app)
    const ancestor = await services.git.isAncestor(repositoryOf(app), onto, headOf(changeset), origin)
    const found = { integration_sha: onto, ancestor, files: [], conflict_with: null, reason: null }

    const queued = await services.queue.current(app)
    const place = queued.findIndex(({ _id }) => _id.equals(changeset._id))
    const against = await services.queue.collision(changeset, queued.slice(0, Math.max(0, place)))
    if (against !== undefined) return { ...found, status: 'conflicted', conflict_with: against._id.toHexString() }

    const of = changeset._id
    const [user, message] = [await committer(services, job.created_by), mergeMessage('Revalidate', changeset)]
    try {
      const merge = await trialMerge(services, { app, changeset, onto, of, message, user }, origin)
      if ('conflict' in merge) return { ...found, status: 'conflicted', files: merge.conflict }
      log('info', 'changeset merged', { commit_sha: merge.commit, integration_sha: onto })
      await services.tempEnvironments.touch(changeset)
      const reason = await mergeSuiteFailure(services, context, {
        gate: 'revalidation',
        changeset_id: of.toHexString(),
        commit_sha: merge.commit,
        integration_sha: onto,
        ...job.payload,
      })
      return reason === undefined
        ? { ...found, status: 'revalidated' }
        : { ...found, status: 'needs_revalidation', reason }
    } finally {
      await dropMergeRef(services, app, of, origin)
    }
  }

  /** Whether the verdict could be stored. */
  async function store(
    context: JobContext,
    changeset: ChangesetDocument,
    result: RevalidationResult,
  ): Promise<boolean> {
    const removal = removalOf(context, result)
    const also = { last_revalidation_result: result }
    if (removal !== undefined) {
      const left = await services.changesets.leaveQueue(changeset, { ...removal, onlyIf: mine(context), also })
      return left !== null
    }
    const set = {
      ...also,
      last_revalidation_status: 'valid' as const,
      last_revalidation_files: [],
      last_revalidation_job_id: context.job._id,
      updated_at: new Date(),
    }
    const { matchedCount } = await data.changesets.updateOne(
      { ...mine(context), _id: changeset._id, state: 'queued' },
      { $set: set, $inc: CHANGED },
    )
    return matchedCount === 1
  }

  async function tell(context: JobContext, app: AppDocument, changeset: ChangesetDocument, result: RevalidationResult) {
    const removal = removalOf(context, result)
    if (removal !== undefined) return services.changesets.tellRemoval(context.origin, app, changeset._id, removal)
    const { integration_sha, ancestor } = result
    await services.changesets.audit(context.origin, null, 'revalidated', changeset, changeset, {
      once: `revalidated ${changeset._id.toHexString()} ${context.job._id.toHexString()}`,
      after: { integration_sha, ancestor },
    })
  }

  /** Why nothing is to be said about the changeset. */
  async function skip({ job }: JobContext): Promise<RevalidationResult> {
    const queued = { _id: new ObjectId(job.entity_id), app_id: job.app_id, state: 'queued' as const }
    const reason = (await data.changesets.countDocuments(queued, { limit: 1 })) > 0 ? 'superseded' : 'not_queued'
    return { status: 'skipped', integration_sha: null, ancestor: false, files: [], conflict_with: null, reason }
  }

  /** The verdict of an earlier attempt that could not say so any more. */
  async function earlierResult({ job }: JobContext) {
    const stored = { _id: new ObjectId(job.entity_id), app_id: job.app_id, last_revalidation_job_id: job._id }
    const changeset = await data.changesets.findOne(stored)
    const result = changeset?.last_revalidation_result as RevalidationResult | null | undefined
    return changeset && result ? { changeset, result } : undefined
  }

  return {
    async run(context) {
      const app = await owningApp(services, context.job)
      const earlier = await earlierResult(context)
      if (earlier !== undefined) {
        await tell(context, app, earlier.changeset, earlier.result)
        return earlier.result
      }
      const changeset = await take(context)
      if (changeset === null || (await beingPublished(changeset))) return skip(context)
      const result = await examine(context, app, changeset)
      context.signal.throwIfAborted()
      const moved = (await integrationTip(context, app)) !== result.integration_sha
      if (moved || !(await store(context, changeset, result))) return skip(context)
      await tell(context, app, changeset, result)
      return result
    },
  }
}

/** How the changeset leaves the queue, if it does. */
function removalOf({ job }: JobContext, result: RevalidationResult): Removal | undefined {
  const { status, files, conflict_with, reason, integration_sha } = result
  const jobId = job._id
  if (status === 'conflicted') {
    return { state: 'conflicted', status: 'conflicted', files, jobId, reason: { conflict_with, integration_sha } }
  }
  if (status === 'needs_revalidation') {
    return { state: 'needs_revalidation', status: 'test_failed', files, jobId, reason: { reason, integration_sha } }
  }
  return undefined
}
