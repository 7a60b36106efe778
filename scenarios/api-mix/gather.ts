// Normal load: fifty people ask for everything that Conman offers, at a steady rate. Then looks for what was told of each change
// that was acknowledged, and for what the database called slow. Touches the world, judges nothing.

import { fileURLToPath } from 'node:url'
import type { Gatherer } from '../../harness/check.ts'
import type { K6Sample } from '../../harness/k6.ts'
import type { Run } from '../../harness/run.ts'
import type { Made, MadeKind } from '../../harness/target/conman/made.ts'
import { peopleOf } from '../../seed/team.ts'
import { aftermathOf, outboxOf } from '../lib/aftermath.ts'
import type { Deed } from '../lib/deeds.ts'
import { rounded, runLoad, startOf } from '../lib/load.ts'
import { mannersOf } from '../lib/manners-settings.ts'
import type { MixSettings } from '../lib/settings.ts'
import { watchSlowQueries } from '../lib/slow-queries.ts'
import { type ApiMixEvidence, ApiMixSchema } from './evidence.ts'
import { GL_P2_LIMITS } from './limits.ts'
import { orderOf } from './mix.ts'
import { type Planned, planMix } from './plan.ts'
import { prepare } from './prepare.ts'

/** Far above the limit, so that a slow request is measured and not cut off. */
const REQUEST_TIMEOUT_S = 30

export const apiMix: Gatherer<ApiMixEvidence> = {
  id: 'api-mix',
  title: 'fifty people ask for everything that there is, at a steady rate',
  schema: ApiMixSchema,
  needs: ['http', 'repositories'],
  effect: 'writes',
  leaves: 'an app with fifty members, two workspaces and a changeset for each, and some changesets in every state',
  load: (profile) => ({ users: profile['api-mix'].users, requests_per_s: profile['api-mix'].rate_per_s }),
  expected_s: (profile) => 30 + 1.5 * profile['api-mix'].duration_s,
  gather,
}

async function gather(run: Run): Promise<ApiMixEvidence> {
  const { users, rate_per_s, duration_s } = run.profile['api-mix']
  const order = orderOf(rate_per_s * duration_s)
  const outbox = outboxOf(run)
  const prepared = await prepare(run, order)
  const { team, members } = prepared
  const people = await peopleOf(run, team)
  const planned = planMix(order, prepared, run.id)
  const settings: MixSettings = {
    baseUrl: run.target.baseUrl,
    tokens: members.map(({ token }) => token),
    ratePerS: rate_per_s,
    durationS: duration_s,
    requests: planned.map(({ request }) => request),
    latencyLimitMs: run.limits('GL-P2', GL_P2_LIMITS).latency_ms_p99!.value,
    requestTimeoutS: REQUEST_TIMEOUT_S,
    ...mannersOf(run.target.loadBounds),
  }
  run.progress.say(`api-mix: ${users} people, ${rate_per_s} requests a second for ${duration_s} s`)
  for (const one of planned) noteMade(run, team.app.id, one, null)
  await using watch = await watchSlowQueries(run)
  const { load, samples } = await runLoad(run, {
    entry: fileURLToPath(new URL('./script.ts', import.meta.url)),
    settings,
    metric: 'request_ms',
    iterations: null,
    bound_s: duration_s + 2 * REQUEST_TIMEOUT_S + 30,
    label: 'api-mix',
  })
  const queries = await watch.end()
  for (const sample of samples) noteMade(run, team.app.id, planned[indexOf(sample)]!, sample)
  run.progress.say(`api-mix: ${samples.length} requests ended; looking for what was told of the changes`)
  const deeds = deedsOf(planned, samples)
  return {
    schema: 'readiness-api-mix/1',
    users: members.length,
    rate_per_s,
    duration_s,
    planned: planned.length,
    load,
    requests: requestsOf(planned, samples),
    aftermath: await aftermathOf(run, { team, people, deeds, outbox }),
    queries,
  }
}

function indexOf({ tags }: K6Sample): number {
  return Number(tags.index)
}

function requestsOf(planned: readonly Planned[], samples: readonly K6Sample[]): ApiMixEvidence['requests'] {
  const first = samples[0] === undefined ? 0 : startOf(samples[0])
  return samples.map((sample) => {
    const { kind, request } = planned[indexOf(sample)]!
    return {
      index: indexOf(sample),
      kind,
      user: request.user,
      started_ms: rounded(startOf(sample) - first),
      duration_ms: rounded(sample.value),
      status: Number(sample.tags.status),
      error: sample.tags.error ?? '',
      holds: sample.tags.holds === 'true',
    }
  })
}

/** Changes that were asked for: those that were acknowledged, and those of which nobody knows. What was refused is none. */
function deedsOf(planned: readonly Planned[], samples: readonly K6Sample[]): Deed[] {
  const ended = new Map(samples.map((sample) => [indexOf(sample), sample]))
  return planned.flatMap(({ deed }, index): Deed[] => {
    const sample = ended.get(index)
    // Without a sample it was never begun, or cut off: k6 itself is then not sound, and says so.
    if (deed === undefined || sample === undefined) return []
    const status = Number(sample.tags.status)
    if (status >= 300 && status <= 499) return []
    const { id = '', commit = '', tag = '' } = sample.tags
    return [
      {
        ...deed,
        entity: deed.entity ?? orNull(id),
        commit: orNull(commit),
        title: deed.title ?? orNull(tag),
        acknowledged: status >= 200 && status <= 299,
      },
    ]
  })
}

function orNull(text: string): string | null {
  return text === '' ? null : text
}

const MADE: Readonly<Partial<Record<Deed['name'], MadeKind>>> = {
  'changeset/created': 'changeset',
  'comment/created': 'comment',
  'release/created': 'release',
}

/** k6 makes things past the client, and what is made on a target that is not ours must be found again. */
function noteMade(run: Run, appId: string, { deed, request }: Planned, sample: K6Sample | null): void {
  const kind = deed && MADE[deed.name]
  if (kind === undefined) return
  const status = sample === null ? null : Number(sample.tags.status)
  const phase = phaseOf(status)
  if (phase === undefined) return
  const { title = null } = (request.body ?? {}) as { title?: string }
  run.target.conman.onMade?.({ kind, name: title, id: orNull(sample?.tags.id ?? ''), app_id: appId, phase })
}

/** Undefined: it may have been made, and nobody knows. */
function phaseOf(status: number | null): Made['phase'] | undefined {
  if (status === null) return 'intent'
  if (status >= 200 && status <= 299) return 'made'
  return status >= 400 && status <= 499 ? 'refused' : undefined
}
