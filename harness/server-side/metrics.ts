// The target's own metrics while a load runs: scraped before it, every few seconds, and after it until the server has counted
// what the client was answered. Each scrape on a connection of its own, so that several servers behind one address show.

import { setTimeout as delay } from 'node:timers/promises'
import type { Run } from '../run.ts'
import { metrics } from '../target/conman/platform.ts'
import type { HttpAnswer } from '../target/http.ts'
import type { Target } from '../target/target.ts'
import { rounded } from './client.ts'
import type { Durations, RequestCount, ServerSideLoad, WatchedMetrics } from './evidence.ts'
import { type Exposition, parseExposition } from './exposition.ts'
import { routeOf } from './routes.ts'
import { type Gain, Series } from './series.ts'

const REQUESTS = 'conman_http_requests_total'
const DURATION = 'conman_http_request_duration_seconds'
const GIT_CALLS = 'conman_gitaly_calls_total'
const GIT_DURATION = 'conman_gitaly_call_duration_seconds'
const QUEUE_DEPTH = 'conman_job_queue_depth'
const CPU = 'process_cpu_seconds_total'
const WANTED: ReadonlySet<string> = new Set([
  REQUESTS,
  `${DURATION}_bucket`,
  `${DURATION}_sum`,
  `${DURATION}_count`,
  GIT_CALLS,
  `${GIT_DURATION}_sum`,
  `${GIT_DURATION}_count`,
  CPU,
])

/** As often as Prometheus would, in a setting where somebody looks. */
const EVERY_MS = 5_000
const SCRAPE_WITHIN_MS = 5_000
/** A request is counted when its answer has been sent: so long the last ones may take to be in. */
const SETTLED_WITHIN_MS = 3_000
const SETTLE_LOOK_MS = 200

const ROWS_MAX = 200
const POINTS_MAX = 60

/** Of targets that want one for their metrics (HD19). Kept from load to load: logins are limited. */
const TOKENS = new WeakMap<Target, string>()

export class MetricsWatch {
  readonly #run: Run
  readonly #series = new Series((name) => WANTED.has(name))
  readonly #depth: { at_ms: number; jobs: number }[] = []
  #token: string | undefined
  #because: string | null = null
  #scrapes = 0
  #failed = 0
  #scrape_ms_max = 0
  #bytes_max = 0
  #unreadable = 0
  #timer: NodeJS.Timeout | undefined
  #under_way: Promise<void> = Promise.resolve()
  /** When a rate limit lets us ask again. */
  #not_before_ms = 0

  constructor(run: Run) {
    this.#run = run
  }

  /** The first scrape: what is gained is gained from here. Where it fails, nothing more is asked. */
  async begin(): Promise<void> {
    const { target } = this.#run
    this.#token = TOKENS.get(target)
    let answer = await this.#ask()
    if (answer.status === 401 || answer.status === 403) {
      this.#token = (await target.conman.login(target.admin.email, target.admin.password)).token
      TOKENS.set(target, this.#token)
      answer = await this.#ask()
    }
    this.#because = this.#take(answer)
    if (this.#because !== null) return
    this.#timer = setInterval(() => {
      this.#under_way = this.#under_way.then(() => this.#scrape()).catch(() => {})
    }, EVERY_MS)
  }

