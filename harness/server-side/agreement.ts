// The server's own figures beside the client's: pure. A server that counted fewer answers than the client got puts the
// client's record in doubt, and with it every verdict that rests on it. All else that differs is the target's metrics, which
// have a check of their own (GL-O1): it is shown, and decides nothing.

import type { Finding } from '../check.ts'
import { answeredOf, isSuccess } from './client.ts'
import { type ClientRoute, type Durations, isMissing, type RequestCount, type ServerSideLoad } from './evidence.ts'

export interface Counted {
  method: string
  route: string
  /** Answers with 2xx: as the client got them, and as the server counted them. */
  answered: number
  counted: number
}

/** Routes of which both tell, by the client's answers. */
export function countedByBoth(client: readonly ClientRoute[], requests: readonly RequestCount[]): Counted[] {
  return client.flatMap(({ method, route, by_status }) => {
    const same = requests.filter((one) => one.method === method && one.route === route)
    if (route === null || same.length === 0) return []
    return [{ method, route, answered: answeredOf({ by_status }), counted: successes(same) }]
  })
}

/**
 * Where the server counted fewer answers than the client got. A server that names its routes in a way of its own is held
 * against the sum of all.
 */
export function uncounted(client: readonly ClientRoute[], requests: readonly RequestCount[]): Counted[] {
  const both = countedByBoth(client, requests)
  const answered = client.reduce((sum, route) => sum + answeredOf(route), 0)
  const compared =
    both.length > 0 ? both : [{ method: '', route: 'all routes', answered, counted: successes(requests) }]
  return compared.filter((one) => one.counted < one.answered)
}

/** A counter without a status counts every answer. */
function successes(requests: readonly RequestCount[]): number {
  return requests.reduce(
    (sum, { status, count }) => (isSuccess(status) || /^(2xx)?$/i.test(status) ? sum + count : sum),
    0,
  )
}

export function recordFinding({ client, metrics, one_server }: ServerSideLoad): Finding {
  const claim = 'the server counted every answer that the client recorded'
  const open = (because: string): Finding => ({ claim, outcome: 'not-applicable', because })
  if (client.length === 0) return open('the harness itself made the load, and the check looks at each of its requests')
  if (isMissing(metrics)) return open(`the server’s own figures are not reachable (${metrics.because})`)
  if (!metrics.counts_requests) return open('the server’s metrics do not count its requests')
  if (metrics.fell > 0) {
    return open(
      `the server’s counters fell ${metrics.fell} times: it was started anew, or several answer in turn, each with counters of its own`,
    )
  }
  const answered = client.reduce((sum, route) => sum + answeredOf(route), 0)
  if (answered === 0) return open('the client got no answer with 2xx')
  const short = uncounted(client, metrics.requests)
  const [worst] = short.toSorted((a, b) => b.answered - b.counted - (a.answered - a.counted))
  if (worst !== undefined) {
    const because = `the server counted ${worst.counted} of ${worst.answered} answers with 2xx that the client recorded (${`${worst.method} ${worst.route}`.trim()})`
    return one_server
      ? {
          claim,
          outcome: 'not-verified',
          because: `${because}: the client’s record is in doubt, or the server’s metrics are wrong (GL-O1)`,
          n: answered,
        }
      : open(`${because}; whether others answer beside the one that is scraped cannot be seen here`)
  }
  const compared = countedByBoth(client, metrics.requests).reduce((sum, one) => sum + one.answered, 0)
  return {
    claim,
    outcome: 'pass',
    because:
      compared === answered || compared === 0
        ? `all ${answered} answers with 2xx are in the server’s count`
        : `${compared} of ${answered} answers with 2xx are in the server’s count; it does not count the routes of the others`,
    n: compared === 0 ? answered : compared,
  }
}

export interface Bucket {
  above_ms: number
  /** Null: there is no edge above. */
  at_most_ms: number | null
}

/** Between which edges of the server's histogram the quantile lies; null where there is no histogram. */
export function bucketOf({ buckets }: Durations, q: number): Bucket | null {
  const total = buckets.at(-1)?.count ?? 0
  if (total === 0) return null
  const at = buckets.findIndex(({ count }) => count >= q * total)
  return { above_ms: buckets[at - 1]?.le_ms ?? 0, at_most_ms: buckets[at]!.le_ms }
}

const OTHERS_SHARE_MAX = 0.05

/** The clock that each measures with, and what the server rounds away. */
const RESOLUTION_MS = 2

export interface SideBySide {
  client: ClientRoute
  /** Null: the server tells nothing of this route. */
  server: { count: number; mean_ms: number; p99: Bucket | null; slowest: Bucket | null } | null
  remark: string
}

/** How long the same requests took, by both. */
export function sideBySide({ client, metrics }: Pick<ServerSideLoad, 'client' | 'metrics'>): SideBySide[] {
  return client.map((route): SideBySide => {
    const durations = isMissing(metrics)
      ? undefined
      : metrics.durations.find((one) => one.method === route.method && one.route === route.route && one.count > 0)
    if (durations === undefined) return { client: route, server: null, remark: '' }
    const { count, sum_ms } = durations
    const server = {
      count,
      mean_ms: sum_ms / count,
      p99: bucketOf(durations, 0.99),
      slowest: bucketOf(durations, 1),
    }
    return {
      client: route,
      server,
      remark: isSame(route, count) ? slowerInside(route, server) : 'not the same requests',
    }
  })
}

/**
 * Others may ask for the same meanwhile, and a warm-up that is cut off leaves no sample: figures of other requests are not held
 * against the client's.
 */
function isSame({ by_status }: ClientRoute, count: number): boolean {
  const sent = Object.values(by_status).reduce((sum, n) => sum + n, 0)
  return Math.abs(count - sent) <= OTHERS_SHARE_MAX * sent
}

/** What a server takes is part of what its user waits for. */
function slowerInside(route: ClientRoute, server: NonNullable<SideBySide['server']>): string {
  const longer =
    server.mean_ms > route.mean_ms + RESOLUTION_MS || (server.p99?.above_ms ?? 0) > route.p99_ms + RESOLUTION_MS
  return longer ? 'the server says that it took longer than its users waited' : ''
}
