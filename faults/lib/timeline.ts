// One picture of a fault: rate and latency of each class of endpoints, when the fault was, and when what was seen.

import type { Chart } from '../../harness/check.ts'
import { ascending, percentile } from '../../harness/statistics.ts'
import { durationOf, inSpan, type Recovery } from './checkers/recovery.ts'
import type { Episode } from './evidence.ts'
import { CLASSES, hasFailed, type Operation } from './workload/history.ts'

type Timeline = Extract<Chart, { kind: 'timeline' }>

/** As fine as a picture can show; a coarser step where the run is longer. */
const STEPS = 90
const STEP_MS_MIN = 250

/** The load's first moment is zero. */
export function timelineOf(
  episode: Episode,
  operations: readonly Operation[],
  title: string,
  recovery: Recovery | null,
): Timeline {
  const { spans, fault } = episode
  const begin_ms = spans.baseline.from_ms
  const end_ms = spans.settled.to_ms
  const step_ms = Math.max(STEP_MS_MIN, Math.ceil((end_ms - begin_ms) / STEPS / STEP_MS_MIN) * STEP_MS_MIN)
  const at = (moment_ms: number) => Math.round((moment_ms - begin_ms) / 10) / 100
  const lanes = CLASSES.flatMap((name) => {
    const ofClass = operations.filter((one) => one.class === name)
    if (inSpan(ofClass, { from_ms: begin_ms, to_ms: end_ms }).length === 0) return []
    const points: Timeline['lanes'][number]['points'] = []
    for (let from_ms = begin_ms; from_ms < end_ms; from_ms += step_ms) {
      const slice = inSpan(ofClass, { from_ms, to_ms: from_ms + step_ms })
      if (slice.length === 0) continue
      const answered = ascending(slice.filter(({ status }) => status !== 0).map(durationOf))
      points.push({
        x: at(from_ms),
        ok: slice.filter((one) => !hasFailed(one)).length,
        failed: slice.filter(hasFailed).length,
        latency_ms: answered.length === 0 ? null : Math.round(percentile(answered, 0.9)),
      })
    }
    return [{ name, points }]
  })
  return {
    kind: 'timeline',
    title,
    step_s: step_ms / 1_000,
    until_s: at(end_ms),
    lanes,
    windows:
      spans.fault === null
        ? []
        : [{ from: at(spans.fault.from_ms), to: at(spans.fault.to_ms), label: fault?.title ?? 'the fault' }],
    marks: marksOf(episode, recovery).map(({ at_ms, label }) => ({ at: at(at_ms), label })),
  }
}

function marksOf({ fault, spans }: Episode, recovery: Recovery | null): { at_ms: number; label: string }[] {
  if (fault === null || spans.recovery === null) return []
  const from_ms = spans.recovery.from_ms
  const moments: [string, number | null][] = [
    ['injected', fault.requested_at_ms],
    ['observed', fault.observed_at_ms],
    ['over', fault.over_at_ms],
    ['healed', fault.over_at_ms === null ? fault.healed_at_ms : null],
    ['confirmed', fault.confirmed_at_ms],
    ...(recovery === null
      ? []
      : (
          [
            ['first success', recovery.first_success_ms],
            ['back', recovery.back_ms],
            ['stable', recovery.stable_ms],
            ['drained', recovery.drained_ms],
          ] as const
        ).map(([label, after]): [string, number | null] => [label, after === null ? null : from_ms + after])),
  ]
  return moments.flatMap(([label, at_ms]) => (at_ms === null ? [] : [{ at_ms, label }]))
}
