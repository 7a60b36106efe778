// Puts a long queue into other orders, again and again, and looks at the whole queue before and after. Touches the world,
// judges nothing.

import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Gatherer } from '../../../harness/check.ts'
import type { K6Sample } from '../../../harness/k6.ts'
import type { Run } from '../../../harness/run.ts'
import { listChangesets, listQueue, reorderQueue } from '../../../harness/target/conman/changesets.ts'
import { type ScaleFixture, scaleFixture } from '../../../seed/volume/scale-fixture.ts'
import { rounded, runLoad, startOf } from '../../lib/load.ts'
import { mannersOf } from '../../lib/manners-settings.ts'
import { totalOf } from '../lib/totals.ts'
import { type BulkEvidence, BulkEvidenceSchema } from './evidence.ts'
import { standsInOrder } from './ledger.ts'
import { BULK_LIMITS } from './limits.ts'
import type { BulkSettings } from './settings.ts'

/** Far above the limit, so that a slow operation is measured and not cut off. */
const REQUEST_TIMEOUT_S = 30

/** A list may be read from a secondary, which is a moment behind (C24): looked at again for so long. */
const SETTLED_WITHIN_MS = 10_000
const LOOK_AGAIN_AFTER_MS = 250

export const bulkGatherer: Gatherer<BulkEvidence> = {
  id: 'scale.bulk-queue',
  title: 'a queue of hundreds, among 10,000 changesets, is put into other orders at a steady rate',
  schema: BulkEvidenceSchema,
  needs: ['http', 'repositories'],
  effect: 'writes',
  leaves: 'the scale volume (over HTTP the smaller one) with the run’s prefix, its queue in another order',
  // An operation is an order and a look at the queue; one second each, so many are under way at once.
  load: ({ scale }) => ({ users: 2 * scale.bulk.rate_per_s, requests_per_s: 2 * scale.bulk.rate_per_s }),
  expected_s: ({ scale }) => 30 + scale.bulk.duration_s + scale.changesets / 500,
  gather,
}

async function gather(run: Run): Promise<BulkEvidence> {
  const { conman, baseUrl, loadBounds } = run.target
  const { bulk, changesets } = run.profile.scale
  const fixture = await scaleFixture(run)
  const { app, adminToken, managers } = fixture
  const walk = async () => (await conman.all(adminToken, listQueue(app.id))).map(({ id }) => id)
  const shown = {
    schema: 'readiness-bulk-queue/1' as const,
    volume: { made_over: fixture.made_over, changesets_asked_for: changesets },
    managers: managers.length,
    ...bulk,
  }
  const totals_before = await totals(run, fixture)
  // An order of nothing is refused where there is a queue, and is none where there is no such route.
  const { status } = await conman.answer(adminToken, reorderQueue(app.id, []))
  if (status === 404 || status === 405 || status === 501) {
    const nothing = { before: [], after: [], load: null, operations: [], listings: [] }
    return { ...shown, route_status: status, totals_before, totals_after: totals_before, ...nothing }
  }
  const before = await walk()
  const limits = run.limits('scale.bulk-queue', BULK_LIMITS)
  const settings: BulkSettings = {
    baseUrl,
    appId: app.id,
    tokens: managers.map(({ token }) => token),
    queued: before,
    ratePerS: bulk.rate_per_s,
    durationS: bulk.duration_s,
    limitsMs: { p95: limits.latency_ms_p95!.value, p99: limits.latency_ms_p99!.value },
    requestTimeoutS: REQUEST_TIMEOUT_S,
    ...mannersOf(loadBounds),
  }
  run.progress.say(
    `scale.bulk-queue: ${managers.length} managers put ${before.length} queued changesets into other orders, ${bulk.rate_per_s} times a second for ${bulk.duration_s} s`,
  )
  const { load, samples } = await runLoad(run, {
    entry: fileURLToPath(new URL('./script.ts', import.meta.url)),
    settings,
    metric: 'bulk_ms',
    iterations: null,
    bound_s: bulk.duration_s + 3 * REQUEST_TIMEOUT_S + 30,
    label: 'scale.bulk-queue',
  })
  const measured = { before, ...measuredIn(samples) }
  let after = await walk()
  for (const until = performance.now() + SETTLED_WITHIN_MS; performance.now() < until; after = await walk()) {
    if (standsInOrder({ ...measured, after })) break
    await delay(LOOK_AGAIN_AFTER_MS, undefined, { signal: run.signal })
  }
  run.progress.say(`scale.bulk-queue: ${measured.operations.length} bulk operations ended`)
  return {
    ...shown,
    route_status: status,
    ...measured,
    after,
    totals_before,
    totals_after: await totals(run, fixture),
    load,
  }
}

async function totals(run: Run, { app, adminToken }: ScaleFixture): Promise<BulkEvidence['totals_before']> {
  return {
    stored: await totalOf(run, adminToken, listChangesets(app.id)),
    queued: await totalOf(run, adminToken, listChangesets(app.id, { state: 'queued' })),
  }
}

function measuredIn(samples: readonly K6Sample[]): Pick<BulkEvidence, 'operations' | 'listings'> {
  const began_ms = samples[0] === undefined ? 0 : startOf(samples[0])
  const count = (text: string | undefined) => (text === undefined || text === '' ? null : Number(text))
  const common = (sample: K6Sample) => ({
    user: Number(sample.tags.user),
    started_ms: rounded(startOf(sample) - began_ms),
    duration_ms: rounded(sample.value),
    status: Number(sample.tags.status),
    error: sample.tags.error ?? '',
  })
  return {
    operations: samples
      .filter(({ tags }) => tags.kind === 'reorder')
      .map((sample) => ({
        ...common(sample),
        rotation: Number(sample.tags.rotation),
        count: count(sample.tags.count),
      })),
    listings: samples
      .filter(({ tags }) => tags.kind === 'list')
      .map((sample) => ({ ...common(sample), rows: count(sample.tags.rows) })),
  }
}
