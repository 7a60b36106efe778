// Deploys to several apps at once, then lets many ask for one environment at once, and then asks everybody who knows what came
// of it: the lists, the jobs, and the ledger of what the deploy commands really did. Touches the world, judges nothing.

import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Gatherer } from '../../harness/check.ts'
import type { Run } from '../../harness/run.ts'
import { besideWork } from '../../harness/server-side/watch.ts'
import { hasEnded, type Job, listJobs } from '../../harness/target/conman/jobs.ts'
import { listDeployments, type Placed, place } from '../../harness/target/conman/releases.ts'
import { Conman, ConmanError } from '../../harness/target/conman.ts'
import { HttpClient } from '../../harness/target/http.ts'
import { type Deployable, seedDeployables } from '../../seed/deployables.ts'
import { type DeploymentRequest, type DeploymentsEvidence, DeploymentsEvidenceSchema } from './evidence.ts'

/** So many share the race that none of them comes near 30 writes a minute (E12 §6.4). */
const RACERS = 5

/** Answers come within a second; a target whose one worker has to pass a gate behind a held deployment would wait for ever. */
const HOLD_MS_MAX = 20_000

/** Far above GL-P3's 120 s for a deployment. */
const DEPLOYED_WITHIN_MS = 300_000

/** The race is run again where the target has to pass a gate before it lets anybody in. */
const ROUNDS_MAX = 3

/** Lists may be read from a secondary, which can be a moment behind (DC2). */
const SEEN_WITHIN_MS = 15_000
const LOOK_MS = 500

export const deploymentsGatherer: Gatherer<DeploymentsEvidence> = {
  id: 'L6',
  title: 'deployments to different apps at once, and a race for one environment',
  schema: DeploymentsEvidenceSchema,
  needs: ['http', 'repositories'],
  effect: 'writes',
  leaves: 'ten apps with a member, a published release and two or three deployments each; the first has five members',
  load: ({ L6 }) => ({ users: L6.racing, requests_per_s: null }),
  expected_s: ({ L6 }) => 15 + 3 * L6.deployments,
  gather,
}

async function gather(run: Run): Promise<DeploymentsEvidence> {
  const { deployments, racing } = run.profile.L6
  const { deployables, missing } = await seedDeployables(run, { apps: deployments, managersOfFirst: RACERS })
  run.progress.say(`L6: ${deployables.length} deployments at once`)
  const together = await besideWork(run, 'L6', async () => {
    const begun = await deployTogether(run, deployables)
    await Promise.all(deployables.map((one, index) => settled(run, one, begun.answered[index])))
    return begun
  })
  const first = deployables[0]!
  run.progress.say(`L6: ${racing} deployments race for one environment`)
  const race = await raceFor(run, first, racing)
  const afterwards = await deployOnce(run, first, performance.now())
  await settled(run, first, afterwards)
  run.progress.say('L6: reconciling deployments, jobs and effects')
  const asked = [...together.answered, ...race.answered, afterwards].flatMap(
    ({ request }) => request.deployment_id ?? [],
  )
  const listed = await seen(run, deployables, new Set(asked))
  return {
    schema: 'readiness-deployments/1',
    sites: deployables.map(({ app, placement }) => ({
      app_id: app.id,
      environment_id: placement.environmentId,
      release_id: placement.releaseId,
    })),
    missing,
    one_clock: run.target.memory !== undefined,
    first: deployables.map((one) => one.first),
    together: { ...together.how, requests: together.answered.map(({ request }) => request) },
    race: {
      environment_id: first.placement.environmentId,
      ...race.how,
      requests: race.answered.map(({ request }) => request),
    },
    afterwards: afterwards.request,
    ...listed,
    effects: readEffects(run, deployables),
  }
}

interface Answered {
  request: DeploymentRequest
  job: Job | null
}

/** Where the harness can hold deployments, none ends before `release`; `held` says whether one could have. */
class Hold implements Disposable {
  #hold: Disposable | undefined
  readonly #since = performance.now()
  held: boolean
  held_ms = 0

