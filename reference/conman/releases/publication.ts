/**
 * Publishing a release.
 *
 * First the intent is stored; then the integration branch moves from where the release was composed to what came of it, the
 * tag is made, and the release and its changesets change their states as one. Every step that is done already is passed over,
 * so a publication that was cut short anywhere is finished by whoever comes next: the caller again, or the worker.
 */
import { OUT_OF_QUEUE } from '../changesets/machine.ts'
import type { Caller, Origin, User } from '../http/context.ts'
import { conflict } from '../http/errors.ts'
import { describeError } from '../logging.ts'
import { ALL } from '../mail/notifications.ts'
import { CHANGED } from '../mongo/concurrency.ts'
import type { AppDocument, ReleaseDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import { committer } from './committer.ts'
import { backToDraft, dropMergeRef } from './fallback.ts'
import { composedOf, isComposed, land, placeOf, tagTaken } from './landing.ts'
import { requireState } from './machine.ts'
import { releasePath } from './present.ts'
import { revalidate, revalidateQueued } from './revalidation-jobs.ts'

/** The fencing number of no attempt of any job. */
const NOBODYS = -1

export interface Publication {
  publish(caller: Caller, app: AppDocument, id: string): Promise<ReleaseDocument>
  /** Finishes what somebody began and could not end; the release carries the intent. */
  finishPublication(origin: Origin, app: AppDocument, release: ReleaseDocument): Promise<void>
}

export function createPublication(services: Services): Publication {
  const { data, causality } = services.store

  /**
   * Stores the intent, or stands by one that is there. Whoever revalidates one of the changesets at this moment loses it: it is
   * about to be released.
   */
  async function begin(
    caller: Caller,
    before: ReleaseDocument,
  ): Promise<{ release: ReleaseDocument; isFirst: boolean }> {
    const asItWas = { _id: before._id, state: 'validated' as const, composed_sha: before.composed_sha }
    const intent = { user_id: caller.user.id, at: new Date(), request_id: caller.requestId }
    return causality.transaction(caller.user.id.toHexString(), async (session) => {
      const present = (await data.release_batches.findOne(asItWas, { session }))?.publishing
      const release = await data.release_batches.findOneAndUpdate(
        asItWas,
        { $set: { publishing: present ?? intent }, $inc: CHANGED },
        { session, returnDocument: 'after' },
      )
      if (release === null) throw conflict('the release has just been published by somebody else')
      const taken = queuedOf(release)
      await data.changesets.updateMany(taken, { $inc: CHANGED }, { session })
      const lookedAt = { ...taken, revalidating: { $ne: null } }
      await data.changesets.updateMany(lookedAt, { $set: { 'revalidating.fence': NOBODYS } }, { session })
      return { release, isFirst: !present }
    })
  }

  const queuedOf = (release: ReleaseDocument) => ({
    _id: { $in: release.ordered_changeset_ids },
    app_id: release.app_id,
    state: 'queued' as const,
  })

  async function allQueued(release: ReleaseDocument): Promise<boolean> {
    return (await data.changesets.countDocuments(queuedOf(release))) === release.ordered_changeset_ids.length
  }

  /** Why it could not be brought there, and whether something may have moved; undefined when it is there. */
  async function bringToGit(
    origin: Origin,
    app: AppDocument,
    release: ReleaseDocument,
    user: User,
  ): Promise<{ error: unknown; begun: boolean } | undefined> {
    const draftAgain = async (reason: string, problem: string) => {
      await fallBack(origin, app, release, user, reason)
      return { error: conflict(`${problem}; the release is a draft again`), begun: false }
    }
    if (!isComposed(release)) return draftAgain('not_composed', 'the release has never been composed')
    if (!(await allQueued(release)) && (await isUntouched(origin, app, release))) {
      return draftAgain('changeset_not_queued', 'a changeset of the release has left the queue')
    }
    const landing = await land(services, app, composedOf(release), user, origin)
    if (landing.landed) return undefined
    const { because, begun } = landing
    if (because === 'elsewhere') {
      return draftAgain('stale_base', 'the integration branch has moved since the release was assembled')
    }
    return because === 'tag taken' ? { error: tagTaken(release.tag), begun } : { error: because.error, begun }
  }

  async function isUntouched(origin: Origin, app: AppDocument, release: ReleaseDocument): Promise<boolean> {
    return (await placeOf(services, app, composedOf(release), origin)) === 'base'
  }

  /** Null when somebody else was faster. */
  async function complete(release: ReleaseDocument, userId: User['id']): Promise<ReleaseDocument | null> {
    const now = new Date()
    const { after, released } = await causality.transaction(userId.toHexString(), async (session) => {
      const after = await data.release_batches.findOneAndUpdate(
        { _id: release._id, state: 'validated', composed_sha: release.composed_sha },
        {
          $set: {
            state: 'published',
            published_sha: release.composed_sha,
            published_at: now,
            published_by: userId,
            updated_at: now,
          },
          $inc: CHANGED,
        },
        { session, returnDocument: 'after' },
      )
      if (after === null) return { after, released: 0 }
      const set = { state: 'released' as const, open: false, ...OUT_OF_QUEUE, updated_at: now }
      const { matchedCount } = await data.changesets.updateMany(
        queuedOf(release),
        { $set: set, $inc: CHANGED },
        { session },
      )
      await data.release_changesets.updateMany({ release_id: release._id }, { $set: { reserved: false } }, { session })
      return { after, released: matchedCount }
    })
    if (after !== null && released < after.ordered_changeset_ids.length) {
      services.logger.error({ release_id: after._id, released }, 'a published changeset was not in the queue')
    }
    return after
  }

  async function follow(origin: Origin, app: AppDocument, release: ReleaseDocument, user: User): Promise<void> {
    const since = release.publishing?.at ?? new Date()
    await revalidateQueued(services, app, release, user.id, since)
    await dropMergeRef(services, app, release._id, origin)
    await Promise.all([
      services.releases.audit(origin, user, 'published', { state: 'validated' }, release, {
        once: `published ${release._id.toHexString()}`,
        after: { state: 'published', changeset_ids: release.ordered_changeset_ids },
      }),
      services.notifications.tell({
        app,
        event: 'release_published',
        title: release.tag,
        link: releasePath(release),
        actor: user,
        to: { roles: ALL },
        occasion: release._id.toHexString(),
      }),
    ])
    await forgetIntent(release)
  }

  async function forgetIntent({ _id }: ReleaseDocument): Promise<void> {
    await data.release_batches.updateOne({ _id }, { $set: { publishing: null } })
  }

  /** What came to nothing must not happen by itself later. */
  async function giveUp(caller: Caller, release: ReleaseDocument): Promise<void> {
    await forgetIntent(release)
    // Nor must the revalidations that came to nothing because of it be lost.
    const withoutVerdict = { $ne: ['$revalidating.job_id', '$last_revalidation_job_id'] }
    const lookedAt = { ...queuedOf(release), revalidating: { $ne: null }, $expr: withoutVerdict }
    await revalidate(services, release, await data.changesets.find(lookedAt).toArray(), caller.user.id)
  }

  async function fallBack(
    origin: Origin,
    app: AppDocument,
    release: ReleaseDocument,
    user: User,
    reason: string,
  ): Promise<void> {
    const after = await causality.transaction(user.id.toHexString(), (session) =>
      backToDraft(services, release, { state: 'validated', composed_sha: release.composed_sha }, {}, session),
    )
    if (after === null) return
    await dropMergeRef(services, app, release._id, origin)
    await services.releases.audit(origin, user, 'assembly_failed', release, after, { after: { reason } })
    // While the release was about to be published, nobody revalidated them.
    await revalidate(services, release, await data.changesets.find(queuedOf(release)).toArray(), user.id)
  }

  return {
    async publish(caller, app, id) {
      const before = await services.releases.current(app, id)
      requireState(before, 'validated', 'published')
      if (before.rollback) throw conflict('the release is published by the rollback that made it')
      const { release, isFirst } = await begin(caller, before)
      const refusal = await bringToGit(caller, app, release, caller.user)
      if (refusal !== undefined) {
        if (isFirst && !refusal.begun) await giveUp(caller, release)
        throw refusal.error
      }
      const after = await complete(release, caller.user.id)
      if (after === null) throw conflict('the release has just been published by somebody else')
      // It is published; whatever is still to follow is finished by the worker if it fails here.
      await follow(caller, app, after, caller.user).catch((error: unknown) => {
        services.logger.error({ release_id: after._id, ...describeError(error) }, 'publication not followed up')
      })
      return after
    },

    async finishPublication(origin, app, release) {
      const user = await committer(services, release.published_by ?? release.publishing?.user_id ?? null)
      let after: ReleaseDocument | null = release
      if (release.state === 'validated') {
        const refusal = await bringToGit(origin, app, release, user)
        if (refusal !== undefined) throw refusal.error
        after = await complete(release, user.id)
      }
      if (after !== null) await follow(origin, app, after, user)
    },
  }
}
