/**
 * Taking the changes of a release back, as a release of its own that is deployed.
 *
 * First the reverts are made beside every branch. When that has gone well, the new release and its deployment are stored as
 * intended, the integration branch moves, the tag is made, and all states change as one. What was cut short before the branch
 * had moved is undone, otherwise it is finished.
 */
import { ObjectId } from 'mongodb'
import type { Deadline } from '../git/wire.ts'
import type { Caller, Origin, User } from '../http/context.ts'
import { conflict, validation } from '../http/errors.ts'
import { describeError } from '../logging.ts'
import { CHANGED } from '../mongo/concurrency.ts'
import type {
  AppDocument,
  DeploymentDocument,
  EnvironmentDocument,
  JobDocument,
  ReleaseDocument,
} from '../mongo/documents.ts'
import { committer } from '../releases/committer.ts'
import { composedOf, type Landing, land, placeOf, tagTaken } from '../releases/landing.ts'
import { OUT } from '../releases/machine.ts'
import { revalidateQueued } from '../releases/revalidation-jobs.ts'
import type { Services } from '../services.ts'
import { enqueueDeploy, newDeployment, occupy, type Placed } from './placement.ts'
import { createReverting, type Reverted } from './reverting.ts'
import { tellDeployment } from './telling.ts'

export interface Reversal {
  takeBack(
    caller: Caller,
    app: AppDocument,
    environment: EnvironmentDocument,
    original: ReleaseDocument,
    approvals: ObjectId[],
  ): Promise<Placed>
  /** Finishes, or undoes, what somebody began and could not end; the release carries the intent. */
  finishRollback(origin: Origin, app: AppDocument, release: ReleaseDocument): Promise<void>
  /** Removes what somebody left behind who was cut short while reverting. */
  cleanUpReversal(deadline: Deadline, app: AppDocument, original: ReleaseDocument): Promise<void>
}

/** For cleaning up after a request whose own time on the git backend may be over. */
const CLEAN_UP_MS = 5_000

