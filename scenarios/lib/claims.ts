// What every load claims, one finding each: pure. A claim fails only for what the target did; where the harness or the
// machine may be at fault, or there are too few samples, it is not verified.

import type { Finding, Limit, Measured } from '../../harness/check.ts'
import type { Generator } from '../../harness/k6.ts'
import { ascending, fewestSamplesFor, percentile, percentileInterval } from '../../harness/statistics.ts'
import { keeps } from '../../harness/verdict.ts'
import type { Instrument, Load } from './load.ts'
import { wasHeld } from './manners-settings.ts'

/** What was sent, as a reader calls it: ‘listings’. */
export interface Requests {
  /** In the plural. */
  what: string
  /** Those that ended. */
  ended: readonly { started_ms: number; duration_ms: number; status: number; error: string }[]
}

/** Was the load made as planned? When not, nothing below it was verified, whatever the numbers say. */
export function generatorFinding(
  load: Load,
  { what, ended }: Requests,
  /** As many as the plan asks for; null where their number follows from the time. */
  planned: number | null,
): Finding {
  const complaints = generatorComplaints(load, what, ended)
  if (planned !== null && ended.length !== planned) {
    complaints.push(`${ended.length} of ${planned} planned ${what} ended`)
  }
  if (load.iterations_planned !== null && load.iterations_finished !== load.iterations_planned) {
    complaints.push(`${load.iterations_finished} of ${load.iterations_planned} iterations finished`)
  }
  if (load.attempted !== ended.length) {
    complaints.push(`of ${load.attempted} attempts ${ended.length} have a sample`)
  }
  if (ended.length === 0) complaints.push('nothing was measured')
  return asPlanned(complaints, `${ended.length} ${what} sent, all ended`, ended.length)
}

export function asPlanned(complaints: readonly string[], because: string, n: number): Finding {
  const claim = 'the load was made as planned, and its generator was sound'
  return complaints.length === 0
    ? { claim, outcome: 'pass', because, n }
    : {
        claim,
        outcome: 'not-verified',
        because: `the load was not made as planned: ${complaints.join(', ')}`,
        n,
      }
}

/** What speaks against any load, whatever it sends; null where a request never began or never ended. */
export function generatorComplaints(
  {
    generator,
    exceptions,
    stopped_at_5xx_share,
    requests_per_s_max,
  }: Pick<Load, 'generator' | 'exceptions' | 'stopped_at_5xx_share' | 'requests_per_s_max'>,
  what: string,
  sent: readonly { started_ms: number | null; status: number | null; error: string }[],
): string[] {
  const complaints: string[] = []
  if (generator.signal !== null) complaints.push(`k6 was ended by ${generator.signal}`)
  // 99: a threshold was missed, which is a measurement; every other code is a fault of the generator.
  else if (generator.exit_code !== 0 && generator.exit_code !== 99) {
    complaints.push(`k6 ended with exit code ${generator.exit_code}: ${generator.log_tail.at(-1) ?? 'no message'}`)
  }
  if (stopped_at_5xx_share !== null) {
    complaints.push(`it ended itself once ${stopped_at_5xx_share * 100} % of the answers were 5xx or none`)
  }
  const starts = sent.flatMap(({ started_ms }) => started_ms ?? [])
  if (requests_per_s_max !== null && wasHeld(starts, requests_per_s_max)) {
    complaints.push(
      `it was held at ${requests_per_s_max} requests/s, the bound for this target (CONMAN_LOAD_REQUESTS_PER_S_MAX)`,
    )
  }
  const distrusted = sent.filter(wasDistrusted).length
  if (distrusted > 0) {
    complaints.push(
      `k6 does not know the authority of the target's certificate (${distrusted} ${what}), which the harness itself does: have the system trust it`,
    )
  }
  if (!generator.summary_fresh) complaints.push('k6 wrote no summary')
  if (generator.thresholds.length === 0) complaints.push('k6 evaluated no threshold')
  if (exceptions > 0) complaints.push(`${exceptions} iterations of the script threw`)
  return complaints
}

/**
 * A load that a rate limit slows down is not the one that the requirement names: its figures say nothing. That is no failure
 * of what is measured here; the limits have checks of their own (RL1–RL3). `specified`: how the load compares with the
 * specified limit, where that is known.
 */
