// How long a recovery took: to the first success, to the first stretch without a failure, to the first that is also as fast as
// before, and until what had piled up was worked off. Where none was seen it is 'more than' what was waited for, never a number.

import { ascending, percentile } from '../../../harness/statistics.ts'
import { hasFailed, type Operation, type OperationClass } from '../workload/history.ts'

export interface Span {
  from_ms: number
  to_ms: number
}

export interface Recovery {
  /** All in ms after the moment that is counted from; null: not until the end of what was watched. */
  first_success_ms: number | null
  back_ms: number | null
  stable_ms: number | null
  drained_ms: number | null
  /** How long was watched. */
  watched_ms: number
}

/** A stretch that is long enough to be told from luck, and holds enough operations. */
export const STRETCH_MS = 3_000
const STEP_MS = 100

/** Of the operations that the baseline had in as long a time: fewer are no recovery, but a load that went away. */
const SHARE_MIN = 0.7

/**
 * As fast as before: nine of ten operations within this multiple of the baseline's, and a tenth of a second beside it, which a
 * busy machine takes without a fault (measured: control runs on two shared cores stay within it).
 */
const LATENCY_RATIO = 3
const LATENCY_MARGIN_MS = 100

const ENDED = new Set(['succeeded', 'failed', 'canceled'])

/** `operations`: all of the history. `classes`: those of the mix whose recovery is meant. */
export function recoveryOf(
  operations: readonly Operation[],
  input: { baseline: Span; from_ms: number; until_ms: number; classes: readonly OperationClass[] },
): Recovery {
  const { baseline, from_ms, until_ms, classes } = input
  const meant = operations.filter((one) => classes.includes(one.class))
  const after = (moment: number | undefined) => (moment === undefined ? null : Math.max(0, moment - from_ms))
  const successes = meant.filter((one) => one.invoked_ms >= from_ms && one.type === 'ok')
  const back = firstStretch(meant, input, () => true)
  const stable = firstStretch(meant, input, (ofClass, name) => asFast(ofClass, inSpan(meant, baseline), name))
  return {
    first_success_ms: after(successes.length === 0 ? undefined : firstAnswer(successes)),
    back_ms: after(back),
    stable_ms: after(stable),
    drained_ms: after(drained(operations, input)),
    watched_ms: until_ms - from_ms,
  }
}

/** The first answer of the first stretch in which every class is served as often as before, and none of its operations fails. */
function firstStretch(
  meant: readonly Operation[],
  { baseline, from_ms, until_ms, classes }: Parameters<typeof recoveryOf>[1],
  and: (ofClass: readonly Operation[], name: OperationClass) => boolean,
): number | undefined {
  const before = inSpan(meant, baseline)
  const baseline_ms = baseline.to_ms - baseline.from_ms
  for (let start = from_ms; start + STRETCH_MS <= until_ms; start += STEP_MS) {
    const stretch = inSpan(meant, { from_ms: start, to_ms: start + STRETCH_MS })
    const good = classes.every((name) => {
      const ofClass = stretch.filter((one) => one.class === name)
      const usual = (before.filter((one) => one.class === name).length * STRETCH_MS) / baseline_ms
      return ofClass.length >= Math.max(1, usual * SHARE_MIN) && !ofClass.some(hasFailed) && and(ofClass, name)
    })
    // Whoever asked first in it may have waited: it counts from the first answer.
    if (good) return firstAnswer(stretch)
  }
  return undefined
}

function firstAnswer(operations: readonly Operation[]): number {
  return Math.min(...operations.map(({ ended_ms }) => ended_ms ?? Number.POSITIVE_INFINITY))
}

function asFast(ofClass: readonly Operation[], before: readonly Operation[], name: OperationClass): boolean {
  const usual = ascending(before.filter((one) => one.class === name).map(durationOf))
  if (usual.length === 0) return false
  return (
    percentile(ascending(ofClass.map(durationOf)), 0.9) <= percentile(usual, 0.9) * LATENCY_RATIO + LATENCY_MARGIN_MS
  )
}

/** When no more jobs wait or run than ever did in the baseline, and all that was asked during the fault has its answer. */
function drained(
  operations: readonly Operation[],
  { baseline, from_ms, until_ms }: Pick<Parameters<typeof recoveryOf>[1], 'baseline' | 'from_ms' | 'until_ms'>,
): number | undefined {
  const counts = operations
    .filter(({ f, type }) => f === 'list-jobs' && type === 'ok')
    .map(({ on, saw, invoked_ms }) => ({
      app: on.app,
      at_ms: invoked_ms,
      open: saw.filter(({ state }) => !ENDED.has(state)).length,
    }))
  const apps = [...new Set(counts.map(({ app }) => app))]
  const usual = new Map(
    apps.map((app) => [
      app,
      Math.max(0, ...counts.filter((one) => one.app === app && within(one.at_ms, baseline)).map(({ open }) => open)),
    ]),
  )
  const answered = Math.max(
    from_ms,
    ...operations
      .filter((one) => one.invoked_ms < from_ms && one.class !== 'health')
      .map(({ ended_ms }) => ended_ms ?? Number.POSITIVE_INFINITY),
  )
  const worked = apps.map(
    (app) =>
      counts.find((one) => one.app === app && one.at_ms >= from_ms && one.open <= usual.get(app)!)?.at_ms ??
      Number.POSITIVE_INFINITY,
  )
  if (apps.length === 0) return undefined
  const at = Math.max(answered, ...worked)
  return at <= until_ms ? at : undefined
}

export function durationOf({ invoked_ms, ended_ms }: Operation): number {
  return (ended_ms ?? Number.POSITIVE_INFINITY) - invoked_ms
}

export function inSpan(operations: readonly Operation[], span: Span): Operation[] {
  return operations.filter(({ invoked_ms }) => within(invoked_ms, span))
}

export function within(moment: number, { from_ms, to_ms }: Span): boolean {
  return moment >= from_ms && moment < to_ms
}
