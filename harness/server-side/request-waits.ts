// Where the time of requests and jobs went: the git backend, the database, the way to the server, a queue without a worker, or
// the server's own waiting. Pure.

import { sideBySide } from './agreement.ts'
import type { Bottleneck } from './bottlenecks.ts'
import { isShort, percent } from './busy.ts'
import { isMissing, type ServerSideLoad } from './evidence.ts'

/** Half of the time: the rest together takes less. */
const SHARE_MIN = 0.5
/** Requests that are answered in less are slowed by nothing. */
const MEAN_MS_MIN = 5
/** What a network, or an event loop that is busy, may add unnoticed. */
const OUTSIDE_MS_MIN = 20
/** Below it a wait inside the server is no longer than what its database may take. */
const INSIDE_MS_MIN = 100
/** Where others may have taken so much of it, the server's own waiting cannot be told. */
const EXPLAINED_SHARE_MAX = 0.3
const JOB_WAIT_MS_MIN = 1_000

export function requestWaits(load: ServerSideLoad): Bottleneck[] {
  return [...gitBackend(load), ...database(load), ...outside(load), ...inside(load), ...queue(load)]
}

interface Times {
  /** The server's own time for all requests and jobs. */
  whole_ms: number
  /** Whose time that is, for a sentence. */
  whose: string
  asking: number
  /** The calls and operations in it. */
  git_ms: number
  database_ms: number | null
}

function timesOf({ metrics, database, jobs }: ServerSideLoad): Times | null {
  if (isMissing(metrics)) return null
  const ran = isMissing(jobs) ? [] : jobs.flatMap(({ ran }) => ran ?? [])
  const asking = [...metrics.durations.map(({ count }) => count), ...ran.map(({ n }) => n)]
  const whole = [...metrics.durations, ...ran].map(({ sum_ms }) => sum_ms)
  if (metrics.durations.length === 0) return null
  return {
    whole_ms: sumOf(whole),
    whose: isMissing(jobs) ? 'requests without the jobs, which are not known,' : 'requests and jobs',
    asking: sumOf(asking),
    git_ms: sumOf(metrics.git_calls.map(({ sum_ms }) => sum_ms)),
    database_ms:
      isMissing(database) || database.collections === null ? null : sumOf(database.collections.map(({ ms }) => ms)),
  }
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

function gitBackend(load: ServerSideLoad): Bottleneck[] {
  const times = timesOf(load)
  if (times === null || isMissing(load.metrics)) return []
  const { whole_ms, whose, asking, git_ms } = times
  if (git_ms < SHARE_MIN * whole_ms || git_ms / asking < MEAN_MS_MIN) return []
  const most = load.metrics.git_calls
    .slice(0, 3)
    .map(({ method, count, sum_ms }) => `${method} (${count} of ${(sum_ms / Math.max(count, 1)).toFixed(0)} ms)`)
  return [
    {
      where: 'git backend',
      figure: `calls to it took ${seconds(git_ms)}, ${whose} ${seconds(whole_ms)} in all; most: ${most.join(', ')}`,
    },
  ]
}

function database(load: ServerSideLoad): Bottleneck[] {
  const times = timesOf(load)
  if (times === null || times.database_ms === null) return []
  const { whole_ms, whose, asking, database_ms } = times
  if (database_ms < SHARE_MIN * whole_ms || database_ms / asking < MEAN_MS_MIN) return []
  return [
    {
      where: 'database: its time',
      figure: `operations took ${seconds(database_ms)}, ${whose} ${seconds(whole_ms)} in all`,
    },
  ]
}

/** Longer for the user than inside the server: on the way, or waiting to be taken up. */
function outside(load: ServerSideLoad): Bottleneck[] {
  const rows = sideBySide(load).flatMap(({ client, server, remark }) =>
    server === null || remark !== '' ? [] : [{ n: server.count, client_ms: client.mean_ms, server_ms: server.mean_ms }],
  )
  const n = rows.reduce((sum, row) => sum + row.n, 0)
  if (n === 0) return []
  const mean = (of: (row: (typeof rows)[number]) => number) => rows.reduce((sum, row) => sum + row.n * of(row), 0) / n
  const client_ms = mean((row) => row.client_ms)
  const outside_ms = client_ms - mean((row) => row.server_ms)
  if (outside_ms < Math.max(OUTSIDE_MS_MIN, SHARE_MIN * client_ms)) return []
  return [
    {
      where: 'before the server',
      figure: `of ${client_ms.toFixed(0)} ms that a request took (mean of ${n}), ${outside_ms.toFixed(0)} ms were outside of what the server counts: the way there, or waiting to be taken up`,
    },
  ]
}

/** Slow inside the server, while nothing that it asks for was slow and none of its processors was short. */
function inside(load: ServerSideLoad): Bottleneck[] {
  const { metrics, database, processes, machine, generator } = load
  const times = timesOf(load)
  if (times === null || isMissing(metrics) || isMissing(database) || isMissing(processes) || isMissing(machine))
    return []
  if (database.slow === null || processes.some((process) => isShort(process, machine.cpus))) return []
  const { whole_ms, git_ms, database_ms } = times
  const explained = (git_ms + (database_ms ?? 0)) / whole_ms
  if (explained > EXPLAINED_SHARE_MAX) return []
  const slowest_ms = database.slow.queries.reduce((most, { max_ms }) => Math.max(most, max_ms), database.slow.from_ms)
  return sideBySide(load)
    .filter(({ server, remark }) => {
      const above_ms = server?.p99?.above_ms ?? 0
      return (
        remark === '' &&
        above_ms >= INSIDE_MS_MIN &&
        above_ms >= 2 * slowest_ms &&
        above_ms >= 2 * generator.pulse_lag_ms_max
      )
    })
    .map(({ client, server }) => ({
      where: `inside the server: ${client.method} ${client.route}`,
      figure: `the slowest hundredth of its ${server!.count} requests took longer than ${server!.p99!.above_ms} ms there, while no operation of the database took ${slowest_ms} ms, git and database together took ${percent(explained)} of the time, and no process was short of a processor: it waited for something of its own (a timer, a lock, a pool)`,
    }))
}

function queue({ jobs, metrics }: ServerSideLoad): Bottleneck[] {
  const deepest = isMissing(metrics) ? 0 : metrics.queue_depth.reduce((most, { jobs }) => Math.max(most, jobs), 0)
  const depth = deepest > 0 ? `; up to ${deepest} waited at once` : ''
  return (isMissing(jobs) ? [] : jobs).flatMap(({ type, made, waited, ran }) =>
    waited === null || waited.p50_ms < Math.max(JOB_WAIT_MS_MIN, 2 * (ran?.p50_ms ?? 0))
      ? []
      : [
          {
            where: `job queue: ${type}`,
            figure: `half of ${made} jobs waited longer than ${seconds(waited.p50_ms)} for a worker, the last ${seconds(waited.max_ms)}; they ran ${ran === null ? 'never' : `${seconds(ran.p50_ms)} (median)`}${depth}`,
          },
        ],
  )
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}