export function throttledFinding(throttled: number, specified?: string): Finding {
  const claim = 'no rate limit stands in the way of the load'
  return throttled === 0
    ? { claim, outcome: 'pass', because: 'no answer was 429', n: throttled }
    : {
        claim,
        outcome: 'not-verified',
        because: `${throttled} answers were 429: a rate limit of the target kept the load from being made as specified${specified === undefined ? '' : ` (${specified})`}`,
        n: throttled,
      }
}

/**
 * k6's 1310, 'x509: unknown authority'. The harness itself verified the same certificate when it seeded, so the request was refused
 * by the generator; where it does not read the file of authorities that it is given (macOS), it asks the system alone.
 */
export function wasDistrusted({ status, error }: { status: number | null; error: string }): boolean {
  return status === 0 && error.startsWith('1310 ')
}

/**
 * No time-outs, no refusals: every request was answered with 2xx. A target that was sent more than its own limits allow,
 * and said so, has not failed: that load could not be made.
 */
export function answeredFinding({ what, ended: all }: Requests): Finding {
  const claim = `all ${what} are answered with 2xx`
  const ended = all.filter((one) => !wasDistrusted(one))
  const n = ended.length
  const failed = ended.filter(({ status }) => status < 200 || status > 299)
  const measured: Measured = { value: n - failed.length, unit: what, label: 'answered with 2xx' }
  if (n === 0) return { claim, outcome: 'not-verified', because: `no ${what} ended`, n }
  if (failed.length > 0 && failed.every(({ status }) => status === 429)) {
    const because = `the target's rate limits refused ${failed.length} of ${n} ${what}: HTTP 429 × ${failed.length}`
    return { claim, outcome: 'not-verified', because, measured, n }
  }
  return failed.length > 0
    ? { claim, outcome: 'fail', because: `${failed.length} of ${n} ${what} failed: ${statuses(failed)}`, measured, n }
    : { claim, outcome: 'pass', because: `${n} of ${n} ${what} were answered`, measured, n }
}

/** So many answers a load that ended itself must have got before a share of them is one of the load. */
const ANSWERS_MIN = 20

/** One of three is a third, but not of the thousands that the whole load would have made. */
export function tooFewForShare(n: number, stopped_at_5xx_share: number | null): boolean {
  return stopped_at_5xx_share !== null && n < ANSWERS_MIN
}