  /** The last scrapes. `settled`: the server has counted what the client was answered. */
  async end(settled: (requests: readonly RequestCount[]) => boolean): Promise<void> {
    this.stop()
    await this.#under_way
    if (this.#because !== null) return
    const deadline = performance.now() + SETTLED_WITHIN_MS
    for (;;) {
      await this.#scrape()
      if (settled(this.#requests()) || this.#series.fell > 0 || performance.now() > deadline) return
      await delay(SETTLE_LOOK_MS, undefined, { signal: this.#run.signal })
    }
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  result(began_ms: number): ServerSideLoad['metrics'] {
    if (this.#because !== null) return { because: this.#because }
    if (this.#scrapes < 2) return { because: 'it could be read before the load only' }
    const gains = this.#series.gains()
    const cpu = gains.find(({ name }) => name === CPU)
    return {
      scrapes: this.#scrapes,
      scrapes_failed: this.#failed,
      scrape_ms_max: rounded(this.#scrape_ms_max),
      bytes_max: this.#bytes_max,
      unreadable_lines: this.#unreadable,
      fell: this.#series.fell,
      counts_requests: this.#series.has(REQUESTS),
      requests: this.#requests().slice(0, ROWS_MAX),
      durations: durationsOf(gains).slice(0, ROWS_MAX),
      git_calls: gitCallsOf(gains).slice(0, ROWS_MAX),
      queue_depth: depthOf(this.#depth, began_ms),
      cpu_s: cpu === undefined ? null : rounded(cpu.gained),
    }
  }

  async #scrape(): Promise<void> {
    if (Date.now() < this.#not_before_ms) return
    const failure = this.#take(await this.#ask())
    if (failure !== null) this.#failed += 1
  }

  async #ask(): Promise<HttpAnswer> {
    const { conman } = this.#run.target
    const { method, path } = metrics()
    const answer = await conman.http.request(method, path, {
      headers: { accept: 'text/plain; version=0.0.4', connection: 'close' },
      within_ms: SCRAPE_WITHIN_MS,
      signal: this.#run.signal,
      ...(this.#token === undefined ? {} : { token: this.#token }),
    })
    this.#scrape_ms_max = Math.max(this.#scrape_ms_max, answer.duration_ms)
    if (answer.status === 429) {
      const seconds = Number(answer.headers['retry-after'])
      this.#not_before_ms = Date.now() + (Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : EVERY_MS)
    }
    return answer
  }

  /** Null: taken. Otherwise why it could not be. */
  #take(answer: HttpAnswer): string | null {
    if (answer.status !== 200) return `GET /api/metrics: ${answer.failure ?? `HTTP ${answer.status}`}`
    const exposition = parseExposition(answer.text)
    // Some have no series before their first event.
    if (exposition.samples.length === 0 && exposition.problems.length > 0) {
      return 'GET /api/metrics answers no exposition text'
    }
    this.#series.add(exposition)
    this.#scrapes += 1
    this.#bytes_max = Math.max(this.#bytes_max, answer.text.length)
    this.#unreadable = Math.max(this.#unreadable, exposition.problems.length)
    const depth = queueDepthOf(exposition)
    if (depth !== null) this.#depth.push({ at_ms: Date.now(), jobs: depth })
    return null
  }

  #requests(): RequestCount[] {
    return requestsOf(this.#series.gains())
  }
}

/** Raw paths that are one route become one row; what is no route of the API keeps its name. */
function requestsOf(gains: readonly Gain[]): RequestCount[] {
  const rows = new Map<string, RequestCount>()
  for (const { name, labels, gained } of gains) {
    if (name !== REQUESTS) continue
    const { method, route } = placeOf(labels)
    const status = textOf(labels.status ?? labels.code ?? '', 20)
    const key = `${method} ${route} ${status}`
    const row = rows.get(key) ?? { method, route, status, count: 0 }
    row.count += gained
    rows.set(key, row)
  }
  return [...rows.values()].sort((a, b) => b.count - a.count)
}

function durationsOf(gains: readonly Gain[]): Durations[] {
  const rows = new Map<string, Durations & { counts: Map<number, number> }>()
  for (const { name, labels, gained } of gains) {
    if (!name.startsWith(DURATION)) continue
    const place = placeOf(labels)
    const key = `${place.method} ${place.route}`
    const row = rows.get(key) ?? { ...place, count: 0, sum_ms: 0, buckets: [], counts: new Map() }
    rows.set(key, row)
    if (name.endsWith('_count')) row.count += gained
    else if (name.endsWith('_sum')) row.sum_ms = rounded(row.sum_ms + gained * 1_000)
    else {
      const le = labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels.le)
      if (!Number.isNaN(le)) row.counts.set(le, (row.counts.get(le) ?? 0) + gained)
    }
  }
  return [...rows.values()]
    .map(({ counts, ...row }) => ({ ...row, buckets: bucketsOf(counts) }))
    .sort((a, b) => b.sum_ms - a.sum_ms)
}

function bucketsOf(counts: ReadonlyMap<number, number>): Durations['buckets'] {
  return [...counts]
    .sort(([a], [b]) => a - b)
    .map(([le, count]) => ({ le_ms: Number.isFinite(le) ? rounded(le * 1_000) : null, count }))
}

function gitCallsOf(gains: readonly Gain[]): WatchedMetrics['git_calls'] {
  const rows = new Map<string, WatchedMetrics['git_calls'][number]>()
  for (const { name, labels, gained } of gains) {
    if (name !== GIT_CALLS && name !== `${GIT_DURATION}_sum` && name !== `${GIT_DURATION}_count`) continue
    const method = textOf(labels.method ?? 'unknown', 80)
    const row = rows.get(method) ?? { method, count: 0, failed: 0, sum_ms: 0 }
    rows.set(method, row)
    if (name.endsWith('_sum')) row.sum_ms = rounded(row.sum_ms + gained * 1_000)
    else if (name.endsWith('_count')) row.count += gained
    else if (!/^(ok|success|succeeded)$/i.test(labels.outcome ?? 'ok')) row.failed += gained
  }
  return [...rows.values()].sort((a, b) => b.sum_ms - a.sum_ms)
}

function queueDepthOf({ samples }: Pick<Exposition, 'samples'>): number | null {
  const depths = samples.filter(({ name, value }) => name === QUEUE_DEPTH && Number.isFinite(value))
  return depths.length === 0 ? null : depths.reduce((sum, { value }) => sum + value, 0)
}

function depthOf(depth: readonly { at_ms: number; jobs: number }[], began_ms: number): WatchedMetrics['queue_depth'] {
  const step = Math.max(1, Math.ceil(depth.length / POINTS_MAX))
  // Of neighbours that are put together the deepest is kept.
  return Array.from({ length: Math.ceil(depth.length / step) }, (_, index) => {
    const part = depth.slice(index * step, (index + 1) * step)
    const deepest = part.reduce((most, one) => (one.jobs > most.jobs ? one : most))
    return { at_s: rounded((deepest.at_ms - began_ms) / 1_000), jobs: deepest.jobs }
  })
}

function placeOf(labels: Gain['labels']): { method: string; route: string } {
  const path = labels.path ?? labels.route ?? 'unknown'
  return { method: textOf((labels.method ?? 'unknown').toUpperCase(), 20), route: textOf(routeOf(path) ?? path, 200) }
}

function textOf(text: string, characters_max: number): string {
  return text.slice(0, characters_max)
}
