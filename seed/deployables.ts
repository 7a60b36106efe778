// Apps that can be deployed at once: in each an environment, a published release, and a config manager for whom all gates on
// the way have been passed, because the release has been deployed there once.

import { TargetFailed, UsageError } from '../harness/errors.ts'
import { mapInParallel } from '../harness/parallel.ts'
import type { Run } from '../harness/run.ts'
import { listEnvironments, setEnvironments } from '../harness/target/conman/environments.ts'
import { listDeployments, type Placement } from '../harness/target/conman/releases.ts'
import type { App, Session } from '../harness/target/conman.ts'
import { type OwnedApp, publishRelease, queueChange, seedMembers, seedOwnApp, succeeded } from './releasing.ts'

export interface Deployable {
  app: App
  adminToken: string
  /** Config managers; the first of them did all that is done here. */
  managers: Session[]
  placement: Placement
  /** The deployment that passed the gates. */
  first: string
  /** What earlier runs have deployed there. */
  earlier: ReadonlySet<string>
}

/** Far from the people of other scenarios. */
const FIRST_MANAGER = 501

/** Apps under way at once: their jobs stand in one queue. */
const WIDTH = 4

/**
 * As many as the target lets us make, at least one; `missing` says why there are not more. The first has enough managers that
 * a race of theirs stays within each one's rate limit.
 */
export async function seedDeployables(
  run: Run,
  size: { apps: number; managersOfFirst: number },
): Promise<{ deployables: Deployable[]; missing: string[] }> {
  const started = performance.now()
  const owned: OwnedApp[] = []
  const missing: string[] = []
  // One after the other: each takes the next of the repositories that were handed over.
  while (owned.length < size.apps && missing.length === 0) {
    const number = owned.length + 1
    run.progress.update(`making apps to deploy: ${number} of ${size.apps}`)
    try {
      owned.push(await seedOwnApp(run, `deploys-${number}`))
    } catch (cause) {
      run.signal.throwIfAborted()
      if (owned.length === 0 || cause instanceof UsageError || !(cause instanceof Error)) throw cause
      missing.push(`${size.apps - owned.length} of ${size.apps} apps: ${cause.message}`)
    }
  }
  let done = 0
  const numbers = owned.map((_, index) => index)
  const deployables = await mapInParallel(numbers, WIDTH, async (index) => {
    const others = index === 0 ? size.managersOfFirst - 1 : 0
    const people = [index, ...Array.from({ length: others }, (_, other) => size.apps + other)]
    const deployable = await prepare(run, owned[index]!, people)
    run.progress.update(`publishing and deploying once: ${++done} of ${owned.length}`)
    return deployable
  })
  const seconds = ((performance.now() - started) / 1_000).toFixed(1)
  run.progress.say(`made ${deployables.length} apps, each with a release that is deployed, in ${seconds} s`)
  return { deployables, missing }
}

async function prepare(run: Run, owned: OwnedApp, people: readonly number[]): Promise<Deployable> {
  const { conman } = run.target
  const { app, adminToken } = owned
  const managers = await seedMembers(
    run,
    owned,
    'config_manager',
    people.map((number) => FIRST_MANAGER + number),
  )
  const { token } = managers[0]!
  const workspace = await conman.defaultWorkspace(token, app.id)
  const { changeset } = await queueChange(
    run,
    app,
    { author: token, reviewer: adminToken, manager: token },
    {
      workspaceId: workspace.id,
      title: `${run.prefix} to be deployed`,
      path: `config/${run.prefix}/deployed.yaml`,
      content: `run: ${run.id}\n`,
    },
  )
  const release = await publishRelease(run, app, token, [changeset.id])
  const environmentId = await firstEnvironment(run, owned)
  const earlier = new Set((await conman.all(token, listDeployments(app.id))).map(({ id }) => id))
  const placement = { environmentId, releaseId: release.id }
  const { deployment, job } = await conman.deploy(token, app.id, 'deploy', placement)
  await succeeded(run, token, app.id, job ?? { type: 'deploy_release', entityId: deployment.id })
  return { app, adminToken, managers, placement, first: deployment.id, earlier }
}

/** The first stage; where an app begins without environments, one is made. */
async function firstEnvironment(run: Run, { app, adminToken }: OwnedApp): Promise<string> {
  const { conman } = run.target
  const present = await conman.all(adminToken, listEnvironments(app.id))
  const environments =
    present.length > 0
      ? present
      : await conman.do(adminToken, setEnvironments(app.id, [{ name: 'production', isCanonical: true }]))
  const [first] = environments.toSorted((a, b) => a.position - b.position)
  if (first === undefined) throw new TargetFailed(`${app.name} has no environment`, 'look at its environments')
  return first.id
}
