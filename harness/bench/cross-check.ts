// Is what k6 measures true? The listings of L7, at a fixed rate, on the same target, by L7's own k6 script and by vegeta, which
// shares no code with it; a round of one, a round of the other, three times. Their percentiles must lie within each other's
// intervals: where they do not, one of the two instruments is wrong.

import { fileURLToPath } from 'node:url'
import { mannersOf } from '../../scenarios/lib/manners-settings.ts'
import type { ListingSettings } from '../../scenarios/lib/settings.ts'
import type { SeededApp } from '../../seed/editors.ts'
import { HarnessError } from '../errors.ts'
import { runK6 } from '../k6.ts'
import type { Run } from '../run.ts'
import { ascending, percentile, percentileInterval } from '../statistics.ts'
import type { Tool } from '../toolchain/resolve.ts'
import type { AddFigure } from './figures.ts'
import { attack } from './vegeta.ts'

const ROUNDS = 3
/** L7.open's own. */
const RATE_PER_S = 75
const ROUND_S = 10
/** Connections, and the first requests on them, are not what is compared: k6's script warms up by itself. */
const WARM_UP_S = 2
const PAGE_SIZE = 20
const LATENCY_LIMIT_MS = 500

export async function crossCheck(
  run: Run,
  vegeta: Tool,
  { app, users, queued }: SeededApp & { queued: number },
  add: AddFigure,
): Promise<void> {
  const pages = Math.ceil(queued / PAGE_SIZE)
  const tokens = users.map(({ token }) => token)
  const ours: number[] = []
  const theirs: number[] = []
  for (let round = 1; round <= ROUNDS; round += 1) {
    run.progress.say(`cross-check: round ${round} of ${ROUNDS}, k6 and then vegeta`)
    const { samples } = await runK6(run, {
      entry: fileURLToPath(new URL('../../scenarios/L7/script.ts', import.meta.url)),
      settings: {
        scenario: 'L7.open',
        baseUrl: run.target.baseUrl,
        appId: app.id,
        tokens,
        pages,
        pageSize: PAGE_SIZE,
        listingsPerUser: 0,
        ratePerS: RATE_PER_S,
        durationS: ROUND_S,
        latencyLimitMs: LATENCY_LIMIT_MS,
        requestTimeoutS: 30,
        ...mannersOf(run.target.loadBounds),
      } satisfies ListingSettings,
      metrics: ['listing_ms'],
      bound_s: ROUND_S + 60,
      label: 'cross-check by k6',
    })
    ours.push(
      ...answered(
        'k6',
        samples.map(({ value, tags }) => ({ duration_ms: value, status: Number(tags.status) })),
      ),
    )

    const hits = await attack(run, vegeta, {
      requests: Array.from({ length: RATE_PER_S * ROUND_S }, (_, nth) => {
        const user = nth % tokens.length
        const page = ((user + Math.floor(nth / tokens.length)) % pages) + 1
        return {
          url: `${run.target.baseUrl}/api/apps/${app.id}/changesets?state=queued&page=${page}&limit=${PAGE_SIZE}`,
          token: tokens[user]!,
        }
      }),
      ratePerS: RATE_PER_S,
      durationS: WARM_UP_S + ROUND_S,
    })
    const from_ms = (hits[0]?.started_ms ?? 0) + WARM_UP_S * 1_000
    theirs.push(
      ...answered(
        'vegeta',
        hits.filter(({ started_ms }) => started_ms >= from_ms),
      ),
    )
  }
  for (const q of [0.5, 0.99]) addComparison(add, q, ascending(ours), ascending(theirs), vegeta)
}

/** A failed listing has no latency to compare. */
function answered(by: string, all: readonly { duration_ms: number; status: number }[]): number[] {
  const failed = all.filter(({ status }) => status < 200 || status > 299)
  if (failed.length > 0 || all.length === 0) {
    throw new HarnessError(
      `cross-check: ${failed.length} of ${all.length} listings by ${by} were not answered with 2xx (${failed[0]?.status ?? 'none was sent'})`,
      'see the log of conman-api',
    )
  }
  return all.map(({ duration_ms }) => duration_ms)
}

/** Both figures with their intervals, the ratio, and how far the intervals are apart: 0 where they overlap. */
export function addComparison(
  add: AddFigure,
  q: number,
  ours: readonly number[],
  theirs: readonly number[],
  { name, version }: Pick<Tool, 'name' | 'version'>,
): void {
  const at = `listings at ${RATE_PER_S}/s, p${q * 100}`
  const figures = [ours, theirs].map((durations) => ({
    value: percentile(durations, q),
    interval: percentileInterval(durations, q),
    n: durations.length,
  }))
  const [one, other] = figures as [(typeof figures)[number], (typeof figures)[number]]
  if (one.interval === null || other.interval === null) {
    throw new HarnessError(`cross-check: ${one.n} and ${other.n} listings are too few for a p${q * 100}`, 'report it')
  }
  const interval = ({ low, high }: { low: number; high: number }) => `${low.toFixed(1)}–${high.toFixed(1)} ms`
  add(`${at} by k6 (95 % interval ${interval(one.interval)})`, one.value, 'ms', undefined, one.n)
  add(`${at} by ${name} ${version} (95 % interval ${interval(other.interval)})`, other.value, 'ms', undefined, other.n)
  add(`${at}: k6 ÷ ${name}`, one.value / other.value, '')
  const apart = Math.max(0, one.interval.low - other.interval.high, other.interval.low - one.interval.high)
  add(`${at}: the two intervals are apart by`, apart, 'ms', '0 ms: they overlap')
}
