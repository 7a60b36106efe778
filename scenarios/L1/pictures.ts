// The pictures and the table of figures that stand beside the editing load's verdicts.

import type { Chart } from '../../harness/check.ts'
import { ascending, fewestSamplesFor, percentile, percentileInterval } from '../../harness/statistics.ts'
import type { EditEvidence } from './evidence.ts'

export function charts(evidence: EditEvidence, limit: number, label: string): Chart[] {
  const ended = evidence.edits.filter((edit) => edit.duration_ms !== null && edit.started_ms !== null)
  if (ended.length === 0) return []
  const durations = ascending(ended.map((edit) => edit.duration_ms!))
  return [
    {
      kind: 'over-time',
      title: 'How long each edit took, by when it began',
      unit: 'ms',
      points: ended.map((edit) => ({
        x: edit.started_ms! / 1_000,
        y: edit.duration_ms!,
        label: `user ${edit.user}, ${edit.path}: HTTP ${edit.status} after ${edit.duration_ms!.toFixed(0)} ms`,
        ...(edit.commit === null ? { failed: true } : {}),
      })),
      limit: { value: limit, label },
    },
    {
      kind: 'distribution',
      title: 'How many edits took how long',
      unit: 'ms',
      values: ended.map((edit) => edit.duration_ms!),
      limit: { value: limit, label },
      marks: [
        { value: percentile(durations, 0.5), label: 'median' },
        { value: durations.at(-1)!, label: 'slowest' },
      ],
    },
  ]
}

/** The instrument beside the figures: a reader can see what else could have made them. */
export function figures(evidence: EditEvidence): { title: string; columns: string[]; rows: string[][] } {
  const ended = evidence.edits.filter((edit) => edit.duration_ms !== null && edit.started_ms !== null)
  const durations = ascending(ended.map((edit) => edit.duration_ms!))
  const { generator } = evidence
  const rows: string[][] = []
  if (durations.length > 0) {
    const span_s = Math.max(...ended.map((edit) => edit.started_ms! + edit.duration_ms!)) / 1_000
    rows.push(['Rate', `${(ended.length / span_s).toFixed(0)} edits/s over ${span_s.toFixed(2)} s`])
    rows.push(['Median', `${percentile(durations, 0.5).toFixed(0)} ms`])
    for (const q of [0.95, 0.99]) {
      const name = `p${Math.round(q * 100)}`
      const interval = percentileInterval(durations, q)
      rows.push([
        name,
        interval
          ? `${percentile(durations, q).toFixed(0)} ms (95 % interval ${interval.low.toFixed(0)}–${interval.high.toFixed(0)} ms)`
          : `not given: ${durations.length} samples, ${fewestSamplesFor(q)} needed`,
      ])
    }
    rows.push(['Slowest', `${durations.at(-1)!.toFixed(0)} ms`])
    const firsts = new Map<number, number>()
    for (const edit of ended)
      firsts.set(edit.user, Math.min(firsts.get(edit.user) ?? Number.POSITIVE_INFINITY, edit.started_ms!))
    rows.push([
      'Start skew',
      `${Math.max(...firsts.values()).toFixed(0)} ms between the first and the last user's first edit`,
    ])
  }
  rows.push(['Iterations not started', String(generator.dropped_iterations)])
  rows.push([
    'Generator',
    `k6 ${generator.k6_version}, ${generator.cpu_share === null ? 'CPU not known' : `${(generator.cpu_share * 100).toFixed(0)} % of all cores`}, exit code ${generator.exit_code}`,
  ])
  rows.push(['Machine', `kept a ready process waiting for at most ${generator.pulse_lag_ms_max.toFixed(0)} ms`])
  return { title: 'Figures, and how the generator fared', columns: ['What', 'Measured'], rows }
}
