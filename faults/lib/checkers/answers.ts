// How operations were answered: those that a fault does not concern as before, those that it does with the codes that are
// specified for it, and all of them in bounded time.

import { ascending, percentile } from '../../../harness/statistics.ts'
import { hasFailed, type Operation, type OperationClass } from '../workload/history.ts'
import { failed, type Judgement, none, type OtherLoad, passed, told, unlessBusy, unverified } from './judgement.ts'
import { durationOf, inSpan, type Span } from './recovery.ts'

/** Below this a class says nothing about having gone on. */
const SAMPLES_MIN = 5

/** As for a recovery: what a busy machine takes without a fault. */
const LATENCY_RATIO = 3
const LATENCY_MARGIN_MS = 100

export function unaffected(
  operations: readonly Operation[],
  input: { classes: readonly OperationClass[]; baseline: Span; harm: Span; other_load: OtherLoad },
): Judgement[] {
  const { classes, baseline, harm, other_load } = input
  return classes.map((name) => {
    const claim = `${name} goes on as before`
    const ofClass = operations.filter((one) => one.class === name)
    const meanwhile = inSpan(ofClass, harm)
    const before = inSpan(ofClass, baseline)
    const n = meanwhile.length
    if (n < SAMPLES_MIN || before.length < SAMPLES_MIN) {
      return unverified(claim, `${n} operations of ${name} are too few to tell, ${before.length} before`, n)
    }
    const broken = meanwhile.filter(hasFailed)
    if (broken.length > 0)
      return failed(claim, `${broken.length} of ${n} of ${name} failed, first ${told(broken[0]!)}`, broken, n)
    const usual = percentile(ascending(before.map(durationOf)), 0.9)
    const now = percentile(ascending(meanwhile.map(durationOf)), 0.9)
    const figure = `nine of ten within ${now.toFixed(0)} ms, before ${usual.toFixed(0)} ms`
    if (now <= usual * LATENCY_RATIO + LATENCY_MARGIN_MS) return passed(claim, `${n} of ${n}, ${figure}`, n)
    return unlessBusy(
      failed(claim, `${name} is slower by more than ${LATENCY_RATIO} times: ${figure}`, [], n),
      other_load,
      harm,
    )
  })
}

/** What is not answered with 2xx is answered with one of these. */
export function specifiedCodes(
  operations: readonly Operation[],
  input: { classes: readonly OperationClass[]; span: Span; statuses: readonly number[]; codes?: readonly string[] },
): Judgement {
  const { classes, span, statuses, codes } = input
  const claim = `what fails meanwhile is answered with ${statuses.join(' or ')}`
  const meant = inSpan(operations, span).filter(
    (one) => classes.includes(one.class) && hasFailed(one) && one.status !== 0,
  )
  const wrong = meant.filter(
    ({ status, code }) => !statuses.includes(status) || (codes !== undefined && !codes.includes(code ?? '')),
  )
  const n = meant.length
  if (wrong.length > 0)
    return failed(claim, `${wrong.length} of ${n} failures say something else, first ${told(wrong[0]!)}`, wrong, n)
  return n === 0 ? passed(claim, 'nothing failed', 0) : passed(claim, `${n} of ${n} failures`, n)
}

/** Every answer comes, within the bound. What had not ended when the history did has been waited for as long. */
export function boundedWaiting(
  operations: readonly Operation[],
  input: { classes: readonly OperationClass[]; span: Span; within_ms: number },
): Judgement {
  const { classes, span, within_ms } = input
  const meant = inSpan(operations, span).filter(({ class: name }) => classes.includes(name))
  const late = meant.filter((one) => durationOf(one) > within_ms)
  const longest = Math.max(0, ...meant.map(durationOf).filter(Number.isFinite))
  const claim = `every request is answered within ${within_ms / 1_000} s`
  if (late.length > 0) return none(claim, late, `were not answered within ${within_ms / 1_000} s`, meant.length)
  return meant.length === 0
    ? unverified(claim, 'nothing was asked', 0)
    : passed(claim, `the longest of ${meant.length} took ${(longest / 1_000).toFixed(1)} s`, meant.length)
}

/** Whatever is behind it, the API itself is there: no connection is refused or broken. */
export function goesOnAnswering(operations: readonly Operation[], span: Span): Judgement {
  const meant = inSpan(operations, span)
  const wrong = meant.filter(({ status, ended_ms, because }) => status === 0 && ended_ms !== null && !isLate(because))
  return none('the API goes on answering', wrong, 'connections were refused or broken', meant.length)
}

/** Too late is another claim's. */
function isLate(because: string | null): boolean {
  return because?.includes('no whole answer within') ?? false
}
