// One load as evidence: how its generator fared, and whether it did what was planned.

import { type Static, Type } from 'typebox'
import { GeneratorSchema, type K6Sample, runK6 } from '../../harness/k6.ts'
import { busiestIn, type Slice, waitForQuiet, watchOtherLoad } from '../../harness/other-load.ts'
import type { Run } from '../../harness/run.ts'
import { besideServer } from '../../harness/server-side/watch.ts'
import { COUNTERS } from './counters.ts'
import { type Manners, stoppedAt } from './manners-settings.ts'

export const LoadSchema = Type.Object(
  {
    generator: GeneratorSchema,
    /** Iterations that the plan asks for; null where their number follows from the time. */
    iterations_planned: Type.Union([Type.Integer(), Type.Null()]),
    iterations_finished: Type.Integer(),
    exceptions: Type.Integer(),
    /** Requests that were sent; those without a sample were cut off before they ended. */
    attempted: Type.Integer(),
    /**
     * The largest share of all cores, second by second, that programs took which are no part of the run. Null where it is
     * not known, or where the target runs elsewhere.
     */
    other_cpu_share_max: Type.Union([Type.Number(), Type.Null()]),
    /** Answers of 429, each of which was sent again as the target asked. */
    throttled: Type.Integer(),
    /** The bound at which the load ended itself; null when it ran to its end. */
    stopped_at_5xx_share: Type.Union([Type.Number(), Type.Null()]),
    /** The bound on requests a second that k6 kept to; null on a stack of our own. */
    requests_per_s_max: Type.Union([Type.Number(), Type.Null()]),
  },
  { additionalProperties: false },
)
export type Load = Static<typeof LoadSchema>

/** What of a load tells whether a figure is the target's or the instrument's. */
export interface Instrument extends Pick<Load, 'other_cpu_share_max'> {
  generator: Pick<Load['generator'], 'dropped_iterations' | 'pulse_lag_ms_max' | 'processes_elsewhere'>
}

export async function runLoad(
  run: Run,
  input: {
    entry: string
    settings: Manners
    /** The metric with a sample for each request that ended. */
    metric: string
    /** Counters of the script's own. */
    counters?: readonly string[]
    iterations: number | null
    bound_s: number
    label: string
    /** Told when k6 has been started: the measured load begins `WARM_UP_S` later. */
    onStarted?: () => void
  },
): Promise<{ load: Load; samples: K6Sample[]; counters: Readonly<Record<string, number>> }> {
  await quietMachine(run, input.label)
  // Of a target that others started, its own work would look like a stranger's.
  const watch = run.target.memory === undefined ? null : watchOtherLoad()
  let slices: Slice[] = []
  const { generator, samples, counters } = await besideServer(run, input.label, () =>
    runK6(run, {
      entry: input.entry,
      settings: input.settings,
      metrics: [input.metric, ...Object.values(COUNTERS), ...(input.counters ?? [])],
      bound_s: input.bound_s,
      label: input.label,
      onStarted: input.onStarted,
    }),
  ).finally(() => {
    slices = watch?.stop() ?? []
  })
  const measured = samples.filter(({ metric }) => metric === input.metric).sort((a, b) => startOf(a) - startOf(b))
  const from_ms = measured[0] === undefined ? 0 : startOf(measured[0])
  const to_ms = Math.max(from_ms, ...measured.slice(-1_000).map(({ time_ms }) => time_ms))
  return {
    load: {
      generator,
      iterations_planned: input.iterations,
      iterations_finished: counters[COUNTERS.finished] ?? 0,
      exceptions: counters[COUNTERS.exceptions] ?? 0,
      attempted: counters[COUNTERS.attempted] ?? 0,
      other_cpu_share_max: busiestIn(slices, from_ms, to_ms),
      throttled: counters[COUNTERS.throttled] ?? 0,
      stopped_at_5xx_share: stoppedAt(generator, run.target.loadBounds),
      requests_per_s_max: run.target.loadBounds?.requests_per_s_max ?? null,
    },
    samples: measured,
    counters,
  }
}

/** Beyond it a figure says more of the machine than of the target. */
const OTHER_SHARE_MAX = 0.2
/** A compiler or a test run beside us ends; what does not end is measured with, and said. */
const QUIET_WITHIN_MS = 60_000

async function quietMachine(run: Run, label: string): Promise<void> {
  if (run.target.memory === undefined) return
  const quiet = await waitForQuiet({
    share_max: OTHER_SHARE_MAX,
    within_ms: QUIET_WITHIN_MS,
    signal: run.signal,
    onWait: (share) =>
      run.progress.update(
        `${label}: waiting for other programs, which take ${(share * 100).toFixed(0)} % of this machine`,
      ),
  })
  if (!quiet) run.progress.say(`${label}: other programs are still busy on this machine; measured all the same`)
}

/** A sample is taken when its request ended. */
export function startOf(sample: K6Sample): number {
  return sample.time_ms - sample.value
}

export function rounded(ms: number): number {
  return Math.round(ms * 1_000) / 1_000
}
