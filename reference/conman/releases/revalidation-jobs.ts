/** Asking for what is still queued to be looked at again, because the integration branch has moved. */
import type { ObjectId } from 'mongodb'
import type { NewJob } from '../jobs/service.ts'
import type { AppDocument, ChangesetDocument, ReleaseDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'

/** In queue order. Those that this release has asked for already, before a crash, are left out. */
export async function revalidateQueued(
  services: Services,
  app: AppDocument,
  release: Pick<ReleaseDocument, '_id'>,
  createdBy: ObjectId,
  since: Date,
): Promise<void> {
  const queued = await services.queue.current(app)
  const asked = new Set<string>(
    await services.store.data.jobs.distinct('entity_id', {
      app_id: app._id,
      job_type: 'revalidate_queued_changeset',
      created_at: { $gte: since },
      'payload.release_id': release._id.toHexString(),
    }),
  )
  const missing = queued.filter(({ _id }) => !asked.has(_id.toHexString()))
  await revalidate(services, release, missing, createdBy)
}

/** One for each, unless one waits for it already; one that runs has seen the branch where it was. */
export async function revalidate(
  services: Services,
  release: Pick<ReleaseDocument, '_id'>,
  changesets: readonly ChangesetDocument[],
  createdBy: ObjectId,
): Promise<void> {
  const payload = { trigger: 'post_release_publish', release_id: release._id.toHexString() }
  await services.jobs.enqueueMissing(changesets.map((changeset) => revalidationJob(changeset, payload, createdBy)))
}

export function revalidationJob(
  { _id, app_id }: Pick<ChangesetDocument, '_id' | 'app_id'>,
  payload: Record<string, unknown>,
  createdBy: ObjectId,
): NewJob {
  const id = _id.toHexString()
  const exclusive = { key: `revalidate ${id}`, while: 'queued' as const }
  return { appId: app_id, type: 'revalidate_queued_changeset', entityId: id, payload, createdBy, exclusive }
}
