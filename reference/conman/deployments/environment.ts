/** The environment that is deployed to, as it is now, and what runs in it. */
import type { ClientSession, ObjectId } from 'mongodb'
import { conflict, notFound, validation } from '../http/errors.ts'
import { objectId } from '../http/identifiers.ts'
import type { AppDocument, EnvironmentDocument, ReleaseDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'

export async function environmentOf(services: Services, app: AppDocument, given: string): Promise<EnvironmentDocument> {
  const id = objectId(given, 'environment id')
  const environment = await services.store.data.environments.findOne({ _id: id, app_id: app._id })
  if (environment === null) throw notFound('environment', given)
  return environment
}

export function occupied() {
  return conflict('an active deployment already exists for this environment')
}

export async function requireUnoccupied(services: Services, { _id }: EnvironmentDocument): Promise<void> {
  const active = { environment_id: _id, active: true }
  if ((await services.store.data.deployments.countDocuments(active, { limit: 1 })) > 0) throw occupied()
}

/** The release of the newest deployment that succeeded there. */
export async function runningIn(
  services: Services,
  { _id, app_id }: Pick<EnvironmentDocument, '_id' | 'app_id'>,
  session?: ClientSession,
): Promise<ObjectId | undefined> {
  const succeeded = { app_id, environment_id: _id, state: 'succeeded' as const }
  const newest = await services.store.data.deployments.findOne(succeeded, {
    ...(session && { session }),
    sort: { finished_at: -1, _id: -1 },
  })
  return newest?.release_id
}

/** Whether the release was ever deployed with success: there, or anywhere. */
export async function hasRun(
  services: Services,
  release: ReleaseDocument,
  environment?: EnvironmentDocument,
): Promise<boolean> {
  const succeeded = {
    app_id: release.app_id,
    release_id: release._id,
    state: 'succeeded' as const,
    ...(environment && { environment_id: environment._id }),
  }
  return (await services.store.data.deployments.countDocuments(succeeded, { limit: 1 })) > 0
}

/** A promotion goes from one stage to the next: the release has run in the environment before this one. */
export async function requirePredecessor(
  services: Services,
  release: ReleaseDocument,
  { app_id, position }: EnvironmentDocument,
): Promise<void> {
  const before = await services.store.data.environments.findOne({ app_id, position: position - 1 })
  if (before === null) throw validation('the first environment is deployed to, not promoted to')
  if (!(await hasRun(services, release, before))) {
    throw validation('the release has not been deployed with success to the environment before this one')
  }
}
