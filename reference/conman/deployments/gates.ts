/**
 * What must have succeeded before a release is deployed: a drift check of the environment against the present revision of its
 * profile, then the deploy suite for this release there.
 *
 * Whoever finds no such job, or one that failed, has a new one enqueued and comes again when it is done.
 */
import type { Caller } from '../http/context.ts'
import { conflict } from '../http/errors.ts'
import type { NewJob } from '../jobs/service.ts'
import type { AppDocument, EnvironmentDocument, JobDocument, ReleaseDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'

interface Gate {
  name: string
  job: Pick<NewJob, 'type' | 'entityId' | 'payload'>
  key: string
  /** Whether a job was made for what is to be deployed now. */
  fits(job: JobDocument): boolean
}

export async function requireGates(
  services: Services,
  caller: Caller,
  app: AppDocument,
  environment: EnvironmentDocument,
  release: ReleaseDocument,
): Promise<void> {
  await requireGate(services, caller, app, await driftGate(services, environment, release))
  await requireGate(services, caller, app, suiteGate(environment, release))
}

async function driftGate(
  services: Services,
  environment: EnvironmentDocument,
  release: ReleaseDocument,
): Promise<Gate> {
  const linked = environment.runtime_profile_id
  const profile = linked && (await services.store.data.runtime_profiles.findOne({ _id: linked }))
  const madeFor = {
    profile_id: profile?._id.toHexString() ?? null,
    profile_revision: profile?.revision ?? null,
  }
  const id = environment._id.toHexString()
  const payload = { gate: 'deploy_drift_check', environment_id: id, release_id: release._id.toHexString(), ...madeFor }
  return {
    name: 'runtime profile drift check',
    job: { type: 'runtime_profile_drift_check', entityId: id, payload },
    key: `drift ${id}`,
    fits: ({ payload: { profile_id = null, profile_revision = null } }) =>
      profile_id === madeFor.profile_id && profile_revision === madeFor.profile_revision,
  }
}

function suiteGate(environment: EnvironmentDocument, release: ReleaseDocument): Gate {
  const [environment_id, release_id] = [environment._id.toHexString(), release._id.toHexString()]
  const pair = `${environment_id}:${release_id}`
  return {
    name: 'deploy suite',
    job: { type: 'msuite_deploy', entityId: pair, payload: { gate: 'deploy', environment_id, release_id } },
    key: `msuite_deploy ${pair}`,
    fits: () => true,
  }
}

async function requireGate(services: Services, caller: Caller, app: AppDocument, gate: Gate): Promise<void> {
  const { name, job, key, fits } = gate
  const newest = await services.jobs.newest(app._id, job.type, job.entityId)
  const fitting = newest !== null && fits(newest) ? newest : undefined
  if (fitting?.state === 'succeeded') return
  if (newest?.state === 'queued' || newest?.state === 'running') {
    throw conflict(`${name} job is ${newest.state} (${newest._id.toHexString()}); deploy after it has succeeded`)
  }
  const exclusive = { key, while: 'unfinished' as const }
  const made = await services.jobs.enqueueOnce({ ...job, appId: app._id, createdBy: caller.user.id, exclusive })
  const before = fitting === undefined ? '' : `${name} job ${fitting.state}; `
  throw conflict(`${before}${name} job enqueued (${made._id.toHexString()}); deploy after it has succeeded`)
}
