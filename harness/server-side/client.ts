// Every request that k6 sent, by route, as k6 itself recorded it: beside the server's own counts.

import { ascending, percentile } from '../statistics.ts'
import type { ClientRoute } from './evidence.ts'
import { routeOf } from './routes.ts'

/** k6's own metric with a sample for each request that ended, answered or not. */
export const K6_REQUESTS = 'http_req_duration'
/** The scenario whose requests are no part of the measurement (scenarios/lib/k6-side.ts). */
const WARM_UP = 'warm_up'
/** A script that names no routes has one for each URL. */
const ROUTES_MAX = 100

export interface ClientRecord {
  routes: ClientRoute[]
  /** From the first request after the warm-up to the end of the last one. */
  measured: { from_ms: number; to_ms: number; requests: number }
}

export class ClientRequests {
  readonly #routes = new Map<string, { method: string; route: string | null; statuses: string[]; ms: number[] }>()
  #from_ms = Number.POSITIVE_INFINITY
  #to_ms = 0
  #measured = 0

  add(sample: { time_ms: number; value: number; tags: Readonly<Record<string, string>> }): void {
    const { name = '', method = '', status = '0', scenario } = sample.tags
    const route = routeOf(name)
    const key = `${method} ${route}`
    const entry = this.#routes.get(key) ?? { method, route, statuses: [], ms: [] }
    this.#routes.set(key, entry)
    entry.statuses.push(status)
    entry.ms.push(sample.value)
    if (scenario === WARM_UP) return
    this.#measured += 1
    this.#from_ms = Math.min(this.#from_ms, sample.time_ms - sample.value)
    this.#to_ms = Math.max(this.#to_ms, sample.time_ms)
  }

  record(): ClientRecord {
    const routes = [...this.#routes.values()].map(({ method, route, statuses, ms }): ClientRoute => {
      const sorted = ascending(ms)
      return {
        method,
        route,
        by_status: Object.fromEntries(
          [...Map.groupBy(statuses, (status) => status)].map(([status, all]) => [status, all.length]),
        ),
        mean_ms: rounded(ms.reduce((sum, one) => sum + one, 0) / ms.length),
        p50_ms: rounded(percentile(sorted, 0.5)),
        p99_ms: rounded(percentile(sorted, 0.99)),
        max_ms: rounded(sorted.at(-1)!),
      }
    })
    const from_ms = this.#measured === 0 ? 0 : this.#from_ms
    return {
      routes: routes.sort((a, b) => answeredOf(b) - answeredOf(a)).slice(0, ROUTES_MAX),
      measured: { from_ms, to_ms: Math.max(from_ms, this.#to_ms), requests: this.#measured },
    }
  }
}

/** Answers with 2xx. */
export function answeredOf({ by_status }: Pick<ClientRoute, 'by_status'>): number {
  return Object.entries(by_status).reduce((sum, [status, n]) => (isSuccess(status) ? sum + n : sum), 0)
}

export function isSuccess(status: string): boolean {
  return /^2\d\d$/.test(status)
}

export function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000
}
