// The pictures and the table of figures that stand beside a load's verdict.

import type { Chart, Table } from '../../harness/check.ts'
import { ascending, fewestSamplesFor, percentile, percentileInterval } from '../../harness/statistics.ts'
import { percentileName } from './claims.ts'
import type { Instrument, Load } from './load.ts'

export interface Shown {
  /** Milliseconds since the load's first request. */
  started_ms: number
  duration_ms: number
  status: number
  label: string
  /** Where the status alone does not say it. */
  failed?: boolean
}

export function latencyCharts(what: string, shown: readonly Shown[], limit: { value: number; label: string }): Chart[] {
  if (shown.length === 0) return []
  const durations = ascending(shown.map(({ duration_ms }) => duration_ms))
  return [
    {
      kind: 'over-time',
      title: `How long the ${what} took, by when they began`,
      unit: 'ms',
      points: shown.map(({ started_ms, duration_ms, status, label, failed = status < 200 || status > 299 }) => ({
        x: started_ms / 1_000,
        y: duration_ms,
        label: `${label}: HTTP ${status} after ${duration_ms.toFixed(0)} ms`,
        ...(failed ? { failed } : {}),
      })),
      limit,
    },
    {
      kind: 'distribution',
      title: `How many of the ${what} took how long`,
      unit: 'ms',
      values: durations,
      limit,
      marks: [
        { value: percentile(durations, 0.5), label: 'median' },
        { value: durations.at(-1)!, label: 'slowest' },
      ],
    },
  ]
}

/** Rate and latencies of one kind of request; a percentile only from enough of them. */
export function latencyRows(what: string, shown: readonly Pick<Shown, 'started_ms' | 'duration_ms'>[]): string[][] {
  if (shown.length === 0) return [[what, 'none ended']]
  const durations = ascending(shown.map(({ duration_ms }) => duration_ms))
  const from_ms = Math.min(...shown.map(({ started_ms }) => started_ms))
  const span_s = (Math.max(...shown.map((one) => one.started_ms + one.duration_ms)) - from_ms) / 1_000
  const rows = [
    [`${what}: rate`, `${(shown.length / span_s).toFixed(0)}/s over ${span_s.toFixed(2)} s (n = ${shown.length})`],
    [`${what}: median`, `${percentile(durations, 0.5).toFixed(0)} ms`],
  ]
  for (const q of [0.95, 0.99]) {
    const interval = percentileInterval(durations, q)
    rows.push([
      `${what}: ${percentileName(q)}`,
      interval
        ? `${percentile(durations, q).toFixed(0)} ms (95 % interval ${interval.low.toFixed(0)}–${interval.high.toFixed(0)} ms)`
        : `not given: ${durations.length} samples, ${fewestSamplesFor(q)} needed`,
    ])
  }
  rows.push([`${what}: slowest`, `${durations.at(-1)!.toFixed(0)} ms`])
  return rows
}

/** The instrument beside the figures: a reader can see what else could have made them. */
export function generatorRows({
  generator,
  other_cpu_share_max,
}: Pick<Load, 'generator' | 'other_cpu_share_max'>): string[][] {
  const cpu =
    generator.cpu_share === null ? 'CPU not known' : `${(generator.cpu_share * 100).toFixed(0)} % of all cores`
  return [
    ['Iterations not started', String(generator.dropped_iterations)],
    ['Generator', `k6 ${generator.k6_version}, ${cpu}, exit code ${generator.exit_code}`],
    ['Machine', machineWords(generator, other_cpu_share_max)],
  ]
}

function machineWords(
  { processes_elsewhere, pulse_lag_ms_max }: Instrument['generator'],
  others: Instrument['other_cpu_share_max'],
): string {
  if (processes_elsewhere !== undefined) return `${processes_elsewhere} that this harness cannot look at`
  const share = others === null ? 'an unknown share' : `at most ${(others * 100).toFixed(0)} %`
  return `kept a ready process waiting for at most ${pulse_lag_ms_max.toFixed(0)} ms; other programs took ${share} of its processors`
}

export function figuresTable(rows: string[][]): Table {
  return { title: 'Figures, and how the generator fared', columns: ['What', 'Measured'], rows }
}
