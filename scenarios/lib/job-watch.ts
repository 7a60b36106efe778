// Looks at the jobs of one kind again and again, from before what begins them until they have ended: when each was first
// seen is told by our own clock, whatever moments the target writes down. Touches the world, judges nothing.

import { setTimeout as delay } from 'node:timers/promises'
import { ObjectId } from 'mongodb'
import { type Static, Type } from 'typebox'
import type { Run } from '../../harness/run.ts'
import { type JobType, listJobs } from '../../harness/target/conman/jobs.ts'
import { recordOf } from '../../harness/target/conman.ts'
import { JobBook, type JobRow } from './job-book.ts'

const TextOrNull = Type.Union([Type.String(), Type.Null()])
const NumberOrNull = Type.Union([Type.Number(), Type.Null()])

export const SeenJobSchema = Type.Object(
  {
    id: Type.String(),
    entity_id: Type.String(),
    state: Type.String(),
    /** Moments as the target wrote them down, in milliseconds since the epoch by its clock. */
    created_at_ms: NumberOrNull,
    started_at_ms: NumberOrNull,
    finished_at_ms: NumberOrNull,
    error: TextOrNull,
    /** What its result says of itself, such as `skipped`. */
    verdict: TextOrNull,
    /** By our clock: when the last look began that did not show it, and when the first ended that did. */
    unseen_at_ms: NumberOrNull,
    seen_at_ms: Type.Number(),
    /** When the first look ended that showed it over; null: it was never seen so. */
    over_at_ms: NumberOrNull,
    /** The last look did not show it any more. */
    gone: Type.Boolean(),
  },
  { additionalProperties: false },
)
export type SeenJob = Static<typeof SeenJobSchema>

export const JobWatchSchema = Type.Object(
  {
    source: Type.Union([Type.Literal('mongo'), Type.Literal('http')]),
    looks: Type.Integer(),
    /** Whether all were over when the watch ended. */
    drained: Type.Boolean(),
    /** When it ended, by our clock, and how long that was after the last change that it saw. */
    ended_at_ms: Type.Number(),
    quiet_ms: Type.Number(),
    /** Why the jobs could not be read at the end; null when they could. */
    problem: TextOrNull,
    jobs: Type.Array(SeenJobSchema),
  },
  { additionalProperties: false },
)
export type JobWatch = Static<typeof JobWatchSchema>

export interface WatchInput {
  appId: string
  token: string
  type: JobType
  /** What the jobs are about: one each is expected. */
  entityIds: readonly string[]
  /** Between two looks: short where the database answers, polite where the API does. */
  every_ms: { mongo: number; http: number }
}

export interface RunningWatch extends AsyncDisposable {
  /**
   * Waits until each has a job and none is under way; or until nothing is under way and nothing has changed for `quiet_ms`, so
   * that those without one will not get it; or for `within_ms`.
   */
  drained(bounds: { quiet_ms: number; within_ms: number }): Promise<JobWatch>
}

/** So long after the last job was over, a second one for the same thing would be there too. */
const SECOND_WITHIN_MS = 2_000

/** What cannot be read for so long is no hiccup. */
const UNREADABLE_MS_MAX = 30_000

