// Watches the server's side while a load runs: its processes, its metrics, its database. Nothing that fails here fails the
// load: a part that could not be watched says why. What it costs is part of what it brings home.

import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { K6Result } from '../k6.ts'
import type { Run } from '../run.ts'
import { describeFailure } from '../target/http.ts'
import { uncounted } from './agreement.ts'
import { rounded } from './client.ts'
import { type DatabaseWatch, watchDatabase } from './database.ts'
import type { ServerSideLoad } from './evidence.ts'
import { jobsMadeIn } from './jobs.ts'
import { MetricsWatch } from './metrics.ts'
import { ProcessWatch } from './processes.ts'

/** Processor time is counted in ticks of 10 ms: less than this says little. */
const PROCESSES_EVERY_MS = 250
const DATABASE_EVERY_MS = 500
const PULSE_MS = 10
/** The counters of a server are a large answer. */
const COUNTERS_EVERY = 10

type Recorded = Pick<ServerSideLoad, 'measured' | 'client' | 'generator'>

/** Runs a load and keeps beside it what the server did meanwhile, where the run keeps such things. */
export async function besideServer(run: Run, label: string, load: () => Promise<K6Result>): Promise<K6Result> {
  return await watched(run, label, load, ({ client, generator }) => ({
    measured: client.measured,
    client: client.routes,
    generator: {
      cpu_share: generator.cpu_share,
      dropped_iterations: generator.dropped_iterations,
      pulse_lag_ms_max: generator.pulse_lag_ms_max,
    },
  }))
}

/** The same for a load that the harness itself makes, request by request: its record is the check's own. */
export async function besideWork<T>(run: Run, label: string, work: () => Promise<T>): Promise<T> {
  const { tally } = run.target.conman.http
  let from_ms = 0
  let before = 0
  const pulse = monitorEventLoopDelay({ resolution: PULSE_MS })
  const timed = async () => {
    from_ms = Date.now()
    before = tally.requests
    pulse.enable()
    return await work().finally(() => pulse.disable())
  }
  return await watched(run, label, timed, () => ({
    measured: { from_ms, to_ms: Date.now(), requests: tally.requests - before },
    client: [],
    generator: {
      cpu_share: null,
      dropped_iterations: 0,
      pulse_lag_ms_max: rounded(Math.max(0, pulse.max / 1e6 - PULSE_MS)),
    },
  }))
}

async function watched<T>(
  run: Run,
  label: string,
  load: () => Promise<T>,
  recordOf: (result: T) => Recorded,
): Promise<T> {
  if (run.keepBeside === undefined) return await load()
  const watch = new Watch(run)
  try {
    await watch.begin()
    const result = await load()
    run.keepBeside(await watch.end(label, recordOf(result)))
    return result
  } finally {
    await watch.close()
  }
}

class Watch {
  readonly #run: Run
  readonly #processes: ProcessWatch
  readonly #metrics: MetricsWatch
  readonly #timers: NodeJS.Timeout[] = []
  #began_ms = 0
  #cpu = process.cpuUsage()
  #looks = 0
  #look_cpu_us = 0
  #metricsFailed: string | null = null
  #database: DatabaseWatch | undefined
  #databaseFailed: string | null = null
  #databaseLook: Promise<void> | undefined
  #databaseLooks = 0

  constructor(run: Run) {
    this.#run = run
    this.#processes = new ProcessWatch(() => run.target.memory?.() ?? [])
    this.#metrics = new MetricsWatch(run)
  }

  async begin(): Promise<void> {
    this.#began_ms = Date.now()
    this.#cpu = process.cpuUsage()
    const [metrics, database] = await Promise.allSettled([this.#metrics.begin(), watchDatabase(this.#run)])
    this.#run.signal.throwIfAborted()
    if (metrics.status === 'rejected') this.#metricsFailed = describeFailure(metrics.reason)
    if (database.status === 'rejected') this.#databaseFailed = describeFailure(database.reason)
    else if ('because' in database.value) this.#databaseFailed = database.value.because
    else this.#database = database.value
    this.#lookAtProcesses()
    this.#timers.push(setInterval(() => this.#lookAtProcesses(), PROCESSES_EVERY_MS))
    this.#timers.push(setInterval(() => this.#lookAtDatabase(), DATABASE_EVERY_MS))
  }

  /** What was watched; its jobs are read when it is asked for, which is once everything has been gathered. */
  async end(label: string, recorded: Recorded): Promise<() => Promise<ServerSideLoad>> {
    const run = this.#run
    this.#stop()
    this.#lookAtProcesses()
    const watched = { from_ms: this.#began_ms, to_ms: Date.now() }
    const cpu = process.cpuUsage(this.#cpu)
    const cost = {
      harness_cpu_share: rounded(
        (cpu.user + cpu.system) / 1_000 / (watched.to_ms - watched.from_ms) / run.machine.cpus,
      ),
      looks: this.#looks,
      look_cpu_ms: rounded(this.#look_cpu_us / 1_000 / Math.max(this.#looks, 1)),
    }
    const database = await this.#databaseResult()
    const metrics = await this.#metricsResult(recorded.client)
    run.signal.throwIfAborted()
    const load = {
      label,
      watched,
      ...recorded,
      one_server: run.target.memory !== undefined,
      machine: this.#processes.machine(recorded.measured, run.machine.cpus),
      processes: this.#processes.processes(recorded.measured, this.#began_ms),
      metrics,
      database,
      cost,
    }
    return async () => ({
      ...load,
      jobs: await jobsMadeIn(run.target, watched).catch((cause: unknown) => ({ because: describeFailure(cause) })),
    })
  }

  async close(): Promise<void> {
    this.#stop()
    await this.#databaseLook
    await this.#database?.close().catch(() => {})
  }

  #stop(): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#metrics.stop()
  }

  #lookAtProcesses(): void {
    const before = process.threadCpuUsage()
    this.#processes.look()
    const { user, system } = process.threadCpuUsage(before)
    this.#looks += 1
    this.#look_cpu_us += user + system
  }

  /** One look after the other: a database that answers slowly is not asked more often for it. */
  #lookAtDatabase(): void {
    const database = this.#database
    if (database === undefined || this.#databaseFailed !== null || this.#databaseLook !== undefined) return
    this.#databaseLooks += 1
    const counting = this.#databaseLooks % COUNTERS_EVERY === 0
    this.#databaseLook = Promise.all([database.look(), counting ? database.count() : undefined])
      .then(
        () => {},
        (cause: unknown) => {
          this.#databaseFailed = describeFailure(cause)
        },
      )
      .finally(() => {
        this.#databaseLook = undefined
      })
  }

  async #databaseResult(): Promise<ServerSideLoad['database']> {
    await this.#databaseLook
    if (this.#databaseFailed === null && this.#database !== undefined) {
      try {
        return await this.#database.result()
      } catch (cause) {
        this.#databaseFailed = describeFailure(cause)
      }
    }
    return { because: this.#databaseFailed ?? 'it was not watched' }
  }

  async #metricsResult(routes: Recorded['client']): Promise<ServerSideLoad['metrics']> {
    if (this.#metricsFailed === null) {
      try {
        await this.#metrics.end((requests) => uncounted(routes, requests).length === 0)
        return this.#metrics.result(this.#began_ms)
      } catch (cause) {
        this.#metricsFailed = describeFailure(cause)
      }
    }
    return { because: this.#metricsFailed }
  }
}
