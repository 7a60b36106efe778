// The jobs that the steady load became: by their documents where the database is at hand, else over HTTP. Looked at until all
// have ended or the slowest one that is allowed would have. Touches the world.

import { setTimeout as delay } from 'node:timers/promises'
import { ObjectId } from 'mongodb'
import type { Run } from '../../harness/run.ts'
import { listJobs } from '../../harness/target/conman/jobs.ts'
import { listDeployments } from '../../harness/target/conman/releases.ts'
import type { Team } from '../../seed/team.ts'
import type { Attempt } from './drive.ts'
import type { JobMixEvidence } from './evidence.ts'
import { JOBS_WITHIN_MS } from './limits.ts'

type Rows = JobMixEvidence['jobs']['rows']

/** Far below a second of the latencies that are read from the documents themselves. */
const LOOK_EVERY_MS = 1_000
/** A list may be read from a secondary that is behind (DC2), and a deployment's end is written beside its job's. */
const STATES_WITHIN_MS = 10_000

const KIND_OF: Readonly<Record<string, Attempt['kind']>> = { msuite_submit: 'standard', deploy_release: 'deploy' }
const UNDER_WAY = new Set(['queued', 'running', 'pending'])

export async function jobsOf(
  run: Run,
  team: Team,
  attempts: readonly Attempt[],
): Promise<{ jobs: JobMixEvidence['jobs']; looked_at_ms: number }> {
  const entities = new Set(attempts.flatMap(({ entity }) => entity ?? []))
  const deadline = performance.now() + JOBS_WITHIN_MS
  for (;;) {
    const { source, rows } = await read(run, team)
    const wanted = rows.filter(({ entity }) => entities.has(entity))
    const ended = new Set(wanted.filter(({ state }) => !UNDER_WAY.has(state)).map(({ entity }) => entity))
    run.progress.update(`job-mix: ${ended.size} of ${entities.size} jobs have ended`)
    if (ended.size === entities.size || performance.now() > deadline) {
      return { jobs: { source, rows: wanted }, looked_at_ms: Date.now() }
    }
    await delay(LOOK_EVERY_MS, undefined, { signal: run.signal })
  }
}

async function read(run: Run, { app, adminToken }: Team): Promise<JobMixEvidence['jobs']> {
  const { database, conman } = run.target
  const rowOf = (type: string, row: Omit<Rows[number], 'kind'>): Rows => {
    const kind = KIND_OF[type]
    return kind === undefined ? [] : [{ ...row, kind }]
  }
  if (database === undefined) {
    const jobs = await conman.all(adminToken, listJobs(app.id))
    const rows = jobs.flatMap(({ id, type, state, entityId, createdAt, finishedAt, error }) =>
      rowOf(type, {
        id,
        state,
        entity: entityId ?? '',
        created_at: createdAt,
        finished_at: finishedAt,
        error: error?.slice(0, 300) ?? null,
      }),
    )
    return { source: 'http', rows }
  }
  const documents = await database.find('jobs', { app_id: { $in: [new ObjectId(app.id), app.id] } })
  const rows = documents.flatMap((row) =>
    rowOf(String(row.job_type ?? row.type), {
      id: String(row._id),
      state: String(row.state),
      entity: String(row.entity_id),
      created_at: momentOf(row.created_at),
      finished_at: momentOf(row.finished_at ?? row.completed_at),
      error: typeof row.error_message === 'string' ? row.error_message.slice(0, 300) : null,
    }),
  )
  return { source: 'mongo', rows }
}

function momentOf(value: unknown): string | null {
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString()
  return typeof value === 'string' ? value : null
}

/** How these deployments ended; one that the list does not show is left out. */
export async function deploymentsOf(
  run: Run,
  { app, adminToken }: Team,
  ids: ReadonlySet<string>,
): Promise<JobMixEvidence['deployments']> {
  const deadline = performance.now() + STATES_WITHIN_MS
  for (;;) {
    const found = (await run.target.conman.all(adminToken, listDeployments(app.id))).filter(({ id }) => ids.has(id))
    const ended = found.filter(({ state }) => !UNDER_WAY.has(state))
    if (ended.length === ids.size || performance.now() > deadline) return found.map(({ id, state }) => ({ id, state }))
    await delay(LOOK_EVERY_MS, undefined, { signal: run.signal })
  }
}
