/** What the worker looks after: publications and reversals that were cut short. */
import type { Filter, ObjectId } from 'mongodb'
import { createQuarantine, type Sweep } from '../jobs/sweeps.ts'
import { describeError } from '../logging.ts'
import type { AppDocument, ReleaseDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import { INTERRUPTED_MS } from './machine.ts'
import { owningApp } from './owning-app.ts'

const BATCH = 20
/** For one of a batch; one that takes longer is tried again later. */
const GIT_LIMIT_MS = 10_000

export function releaseSweeps(services: Services): Sweep[] {
  const { data } = services.store

  async function finishPublication(app: AppDocument, release: ReleaseDocument, gitUntilMs: number): Promise<void> {
    const requestId = release.publishing?.request_id ?? `release-${release._id.toHexString()}`
    const origin = { requestId, ip: null, userAgent: null, gitUntilMs }
    if (release.rollback) await services.deployments.finishRollback(origin, app, release)
    else await services.releases.finishPublication(origin, app, release)
  }

  /** Each begun longer ago than anybody can be at it, the oldest first. */
  function sweepInterrupted(
    name: string,
    begun: 'publishing.at' | 'reverting.at',
    finish: (app: AppDocument, release: ReleaseDocument, gitUntilMs: number) => Promise<void>,
  ): Sweep {
    const quarantine = createQuarantine<ObjectId>((id) => id.toHexString())
    return {
      name,
      async sweep() {
        const before = new Date(Date.now() - INTERRUPTED_MS)
        const interrupted = { [begun]: { $lt: before }, _id: { $nin: quarantine.waiting } } as Filter<ReleaseDocument>
        const found = await data.release_batches
          .find(interrupted)
          .sort({ [begun]: 1 })
          .limit(BATCH)
          .toArray()
        for (const release of found) {
          const { _id } = release
          try {
            await finish(await owningApp(services, release), release, performance.now() + GIT_LIMIT_MS)
            quarantine.succeeded(_id)
            services.logger.info({ sweep: name, release_id: _id }, 'interrupted work on a release finished')
          } catch (error) {
            quarantine.failed(_id)
            const problem = { sweep: name, release_id: _id, ...describeError(error) }
            services.logger.warn(problem, 'interrupted work on a release not finished')
          }
        }
        return found.length === BATCH
      },
    }
  }

  return [
    sweepInterrupted('interrupted publications', 'publishing.at', finishPublication),
    sweepInterrupted('interrupted reversals', 'reverting.at', (app, release, gitUntilMs) =>
      services.deployments.cleanUpReversal({ gitUntilMs }, app, release),
    ),
  ]
}
