/** How a deployment ends, and what that makes of the releases: all of it as one. */
import type { ClientSession, Filter } from 'mongodb'
import { CHANGED } from '../mongo/concurrency.ts'
import type { DeploymentDocument, ReleaseDocument, ReleaseState } from '../mongo/documents.ts'
import { OUT } from '../releases/machine.ts'
import type { Services } from '../services.ts'
import { runningIn } from './environment.ts'

export interface Outcome {
  deployment: DeploymentDocument
  /** The release that runs nowhere any more, as it was before. */
  rolledBack: ReleaseDocument | null
}

/** Null when the deployment is not as it has to be. */
export async function storeOutcome(
  services: Services,
  onlyIf: Filter<DeploymentDocument>,
  state: 'succeeded' | 'failed',
): Promise<Outcome | null> {
  const { data, causality } = services.store
  return causality.transaction([], async (session) => {
    const now = new Date()
    const deployment = await data.deployments.findOneAndUpdate(
      onlyIf,
      { $set: { state, active: false, finished_at: now, updated_at: now }, $inc: CHANGED },
      { session, returnDocument: 'after' },
    )
    if (deployment === null) return null
    if (state === 'failed') return { deployment, rolledBack: null }
    await advanceRelease(services, deployment, session)
    return { deployment, rolledBack: await retireReplaced(services, deployment, session) }
  })
}

/** Deployed everywhere, or somewhere; never backwards. */
async function advanceRelease(
  { store }: Services,
  { app_id, release_id }: DeploymentDocument,
  session: ClientSession,
): Promise<void> {
  const { data } = store
  // Two that succeed at the same moment both touch the release, so the later one sees what the earlier one did.
  await data.release_batches.updateOne({ _id: release_id }, { $inc: CHANGED }, { session })
  const environments = await data.environments.find({ app_id }, { session, projection: { _id: 1 } }).toArray()
  const reached = await data.deployments
    .find({ app_id, release_id, state: 'succeeded' }, { session, projection: { environment_id: 1 } })
    .toArray()
  const everywhere = environments.every(({ _id }) => reached.some(({ environment_id }) => environment_id.equals(_id)))
  const state: ReleaseState = everywhere ? 'deployed_full' : 'deployed_partial'
  const from: ReleaseState[] = everywhere ? ['published', 'deployed_partial'] : ['published']
  await data.release_batches.updateOne(
    { _id: release_id, state: { $in: from } },
    { $set: { state, updated_at: new Date() } },
    { session },
  )
}

/** After a rollback: the release that ran there before is rolled back, unless it runs, or is on its way, anywhere else. */
async function retireReplaced(
  services: Services,
  { app_id, release_id, environment_id, rollback_mode, rollback_source_release_id: replaced }: DeploymentDocument,
  session: ClientSession,
): Promise<ReleaseDocument | null> {
  const { data } = services.store
  if (rollback_mode !== 'redeploy_prior_tag' || !replaced || replaced.equals(release_id)) return null
  const onItsWay = { app_id, release_id: replaced, active: true }
  if ((await data.deployments.findOne(onItsWay, { session })) !== null) return null
  const others = { app_id, _id: { $ne: environment_id } }
  const environments = await data.environments.find(others, { session }).toArray()
  for (const environment of environments) {
    if ((await runningIn(services, environment, session))?.equals(replaced)) return null
  }
  return data.release_batches.findOneAndUpdate(
    { _id: replaced, state: { $in: [...OUT] } },
    { $set: { state: 'rolled_back', updated_at: new Date() }, $inc: CHANGED },
    { session, returnDocument: 'before' },
  )
}