export function createReversal(services: Services): Reversal {
  const { data, causality } = services.store
  const reverting = createReverting(services)

  async function intend(
    caller: Caller,
    original: ReleaseDocument,
    deployment: DeploymentDocument,
    app: AppDocument,
    { base, head }: Reverted,
  ): Promise<ReleaseDocument> {
    return services.releases.withNextTag(app, (tag, now) =>
      causality.transaction(caller.user.id.toHexString(), async (session) => {
        const release: ReleaseDocument = {
          _id: deployment.release_id,
          app_id: app._id,
          tag,
          state: 'validated',
          ordered_changeset_ids: [],
          compose_job_id: null,
          compose_base_sha: base,
          composed_sha: head,
          publishing: { user_id: caller.user.id, at: now, request_id: caller.requestId },
          published_sha: null,
          published_at: null,
          published_by: null,
          rollback: { release_id: original._id, from_state: original.state, deployment_id: deployment._id },
          created_at: now,
          updated_at: now,
        }
        await occupy(services, app, deployment, session)
        await data.release_batches.insertOne(release, { session })
        return release
      }),
    )
  }

  async function undo(release: ReleaseDocument): Promise<void> {
    const { deployment_id } = rollbackOf(release)
    await causality.transaction([], async (session) => {
      const unpublished = { _id: release._id, state: 'validated' as const }
      const { deletedCount } = await data.release_batches.deleteOne(unpublished, { session })
      if (deletedCount > 0) await data.deployments.deleteOne({ _id: deployment_id, job_id: null }, { session })
    })
  }

  async function bringToGit(caller: Caller, app: AppDocument, release: ReleaseDocument): Promise<void> {
    const landing = await land(services, app, composedOf(release), caller.user, caller)
    if (landing.landed) return
    // Where the branch may have moved, the worker finds it out, and finishes or undoes it.
    if (!landing.begun) await undo(release)
    throw refusalOf(landing, release)
  }

  /** Null when somebody else was faster. */
  async function complete(release: ReleaseDocument, user: User): Promise<ReleaseDocument | null> {
    const { release_id, deployment_id } = rollbackOf(release)
    const now = new Date()
    const set = {
      state: 'published' as const,
      published_sha: release.composed_sha,
      published_at: now,
      published_by: user.id,
      updated_at: now,
    }
    const done = await causality.transaction(user.id.toHexString(), async (session) => {
      const published = await data.release_batches.findOneAndUpdate(
        { _id: release._id, state: 'validated' },
        { $set: set, $inc: CHANGED },
        { session, returnDocument: 'after' },
      )
      if (published === null) return null
      await data.release_batches.updateOne(
        { _id: release_id, state: { $in: [...OUT] } },
        { $set: { state: 'rolled_back', updated_at: now }, $inc: CHANGED },
        { session },
      )
      const deployment = await data.deployments.findOne({ _id: deployment_id }, { session })
      if (deployment === null) throw new Error('the deployment of the rollback does not exist')
      return { published, job: await enqueueDeploy(services, deployment, session) }
    })
    if (done !== null) services.jobs.counted(done.job)
    return done?.published ?? null
  }

  async function placedOf(release: ReleaseDocument): Promise<Placed> {
    const deployment = await data.deployments.findOne({ _id: rollbackOf(release).deployment_id })
    const job: JobDocument | null = deployment?.job_id ? await data.jobs.findOne({ _id: deployment.job_id }) : null
    if (deployment === null || job === null) throw new Error('the deployment of the rollback does not exist')
    return { deployment, job }
  }

  async function follow(
    origin: Origin,
    app: AppDocument,
    release: ReleaseDocument,
    deployment: DeploymentDocument,
    user: User,
  ): Promise<void> {
    const { release_id, from_state } = rollbackOf(release)
    const original = await services.releases.current(app, release_id)
    await revalidateQueued(services, app, release, user.id, release.publishing?.at ?? new Date())
    const pending = { ...deployment, state: 'pending' as const }
    await Promise.all([
      services.releases.audit(origin, user, 'published', null, release, {
        once: `published ${release._id.toHexString()}`,
        after: { state: 'published', changeset_ids: [], rollback_of: release_id },
      }),
      services.releases.audit(origin, user, 'rolled_back', { state: from_state }, original, {
        once: `rolled_back ${release_id.toHexString()}`,
        after: { rollback_mode: 'revert_and_release', rollback_release_id: release._id },
      }),
      tellDeployment(services, origin, {
        app,
        deployment: pending,
        release,
        action: 'rolled_back',
        actor: user,
        before: null,
      }),
    ])
    await data.release_batches.updateOne({ _id: release._id }, { $set: { publishing: null } })
  }

  return {
    async takeBack(caller, app, environment, original, approvals) {
      const merges = await reverting.mergesOf(original)
      if (merges.length === 0) throw validation('the release has no changesets to take back')
      const id = new ObjectId()
      await reverting.hold(original, id)
      try {
        const reverted = await reverting.revertAll(caller, app, original, merges, id)
        const wanted = {
          environment,
          releaseId: id,
          isSkipStage: false,
          isConcurrentBatch: false,
          approvals,
          rollback: { mode: 'revert_and_release' as const, sourceReleaseId: original._id },
        }
        const intended = await intend(caller, original, newDeployment(app, wanted, caller.user), app, reverted)
        await bringToGit(caller, app, intended)
        const published = (await complete(intended, caller.user)) ?? (await services.releases.current(app, id))
        const placed = await placedOf(published)
        // It is done; whatever is still to follow is finished by the worker if it fails here.
        await follow(caller, app, published, placed.deployment, caller.user).catch((error: unknown) => {
          services.logger.error({ release_id: id, ...describeError(error) }, 'rollback not followed up')
        })
        return placed
      } finally {
        const deadline = { gitUntilMs: performance.now() + CLEAN_UP_MS }
        await reverting.letGo(deadline, app, original, id).catch((error: unknown) => {
          services.logger.warn({ release_id: original._id, ...describeError(error) }, 'reversal left to be cleaned up')
        })
      }
    },

    async finishRollback(origin, app, release) {
      const user = await committer(services, release.publishing?.user_id ?? null)
      let published: ReleaseDocument | null = release
      if (release.state === 'validated') {
        const composed = composedOf(release)
        if ((await placeOf(services, app, composed, origin)) !== 'landed') return undo(release)
        const landing = await land(services, app, composed, user, origin)
        if (!landing.landed) throw refusalOf(landing, release)
        published = await complete(release, user)
      }
      if (published === null) return
      const { deployment } = await placedOf(published)
      await follow(origin, app, published, deployment, user)
    },

    async cleanUpReversal(deadline, app, original) {
      if (original.reverting) await reverting.letGo(deadline, app, original, original.reverting.id)
    },
  }
}

function refusalOf({ because }: Exclude<Landing, { landed: true }>, { tag }: ReleaseDocument): unknown {
  if (because === 'elsewhere') return conflict('the integration branch has just moved; try again')
  return because === 'tag taken' ? tagTaken(tag) : because.error
}

function rollbackOf(release: ReleaseDocument) {
  if (!release.rollback) throw new Error('the release takes no other one back')
  return release.rollback
}
