// k6 only: what every load script of ours shares. Settings, guarded iterations, what a user waited for, the warm-up, the
// floors without which k6 passes what never happened, and the summary. How a target is treated: target-manners.ts.

import type { RefinedResponse, ResponseType } from 'k6/http'
import { Counter } from 'k6/metrics'
import type { Options, Scenario, Threshold } from 'k6/options'
import { COUNTERS } from './counters.ts'
import type { Manners } from './manners-settings.ts'
import { request, stopThresholds } from './target-manners.ts'
import { WARM_UP_S } from './warm-up.ts'

declare const __ENV: Record<string, string>
declare function open(path: string): string

export function readSettings<S>(): S {
  return JSON.parse(open(__ENV.READINESS_SETTINGS!)) as S
}

/** Whether this process makes one part of a load that several share, each its execution segment. */
const isPart = __ENV.READINESS_PART === 'true'

/**
 * Of a part only what holds of every single request can be asked: planned counts and percentiles are those of all parts
 * together, which the judge computes from their samples.
 */
function ofThisProcess(thresholds: Record<string, Threshold[]>): Record<string, Threshold[]> {
  if (!isPart) return thresholds
  const holds = (one: Threshold) => {
    const text = typeof one === 'string' ? one : one.threshold
    return /^(count==0|max\b|min\b|rate\b)/.test(text)
  }
  return Object.fromEntries(Object.entries(thresholds).map(([metric, all]) => [metric, all.filter(holds)]))
}

/** Counted before a request leaves: an attempt without an end was cut off. */
export const attempted = new Counter(COUNTERS.attempted)
/** k6 ends with 0 when an iteration throws: so this is counted, and judged. */
const exceptions = new Counter(COUNTERS.exceptions)
const finished = new Counter(COUNTERS.finished)

export function guarded(body: () => void): void {
  try {
    body()
    finished.add(1)
  } catch (cause) {
    exceptions.add(1)
    console.error(`iteration ended by an exception: ${cause}`)
  }
}

/** Milliseconds that the user waited: the wait for a free connection and the handshake are part of it. */
export function waitedFor({ timings }: RefinedResponse<ResponseType>): number {
  return timings.blocked + timings.connecting + timings.tls_handshaking + timings.duration
}

/** Why there is no answer; empty where there is one. */
export function errorOf({ error, error_code }: RefinedResponse<ResponseType>): string {
  return error ? `${error_code} ${error}`.slice(0, 200) : ''
}

export interface Asked {
  /** 0: no answer; then `error` says why. */
  status: number
  error: string
  body: string
  waited_ms: number
}

/** A GET that is part of the measurement. */
export function ask(url: string, input: { token: string; name: string; timeoutS: number }): Asked {
  attempted.add(1)
  const response = request('GET', url, null, {
    headers: { authorization: `Bearer ${input.token}` },
    responseType: 'text',
    tags: { name: input.name },
    timeout: `${input.timeoutS}s`,
  })
  const { status, body } = response
  return {
    status,
    error: errorOf(response),
    body: typeof body === 'string' ? body : '',
    waited_ms: waitedFor(response),
  }
}

/**
 * A GET before the measurement: connections, caches and just-in-time compilation. No gate reads its samples; its URL names
 * it, for the server counts it like any other.
 */
export function warm(url: string, token: string): void {
  request('GET', url, null, { headers: { authorization: `Bearer ${token}` } }, 'warm-up')
}

/** So long into the measured load, the share of 5xx is one of some tens of answers. */
const STOP_AFTER_S = WARM_UP_S + 2

export function optionsOf(input: {
  /** Keyed by the scenario's name; each begins after the warm-up. */
  scenarios: Record<string, Scenario>
  /** How many virtual users warm up, once each, by the exported function `warm_up`. */
  warmers: number
  /** Iterations of all measured scenarios, where their number is planned. */
  iterations: number | null
  thresholds: Record<string, Threshold[]>
  manners: Manners
}): Options {
  const measured = Object.entries(input.scenarios).map(([name, scenario]): [string, Scenario] => [
    name,
    { ...scenario, startTime: `${WARM_UP_S}s` },
  ])
  return {
    scenarios: {
      warm_up: {
        executor: 'per-vu-iterations',
        exec: 'warm_up',
        vus: input.warmers,
        iterations: 1,
        maxDuration: `${WARM_UP_S}s`,
        gracefulStop: '0s',
      },
      ...Object.fromEntries(measured),
    },
    thresholds: ofThisProcess({
      // A threshold on no samples passes, and so does a run whose iterations threw: these do not.
      [COUNTERS.exceptions]: ['count==0'],
      [COUNTERS.finished]: [input.iterations === null ? 'count>0' : `count==${input.iterations}`],
      [COUNTERS.attempted]: ['count>0'],
      ...input.thresholds,
      ...stopThresholds(input.manners, STOP_AFTER_S),
    }),
    summaryTrendStats: ['count', 'min', 'avg', 'med', 'p(90)', 'p(95)', 'p(99)', 'max'],
    discardResponseBodies: true,
    // Exceptions are counted here; a 5xx is an answer to be judged, not a failure of the generator.
    throw: false,
  }
}

export function handleSummary(data: { setup_data?: unknown }): Record<string, string> {
  delete data.setup_data
  return { [__ENV.READINESS_SUMMARY!]: JSON.stringify(data) }
}
