/** Back to a draft: what was composed counts no more, and the changesets are free for other releases. */
import type { ClientSession, Filter, MatchKeysAndValues } from 'mongodb'
import { repositoryOf } from '../apps/service.ts'
import { mergeRef } from '../git/merges.ts'
import type { Deadline } from '../git/wire.ts'
import { describeError } from '../logging.ts'
import { CHANGED } from '../mongo/concurrency.ts'
import type { AppDocument, ReleaseDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import { NOT_COMPOSED } from './machine.ts'

/** The draft, or null where the release is not as it has to be; the selection stays. */
export async function backToDraft(
  services: Services,
  release: Pick<ReleaseDocument, '_id'>,
  onlyIf: Filter<ReleaseDocument>,
  set: MatchKeysAndValues<ReleaseDocument>,
  session: ClientSession,
): Promise<ReleaseDocument | null> {
  const { data } = services.store
  const after = await data.release_batches.findOneAndUpdate(
    { ...onlyIf, _id: release._id },
    { $set: { ...set, ...NOT_COMPOSED, state: 'draft_release', updated_at: new Date() }, $inc: CHANGED },
    { session, returnDocument: 'after' },
  )
  if (after !== null) await data.release_changesets.deleteMany({ release_id: release._id }, { session })
  return after
}

/** Nothing depends on the reference any more: one that cannot be deleted now is in nobody's way. */
export async function dropMergeRef(
  services: Services,
  app: AppDocument,
  id: { toHexString(): string },
  deadline: Deadline,
): Promise<void> {
  await services.git
    .deleteReference(repositoryOf(app), mergeRef(id.toHexString()), deadline)
    .catch((error: unknown) => services.logger.warn(describeError(error), 'merge reference not deleted'))
}
