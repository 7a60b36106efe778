// A steady load of jobs: changes are handed in and releases deployed at a rate that a Conman works off as it comes. Then looks at
// the jobs that it became, and at what was told of them. Touches the world, judges nothing.

import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Gatherer } from '../../harness/check.ts'
import { busiestOver, watchOtherLoad } from '../../harness/other-load.ts'
import type { Run } from '../../harness/run.ts'
import { besideWork } from '../../harness/server-side/watch.ts'
import { peopleOf } from '../../seed/team.ts'
import { aftermathOf, outboxOf } from '../lib/aftermath.ts'
import type { Deed } from '../lib/deeds.ts'
import { rounded } from '../lib/load.ts'
import { watchSlowQueries } from '../lib/slow-queries.ts'
import { drive } from './drive.ts'
import { type JobMixEvidence, JobMixSchema } from './evidence.ts'
import { deploymentsOf, jobsOf } from './jobs.ts'
import { GL_P3_LIMITS } from './limits.ts'
import { environmentsFor, prepare } from './prepare.ts'

export const jobMix: Gatherer<JobMixEvidence> = {
  id: 'job-mix',
  title: 'changes are handed in and releases deployed, at a steady rate',
  schema: JobMixSchema,
  needs: ['http', 'repositories'],
  effect: 'writes',
  leaves:
    'an app with twelve members and many environments, a release, its deployments, and changesets that are handed in',
  // Five requests for each pair, and looking at what became of them.
  load: (profile) => ({ users: 12, requests_per_s: (6 * profile['job-mix'].rate_per_minute) / 60 }),
  expected_s: (profile) => {
    const sizes = profile['job-mix']
    return 30 + 2 * environmentsFor(sizes) + (60 * sizes.of_each) / sizes.rate_per_minute
  },
  gather,
}

/** The limit of the quicker jobs: what takes that long is not explained by one busy second. */
const STRETCH_MS = GL_P3_LIMITS[0]!.value

async function gather(run: Run): Promise<JobMixEvidence> {
  const { of_each, rate_per_minute } = run.profile['job-mix']
  const outbox = outboxOf(run)
  const prepared = await prepare(run)
  const { team } = prepared
  const people = await peopleOf(run, team)
  run.progress.say(
    `job-mix: ${of_each} changes are handed in and ${of_each} deployments begun, ${rate_per_minute} of each a minute`,
  )
  // Of a target that others started, its own work would look like a stranger's.
  const others = run.target.memory === undefined ? null : watchOtherLoad()
  const pulse = monitorEventLoopDelay({ resolution: 10 })
  pulse.enable()
  const limitedBefore = timesLimited(run)
  await using watch = await watchSlowQueries(run)
  const { attempts, deeds, started_at, duration_s } = await besideWork(run, 'job-mix', () => drive(run, prepared))
  const throttled = timesLimited(run) - limitedBefore
  const { jobs, looked_at_ms } = await jobsOf(run, team, attempts)
  const queries = await watch.end()
  pulse.disable()
  const slices = others?.stop() ?? []
  const mine = attempts.flatMap(({ kind, entity }) => (kind === 'deploy' && entity !== null ? entity : []))
  const before = prepared.deployed.map(({ id }) => id)
  const deployments = await deploymentsOf(run, team, new Set([...mine, ...before]))
  return {
    schema: 'readiness-job-mix/1',
    planned_of_each: of_each,
    rate_per_minute,
    started_at,
    duration_s: rounded(duration_s),
    attempts: attempts.map(({ ended_at_ms, started_ms, late_ms, ...attempt }) => ({
      ...attempt,
      started_ms: rounded(started_ms),
      late_ms: rounded(late_ms),
      watched_ms: looked_at_ms - ended_at_ms,
    })),
    jobs,
    deployments: deployments.filter(({ id }) => mine.includes(id)),
    throttled,
    pulse_lag_ms_max: Math.max(0, pulse.max / 1e6 - 10),
    other_cpu_share_max: busiestOver(slices, STRETCH_MS),
    aftermath: await aftermathOf(run, {
      team,
      people,
      deeds: [...deeds, ...deploymentDeeds(prepared.deployed, deployments)],
      outbox,
    }),
    queries,
  }
}

/** Mails about deployments name none of them, so that those from before the load are counted with the others. */
function deploymentDeeds(
  deployed: readonly { actor: string; id: string }[],
  deployments: JobMixEvidence['deployments'],
): Deed[] {
  const nothing = { commit: null, title: null, author: null, acknowledged: true }
  return [
    ...deployed.map(({ actor, id }): Deed => ({ ...nothing, name: 'deployment/started', actor, entity: id })),
    ...deployments.flatMap(({ id, state }): Deed[] =>
      state === 'succeeded' ? [{ ...nothing, name: 'deployment/succeeded', actor: null, entity: id }] : [],
    ),
  ]
}

function timesLimited({ target }: Run): number {
  const { retries } = target.conman.statistics()
  return retries.find(({ reason }) => reason === '429')?.count ?? 0
}