/** `HTTP 500 × 6, no answer (1050 request timeout) × 1`. */
export function statuses(failed: readonly { status: number; error: string }[]): string {
  const counts = new Map<string, number>()
  for (const { status, error } of failed) {
    const name = status === 0 ? `no answer${error ? ` (${error})` : ''}` : `HTTP ${status}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return [...counts].map(([name, count]) => `${name} × ${count}`).join(', ')
}

/**
 * Every single one within the limit: what a requirement without a percentile asks for, and what is judged where there are
 * too few samples for one.
 */
export function eachWithinFinding(claim: string, requests: Requests, limit: Limit, instrument: Instrument): Finding {
  const { what, ended } = requests
  const durations = ascending(ended.map(({ duration_ms }) => duration_ms))
  const n = durations.length
  const slowest = durations.at(-1)
  if (slowest === undefined) return { claim, outcome: 'not-verified', because: `no ${what} ended`, limit, n }
  const measured: Measured = { value: slowest, unit: 'ms', label: `slowest of ${n}` }
  if (keeps(slowest, limit)) {
    return { claim, outcome: 'pass', because: `slowest ${slowest.toFixed(0)} ms of ${n}`, measured, limit, n }
  }
  const late = durations.filter((duration) => !keeps(duration, limit)).length
  const excess = `${late} of ${n} ${what} took longer than ${limit.value} ms, the slowest ${slowest.toFixed(0)} ms`
  return { claim, ...excessOutcome(excess, slowest, limit, instrument), measured, limit, n }
}

/** The q-quantile with its interval; refused below the samples that it takes. */
export function percentileFinding(
  claim: string,
  requests: Requests,
  q: number,
  limit: Limit,
  instrument: Instrument,
): Finding {
  const name = percentileName(q)
  const durations = ascending(requests.ended.map(({ duration_ms }) => duration_ms))
  const n = durations.length
  const interval = percentileInterval(durations, q)
  if (interval === null) {
    return {
      claim,
      outcome: 'not-verified',
      because: `${n} samples are too few for a ${name} (at least ${fewestSamplesFor(q)})`,
      limit,
      n,
    }
  }
  const value = percentile(durations, q)
  const { low, high } = interval
  const measured: Measured = { value, unit: 'ms', label: name, interval: { low, high } }
  const dropped = instrument.generator.dropped_iterations
  const figure = `${name} ${value.toFixed(0)} ms (95 % interval ${low.toFixed(0)}–${high.toFixed(0)} ms) of ${n}`
  // Those that were never started would have been the slowest: the figure is printed as the bound that it is.
  const shown =
    dropped === 0
      ? figure
      : `${figure} is a lower bound: ${dropped} ${requests.what} were never started because all virtual users were busy`
  if (!keeps(value, limit)) {
    return {
      claim,
      ...excessOutcome(`${shown}, limit ${limit.value} ms`, value, limit, instrument),
      measured,
      limit,
      n,
    }
  }
  return { claim, outcome: dropped > 0 ? 'not-verified' : 'pass', because: shown, measured, limit, n }
}

/**
 * Is the excess the target's? Not known where the load was made out of sight. Not where this machine kept ready processes
 * waiting for as long, and not where other programs took so much of its processors that without them the limit may have been
 * kept. With a share s gone, work takes 1 / (1 − s) as long, and what waits for other programs' answers waits for theirs too:
 * the square is allowed. Measured on two cores with busy loops beside L7: 1.5 times as long with 45 % gone, 2.3 times with 71 %.
 */
export function excessOutcome(
  excess: string,
  value: number,
  limit: Limit,
  { generator, other_cpu_share_max }: Instrument,
): Pick<Finding, 'outcome' | 'because'> {
  const { processes_elsewhere } = generator
  if (processes_elsewhere !== undefined) {
    return {
      outcome: 'not-verified',
      because: `${excess}, but whether the ${processes_elsewhere} machines that made the load could keep up is not known here`,
    }
  }
  const lag = generator.pulse_lag_ms_max
  if (keeps(value - lag, limit)) {
    return {
      outcome: 'not-verified',
      because: `${excess}, but this machine kept ready processes waiting for up to ${lag.toFixed(0)} ms meanwhile`,
    }
  }
  const others = other_cpu_share_max ?? 0
  if (keeps(value * (1 - others) ** 2, limit)) {
    return {
      outcome: 'not-verified',
      because: `${excess}, but other programs took up to ${(others * 100).toFixed(0)} % of this machine's processors meanwhile`,
    }
  }
  return { outcome: 'fail', because: excess }
}

/** 0.99: `p99`; 0.999: `p99.9`. */
export function percentileName(q: number): string {
  return `p${Number((q * 100).toFixed(4))}`
}

/**
 * k6's thresholds and the judge come from one constant, so they must agree: where k6 missed a threshold that the judge
 * did not see broken, the instrument is wrong and nothing is passed.
 */
export function agreementFinding(generator: Generator, findings: readonly Finding[]): Finding {
  const claim = "k6's own thresholds agree with the judge"
  const missed = generator.thresholds.filter((threshold) => !threshold.ok)
  const allPassed = findings.every((finding) => finding.outcome === 'pass' || finding.outcome === 'not-applicable')
  return missed.length > 0 && allPassed
    ? {
        claim,
        outcome: 'not-verified',
        because: `k6 missed ${missed.map(({ metric, threshold }) => `${metric} ${threshold}`).join(', ')}, which the samples do not show`,
      }
    : { claim, outcome: 'pass', because: `${generator.thresholds.length} thresholds, ${missed.length} missed` }
}

/** A claim about many things, broken by those that are named. */
export function noneFinding(claim: string, broken: readonly string[], what: string, n: number): Finding {
  if (broken.length > 0) return { claim, outcome: 'fail', because: `${broken.length} ${what}, first ${broken[0]}`, n }
  return n === 0
    ? { claim, outcome: 'not-verified', because: 'there was nothing to look at', n }
    : { claim, outcome: 'pass', because: `0 of ${n}`, n }
}