  constructor(run: Run) {
    this.#hold = run.target.effects?.hold()
    this.held = this.#hold !== undefined
  }

  /** Until all is answered, or for as long as nothing may wait. */
  async during<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.held) {
      const tooLong = Symbol('too long')
      const timer = new AbortController()
      const first = await Promise.race([
        work,
        delay(HOLD_MS_MAX, tooLong, { signal: AbortSignal.any([signal, timer.signal]) }).catch(() => tooLong),
      ])
      timer.abort()
      if (first === tooLong) this.held = false
    }
    this[Symbol.dispose]()
    return await work
  }

  [Symbol.dispose](): void {
    if (this.#hold === undefined) return
    this.#hold[Symbol.dispose]()
    this.#hold = undefined
    this.held_ms = Math.round(performance.now() - this.#since)
  }
}

async function deployTogether(run: Run, deployables: readonly Deployable[]) {
  using hold = new Hold(run)
  const started = performance.now()
  const asked = Promise.all(deployables.map((one) => deployOnce(run, one, started)))
  const answered = await hold.during(asked, run.signal)
  return { answered, how: { held: hold.held, held_ms: hold.held_ms } }
}

/** Through gates, where the target has the release pass them again. */
async function deployOnce(run: Run, { app, managers, placement }: Deployable, first_ms: number): Promise<Answered> {
  const { token } = managers[0]!
  return await noted(placement.environmentId, first_ms, async () => {
    try {
      return await run.target.conman.deploy(token, app.id, 'deploy', placement)
    } catch (cause) {
      if (cause instanceof ConmanError) return cause
      throw cause
    }
  })
}

async function noted(
  environment_id: string,
  first_ms: number,
  ask: () => Promise<Placed | ConmanError>,
): Promise<Answered> {
  const from = performance.now()
  const value = await ask()
  const refused = value instanceof ConmanError
  return {
    request: {
      environment_id,
      started_ms: Math.round(from - first_ms),
      duration_ms: Math.round(performance.now() - from),
      status: refused ? value.status : 200,
      error: refused ? value.message.slice(0, 300) : '',
      deployment_id: refused ? null : value.deployment.id,
    },
    job: refused ? null : value.job,
  }
}

/** Waits until what was begun is over: succeeded or not, the lists will say. */
async function settled(run: Run, { app, managers }: Deployable, begun: Answered | undefined): Promise<void> {
  const id = begun?.request.deployment_id
  if (begun === undefined || id === null || id === undefined) return
  const job = begun.job ?? ({ type: 'deploy_release', entityId: id } as const)
  try {
    await run.target.conman.jobEnded(managers[0]!.token, app.id, job, { within_ms: DEPLOYED_WITHIN_MS })
  } catch (cause) {
    // A deployment without a job: the lists will show that, too.
    if (!(cause instanceof ConmanError)) throw cause
  }
}

/** All at once, each on a connection of its own; nothing is asked again, for whoever comes later is in no race. */
async function raceFor(run: Run, deployable: Deployable, racing: number) {
  const { app, managers, placement } = deployable
  const { target } = run
  const ca = target.caFile === undefined ? undefined : readFileSync(target.caFile, 'utf8')
  await using http = new HttpClient(target.baseUrl, { connections: racing, ca })
  const racers = new Conman(http, undefined, run.signal, 0)
  racers.onMade = (made) => target.conman.onMade?.(made)
  const apart_ms = target.loadBounds === undefined ? 0 : 1_000 / target.loadBounds.requests_per_s_max
  const call = place('deploy', app.id, placement)
  const numbers = Array.from({ length: racing }, (_, index) => index)
  for (let round = 1; ; round += 1) {
    const was_free = await isFree(run, deployable)
    using hold = new Hold(run)
    const started = performance.now()
    const asked = Promise.all(
      numbers.map(async (index) => {
        if (apart_ms > 0) await pause(run, index * apart_ms)
        const { token } = managers[index % managers.length]!
        return await noted(placement.environmentId, started, async () => (await racers.attempt(token, call)).value)
      }),
    )
    const answered = await hold.during(asked, run.signal)
    const winners = answered.filter(({ request }) => request.deployment_id !== null)
    await Promise.all(winners.map((winner) => settled(run, deployable, winner)))
    if (winners.length > 0 || round === ROUNDS_MAX || !(await passesGates(run, deployable))) {
      return { answered, how: { held: hold.held, was_free, rounds: round } }
    }
  }
}

async function isFree(run: Run, { app, managers, placement }: Deployable): Promise<boolean> {
  const listed = await run.target.conman.all(managers[0]!.token, listDeployments(app.id))
  return listed
    .filter(({ environmentId }) => environmentId === placement.environmentId)
    .every(({ state }) => state !== 'pending' && state !== 'running')
}

/** Whether the refusals were a gate's: then it is waited for. */
async function passesGates(run: Run, { app, managers, placement }: Deployable): Promise<boolean> {
  const { conman } = run.target
  const { token } = managers[0]!
  const jobs = [
    await conman.newestJob(token, app.id, 'runtime_profile_drift_check', placement.environmentId),
    await conman.newestJob(token, app.id, 'msuite_deploy', `${placement.environmentId}:${placement.releaseId}`),
  ].filter((job) => job !== undefined && !hasEnded(job))
  for (const job of jobs) await conman.jobEnded(token, app.id, job!, { within_ms: DEPLOYED_WITHIN_MS })
  return jobs.length > 0
}

/** What the lists have once everything that was asked for is over, or when they have had the time to show it. */
async function seen(
  run: Run,
  deployables: readonly Deployable[],
  asked: ReadonlySet<string>,
): Promise<Pick<DeploymentsEvidence, 'deployments' | 'jobs'>> {
  const deadline = performance.now() + SEEN_WITHIN_MS
  for (;;) {
    const found: Pick<DeploymentsEvidence, 'deployments' | 'jobs'> = { deployments: [], jobs: [] }
    for (const { app, managers, placement, earlier } of deployables) {
      const { token } = managers[0]!
      const listed = await run.target.conman.all(token, listDeployments(app.id))
      const ours = listed.filter((one) => one.environmentId === placement.environmentId && !earlier.has(one.id))
      for (const one of ours) {
        found.deployments.push({
          id: one.id,
          environment_id: one.environmentId,
          release_id: one.releaseId,
          state: one.state,
          created_at: one.createdAt,
          started_at: one.startedAt,
          finished_at: one.finishedAt,
        })
      }
      const jobs = await run.target.conman.all(token, listJobs(app.id, { type: 'deploy_release' }))
      for (const { id, entityId, state } of jobs) {
        if (entityId === null || !earlier.has(entityId)) found.jobs.push({ id, deployment_id: entityId, state })
      }
    }
    const over = found.deployments.filter(({ state }) => state !== 'pending' && state !== 'running')
    const ids = new Set(over.map(({ id }) => id))
    const isOver = over.length === found.deployments.length && [...asked].every((id) => ids.has(id))
    if (isOver || performance.now() > deadline) return found
    await pause(run, LOOK_MS)
  }
}

function readEffects(run: Run, deployables: readonly Deployable[]): DeploymentsEvidence['effects'] {
  const { effects: ledger } = run.target
  if (ledger === undefined) return null
  const { effects, unreadable } = ledger.read()
  const environments = new Set(deployables.map(({ placement }) => placement.environmentId))
  // An end does not say where it was; whose end it is says its deployment's beginning.
  const ours = new Set(
    effects.filter((one) => environments.has(one.environment_id ?? '')).map((one) => one.deployment_id),
  )
  return { unreadable, rows: effects.filter((one) => ours.has(one.deployment_id)) }
}

async function pause(run: Run, ms: number): Promise<void> {
  await delay(ms, undefined, { signal: run.signal }).catch(() => run.signal.throwIfAborted())
}