/** What is there already is left out. */
export async function watchJobs(run: Run, input: WatchInput): Promise<RunningWatch> {
  const source = await sourceFor(run, input)
  const look = source === 'mongo' ? fromDatabase : fromList
  const older = (await look(run, input)).map(({ id }) => id)
  const book = new JobBook({ entityIds: input.entityIds, older, at_ms: Date.now() })
  const ending = new AbortController()
  let read_at_ms = Date.now()
  let problem: string | null = null
  let bounds: { quiet_ms: number; until_ms: number; from_ms: number } | null = null

  const quiet = (now: number, from_ms: number) => now - Math.max(book.changed_at_ms, from_ms)

  function mayEnd(now: number): boolean {
    if (bounds === null) return false
    if (now >= bounds.until_ms || now - read_at_ms > UNREADABLE_MS_MAX) return true
    const quiet_ms = quiet(now, bounds.from_ms)
    return book.isDrained() ? quiet_ms >= SECOND_WITHIN_MS : quiet_ms >= bounds.quiet_ms && !book.isUnderWay()
  }

  async function go(): Promise<void> {
    for (;;) {
      run.signal.throwIfAborted()
      const began_at_ms = Date.now()
      try {
        const rows = await look(run, input)
        read_at_ms = Date.now()
        book.record(rows, { began_at_ms, ended_at_ms: read_at_ms })
        problem = null
      } catch (cause) {
        run.signal.throwIfAborted()
        problem = cause instanceof Error ? cause.message : String(cause)
      }
      if (ending.signal.aborted || mayEnd(Date.now())) return
      await delay(input.every_ms[source], undefined, { signal: ending.signal }).catch(() => {})
    }
  }

  const going = go()
  // Its failure is told to who waits for it.
  going.catch(() => {})
  return {
    async drained({ quiet_ms, within_ms }) {
      const from_ms = Date.now()
      bounds = { quiet_ms, until_ms: from_ms + within_ms, from_ms }
      await going
      const ended_at_ms = Date.now()
      return {
        source,
        looks: book.looks,
        drained: book.isDrained(),
        ended_at_ms,
        quiet_ms: quiet(ended_at_ms, from_ms),
        problem,
        jobs: book.jobs(),
      }
    },
    async [Symbol.asyncDispose]() {
      ending.abort()
      await going.catch(() => {})
    },
  }
}

/** The database, where it is the one that the app's jobs stand in; else the list of the API. */
async function sourceFor(run: Run, { appId, token }: WatchInput): Promise<JobWatch['source']> {
  const { conman, database } = run.target
  if (database === undefined) return 'http'
  const [stored] = await database.find('jobs', ofApp(appId), { limit: 1, projection: { _id: 1 } })
  if (stored !== undefined) return 'mongo'
  return (await conman.do(token, listJobs(appId))).length === 0 ? 'mongo' : 'http'
}

async function fromList(run: Run, { appId, token, type }: WatchInput): Promise<JobRow[]> {
  const listed = await run.target.conman.all(token, listJobs(appId, { type }))
  // A page that moves while it is read shows a row twice.
  const unique = new Map(listed.map((job) => [job.id, job]))
  return [...unique.values()].map((job) => ({
    id: job.id,
    entity_id: job.entityId ?? '',
    state: job.state,
    created_at_ms: momentOf(job.createdAt),
    started_at_ms: momentOf(job.startedAt),
    finished_at_ms: momentOf(job.finishedAt),
    error: job.error?.slice(0, 500) ?? null,
    verdict: job.resultStatus?.slice(0, 100) ?? null,
  }))
}

/** Both spellings of the contract (data-and-runtime §2.1). */
async function fromDatabase(run: Run, { appId, type, entityIds }: WatchInput): Promise<JobRow[]> {
  const ids = entityIds.flatMap((id) => [id, ...oid(id)])
  const filter = { ...ofApp(appId), entity_id: { $in: ids }, $or: [{ job_type: type }, { type }] }
  const found = await run.target.database!.find('jobs', filter, { readPreference: 'primary' })
  return found.map((row) => {
    const verdict = recordOf(row.result)?.status
    const error = row.error_message ?? row.error
    return {
      id: String(row._id),
      entity_id: String(row.entity_id),
      state: String(row.state),
      created_at_ms: momentOf(row.created_at),
      started_at_ms: momentOf(row.started_at),
      finished_at_ms: momentOf(row.finished_at ?? row.completed_at),
      error: typeof error === 'string' ? error.slice(0, 500) : null,
      verdict: typeof verdict === 'string' ? verdict.slice(0, 100) : null,
    }
  })
}

function ofApp(appId: string) {
  return { app_id: { $in: [appId, ...oid(appId)] } }
}

function oid(id: string): ObjectId[] {
  return ObjectId.isValid(id) ? [new ObjectId(id)] : []
}

function momentOf(value: unknown): number | null {
  const ms = value instanceof Date ? value.getTime() : typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isFinite(ms) ? ms : null
}
