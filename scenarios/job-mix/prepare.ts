// What the steady job load stands on: a small team, a release that is published, and so many environments that each is free again
// when its turn comes, each deployed to once. Touches the world.

import { mapInParallel } from '../../harness/parallel.ts'
import type { Run } from '../../harness/run.ts'
import { type Environment, setEnvironments } from '../../harness/target/conman/environments.ts'
import type { Role } from '../../harness/target/conman.ts'
import { explained } from '../../seed/apps.ts'
import { bringToQueue, proposeDrafts } from '../../seed/proposals.ts'
import { seedTeam, type Team, type Teammate } from '../../seed/team.ts'
import { demandSucceeded, fileOf } from '../lib/flow.ts'
import { JOBS_WITHIN_MS } from './limits.ts'

/** More of them would only mean more mails. */
const ROLES: readonly Role[] = [
  ...Array<Role>(6).fill('user'),
  ...Array<Role>(2).fill('reviewer'),
  ...Array<Role>(3).fill('config_manager'),
  'app_admin',
]

/** Deployments at once while preparing; each climbs two gates. */
const WIDTH = 4

export interface Prepared {
  team: Team
  managers: Teammate[]
  releaseId: string
  environments: Environment[]
  /** The deployments that were made beforehand: who began them, and their ids. */
  deployed: { actor: string; id: string }[]
}

/** An environment takes one deployment at a time (E09): with so many, each turn comes when the slowest allowed one has ended. */
export function environmentsFor({ of_each, rate_per_minute }: Run['profile']['job-mix']): number {
  return Math.min(of_each, Math.ceil((JOBS_WITHIN_MS / 60_000) * rate_per_minute), ENVIRONMENTS_MAX)
}

/** The bundled Conman takes fifty for an app; the specification names no number. */
const ENVIRONMENTS_MAX = 48

export async function prepare(run: Run): Promise<Prepared> {
  const { conman } = run.target
  const team = await seedTeam(run, 'jobs', ROLES)
  const appId = team.app.id
  const managers = team.members.filter(({ role }) => role === 'config_manager')
  const [manager] = managers as [Teammate]
  run.progress.update('preparing the job mix: a release')
  const count = environmentsFor(run.profile['job-mix'])
  const names = Array.from({ length: count }, (_, index) => `stage-${String(index + 1).padStart(2, '0')}`)
  const environments = await conman.do(
    team.adminToken,
    setEnvironments(
      appId,
      names.map((name, index) => ({ name, isCanonical: index === count - 1 })),
    ),
  )
  const author = team.members.filter(({ role }) => role === 'user').slice(0, 1)
  const proposals = await proposeDrafts(run, team.app, author, 'release', [fileOf(run, 'release')]).catch(
    explained(run),
  )
  await bringToQueue(run, team.app, managers, proposals)
  const changes = proposals.map(({ changesetId }) => changesetId)
  const { id: releaseId } = await conman.createRelease(manager.token, appId, changes)
  demandSucceeded(await conman.assemble(manager.token, appId, releaseId))
  await conman.publish(manager.token, appId, releaseId)

  let ready = 0
  const deployed = await mapInParallel(environments, WIDTH, async ({ id: environmentId }) => {
    run.signal.throwIfAborted()
    const { deployment, job } = await conman.deploy(manager.token, appId, 'deploy', { environmentId, releaseId })
    const begun = job ?? ({ type: 'deploy_release', entityId: deployment.id } as const)
    demandSucceeded(await conman.jobEnded(manager.token, appId, begun))
    run.progress.update(`preparing the job mix: ${++ready} of ${count} environments`)
    return { actor: manager.userId, id: deployment.id }
  })
  return { team, managers, releaseId, environments, deployed }
}
