// The jobs that were made while a load ran, by their documents. Read once the check has gathered everything, so that a check
// that waits until they have ended has them ended.

import { type Document, ObjectId } from 'mongodb'
import { ascending, percentile } from '../statistics.ts'
import type { Target } from '../target/target.ts'
import { rounded } from './client.ts'
import type { ServerSideLoad, Spread, WatchedJobs } from './evidence.ts'

/** More than any load makes; of a queue that somebody else fills, not everything. */
const JOBS_MAX = 20_000
/** An id holds the second of its making, by the clock of who made it. */
const CLOCK_MS = 1_000

export async function jobsMadeIn(
  { database }: Pick<Target, 'database'>,
  { from_ms, to_ms }: { from_ms: number; to_ms: number },
): Promise<ServerSideLoad['jobs']> {
  if (database === undefined) return { because: 'the database was not handed over' }
  const idAt = (ms: number) => ObjectId.createFromTime(Math.floor(ms / 1_000))
  const rows = await database.find(
    'jobs',
    // By the one index that every collection has.
    { _id: { $gte: idAt(from_ms - CLOCK_MS), $lt: idAt(to_ms + 2 * CLOCK_MS) } },
    {
      projection: { job_type: 1, type: 1, state: 1, created_at: 1, started_at: 1, finished_at: 1, completed_at: 1 },
      limit: JOBS_MAX,
    },
  )
  return jobsOf(rows)
}

/** By type; both names that each field has. */
export function jobsOf(rows: readonly Document[]): WatchedJobs[] {
  const made = rows.map((row) => ({
    type: String(row.job_type ?? row.type ?? 'unknown').slice(0, 80),
    state: String(row.state ?? 'unknown').slice(0, 40),
    created: timeOf(row.created_at),
    started: timeOf(row.started_at),
    finished: timeOf(row.finished_at ?? row.completed_at),
  }))
  return [...Map.groupBy(made, ({ type }) => type)].map(
    ([type, jobs]): WatchedJobs => ({
      type,
      made: jobs.length,
      by_state: Object.fromEntries(
        [...Map.groupBy(jobs, ({ state }) => state)].map(([state, all]) => [state, all.length]),
      ),
      waited: spreadOf(jobs.map(({ created, started }) => between(created, started))),
      ran: spreadOf(jobs.map(({ started, finished }) => between(started, finished))),
      whole: spreadOf(jobs.map(({ created, finished }) => between(created, finished))),
    }),
  )
}

function timeOf(value: unknown): number | null {
  return value instanceof Date ? value.getTime() : null
}

function between(from: number | null, to: number | null): number | null {
  return from === null || to === null ? null : to - from
}

function spreadOf(durations: readonly (number | null)[]): Spread | null {
  const known = ascending(durations.filter((one) => one !== null))
  return known.length === 0
    ? null
    : {
        n: known.length,
        sum_ms: known.reduce((sum, one) => sum + one, 0),
        p50_ms: rounded(percentile(known, 0.5)),
        max_ms: rounded(known.at(-1)!),
      }
}
