// Polls lists as the clients of thousands of users would. Touches the world, judges nothing.

import { fileURLToPath } from 'node:url'
import type { Gatherer } from '../../../harness/check.ts'
import type { Run } from '../../../harness/run.ts'
import type { ListCall } from '../../../harness/target/conman/call.ts'
import { listChangesets } from '../../../harness/target/conman/changesets.ts'
import { listJobs } from '../../../harness/target/conman/jobs.ts'
import { scaleFixture } from '../../../seed/volume/scale-fixture.ts'
import { runLoad, startOf } from '../../lib/load.ts'
import { mannersOf } from '../../lib/manners-settings.ts'
import { columnsOf, numbersIn } from '../lib/columns.ts'
import { totalOf } from '../lib/totals.ts'
import { type PollEvidence, PollEvidenceSchema } from './evidence.ts'
import { POLL_LIMITS } from './limits.ts'
import { LISTS, type List, type PollSettings } from './settings.ts'

/** Far above the limit, so that a slow poll is measured and not cut off. */
const REQUEST_TIMEOUT_S = 30

const CALLS: Record<List, (appId: string) => ListCall<unknown>> = { jobs: listJobs, changesets: listChangesets }

export const pollGatherer: Gatherer<PollEvidence> = {
  id: 'scale.poll-storm',
  title: 'the clients of 5,000 users poll jobs and changesets',
  schema: PollEvidenceSchema,
  needs: ['http', 'repositories'],
  effect: 'writes',
  leaves: 'the scale volume (over HTTP the smaller one) with the run’s prefix',
  load: ({ scale }) => ({ users: scale.people, requests_per_s: scale.poll.rate_per_s }),
  expected_s: ({ scale }) => 30 + scale.poll.duration_s + scale.changesets / 500,
  gather,
}

async function gather(run: Run): Promise<PollEvidence> {
  const { poll, people: asked } = run.profile.scale
  const { app, adminToken, people, made_over } = await scaleFixture(run)
  const limits = run.limits('scale.poll-storm', POLL_LIMITS)
  const settings: PollSettings = {
    baseUrl: run.target.baseUrl,
    appId: app.id,
    tokens: people.map(({ token }) => token),
    ratePerS: poll.rate_per_s,
    durationS: poll.duration_s,
    limitsMs: { p95: limits.latency_ms_p95!.value, p99: limits.latency_ms_p99!.value },
    requestTimeoutS: REQUEST_TIMEOUT_S,
    ...mannersOf(run.target.loadBounds),
  }
  const totals = async () => {
    const told = LISTS.map(async (list) => [list, await totalOf(run, adminToken, CALLS[list](app.id))] as const)
    return new Map(await Promise.all(told))
  }
  const before = await totals()
  run.progress.say(
    `scale.poll-storm: ${people.length} users poll, ${poll.rate_per_s} polls a second for ${poll.duration_s} s`,
  )
  const { load, samples } = await runLoad(run, {
    entry: fileURLToPath(new URL('./script.ts', import.meta.url)),
    settings,
    metric: 'poll_ms',
    iterations: null,
    bound_s: poll.duration_s + 2 * REQUEST_TIMEOUT_S + 60,
    label: 'scale.poll-storm',
  })
  const after = await totals()
  const began_ms = samples[0] === undefined ? 0 : startOf(samples[0])
  return {
    schema: 'readiness-poll-storm/1',
    made_over,
    users: people.length,
    users_asked_for: asked,
    ...poll,
    load,
    lists: LISTS.map((list) => {
      const own = samples.filter(({ tags }) => tags.list === list)
      return {
        list,
        total_before: before.get(list) ?? null,
        total_after: after.get(list) ?? null,
        ...columnsOf(own, began_ms),
        rows: numbersIn(own, 'rows'),
        total: numbersIn(own, 'total'),
      }
    }),
  }
}
