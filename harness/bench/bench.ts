// Figures of the harness and the bundled Conman on this machine: how long a stack takes, how fast seed, requests and jobs
// are, what each process needs. Not a test: no figure passes or fails here. `wanted` says what was aimed at.

import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { seedChangesets } from '../../seed/changesets.ts'
import { type SeededApp, seedEditors } from '../../seed/editors.ts'
import { selectChecks } from '../catalogue.ts'
import { HarnessError } from '../errors.ts'
import { newRunId, openRunsFolder } from '../evidence/store.ts'
import { execute } from '../execute.ts'
import type { Progress } from '../progress.ts'
import { writeReport } from '../report-files.ts'
import type { Run } from '../run.ts'
import { MACHINE, openSession } from '../session.ts'
import { waitFor } from '../stack/wait-for.ts'
import { listJobs } from '../target/conman/jobs.ts'
import { openTarget } from '../target/open.ts'
import { referenceOptions } from '../target/options.ts'
import { resolveTool, type Tool } from '../toolchain/resolve.ts'
import { commitOfHarness } from '../version.ts'
import { crossCheck } from './cross-check.ts'
import { type AddFigure, type Bench, collectInto, type Figure } from './figures.ts'
import { addLoad, CONNECTIONS, editFiles, sendRequests, spanOf } from './load.ts'

const LOAD_S = 8
/** Edits a user in the throughput figure: enough for a p99 (299) many times over. */
const FILES_PER_USER = 60
const WARM_UP_FILES_PER_USER = 10
/** L7's volume, of which a page of 20 is listed. */
const QUEUED = 500
const DRAFTS = 1_000
/** L3's volume. */
const REVALIDATED = 140
const RELEASED = 10
const WORKERS = 3

export async function bench(options: {
  runsFolder: string
  progress: Progress
  signal: AbortSignal
}): Promise<{ bench: Bench; file: string }> {
  const { progress, signal } = options
  const runsFolder = openRunsFolder(options.runsFolder)
  const id = newRunId()
  const figures: Figure[] = []
  // Built where it is missing: not while something is measured.
  const vegeta = await resolveTool('vegeta', { install: true, onProgress: progress.say, signal })
  const add = collectInto(figures, progress)
  const session = (seedOver: 'http' | 'database', sizes: { workers?: number } = {}) =>
    openSession(`bench-${id}`, {
      profile: 'standard',
      randomSeed: 1,
      overrides: new Map(),
      seedOver,
      target: referenceOptions(sizes),
      openTarget,
      progress,
      signal,
    })

  for (const seedOver of ['http', 'database'] as const) {
    const started = performance.now()
    await using opened = await session(seedOver)
    const { run } = opened
    add(`stack up to ready (${seedOver === 'http' ? 'first' : 'second'} of two)`, seconds(started), 's', '≤ 4 s')
    const seeding = performance.now()
    const seeded = await seedEditors(run, { users: CONNECTIONS })
    add(
      `seed of ${CONNECTIONS} users and workspaces, over ${seedOver}`,
      seconds(seeding),
      's',
      seedOver === 'http' ? '≤ 10 s' : '≤ 5 s',
    )
    if (seedOver === 'database') await loads(run, seeded, { id, vegeta }, add)
  }
  {
    await using opened = await session('database', { workers: WORKERS })
    await revalidations(opened.run, add)
  }

  const finished = await execute({
    checks: selectChecks(['L1'], 'standard'),
    runsFolder,
    command: './readiness bench',
    profile: 'standard',
    randomSeed: 1,
    overrides: new Map(),
    seedOver: 'database',
    target: referenceOptions(),
    openTarget,
    progress,
    signal,
  })
  const rendering = performance.now()
  const report = await writeReport(runsFolder, finished.folder, finished)
  add('report rendering', seconds(rendering), 's', '≤ 2 s')
  add('report size', statSync(report).size / 1e6, 'MB', '≤ 3 MB')

  const result: Bench = {
    schema: 'readiness-bench/1',
    at: new Date().toISOString(),
    commit: commitOfHarness(),
    machine: MACHINE,
    figures,
  }
  const file = join(runsFolder, `bench-${id}.json`)
  writeFileSync(file, `${JSON.stringify(result, null, 1)}\n`)
  return { bench: result, file }
}

/** Requests of each kind at 50 connections, beside which k6 takes its share of the same cores. */
async function loads(
  run: Run,
  seeded: SeededApp,
  { id, vegeta }: { id: string; vegeta: Tool },
  add: AddFigure,
): Promise<void> {
  const { app, users } = seeded
  const get = (path: (workspaceId: string) => string) =>
    users.map(({ token, workspace }) => ({
      method: 'GET' as const,
      token,
      path: `/api/apps/${app.id}${path(workspace.id)}`,
    }))
  const measure = async (name: string, requests: ReturnType<typeof get>, unit: string, wanted = {}) =>
    addLoad(add, name, await sendRequests(run, { name, requests, durationS: LOAD_S }), unit, wanted)

  await measure(
    `file reads on ${CONNECTIONS} connections`,
    get((workspace) => `/workspaces/${workspace}/files?path=README.md`),
    'reads/s',
  )
  await measure(
    `directory listings on ${CONNECTIONS} connections`,
    get((workspace) => `/workspaces/${workspace}/files`),
    'listings/s',
  )
  await seedChangesets(run, seeded, { count: QUEUED, state: 'queued', label: 'bench/queued', commits: false })
  await measure(
    `listings of 20 of ${QUEUED} queued changesets on ${CONNECTIONS} connections`,
    get(() => '/changesets?state=queued'),
    'listings/s',
    { rate: '≥ 1000 listings/s', p99: '≤ 150 ms' },
  )
  await crossCheck(run, vegeta, { ...seeded, queued: QUEUED }, add)
  await submissions(run, seeded, add)

  // Just-in-time compilation is not what is measured: a first round warms up, and is not looked at.
  await editFiles(run, seeded, `bench-warm-${id}`, WARM_UP_FILES_PER_USER)
  const { samples } = await editFiles(run, seeded, `bench-${id}`, FILES_PER_USER)
  addLoad(add, `edits by ${CONNECTIONS} users`, samples, 'edits/s', { rate: '≥ 200 edits/s', p99: '≤ 400 ms' })

  const logins = users.map(({ email }) => ({
    method: 'POST' as const,
    path: '/api/auth/login',
    body: { email, password: run.target.admin.password },
  }))
  const name = `logins on ${CONNECTIONS} connections`
  addLoad(add, name, await sendRequests(run, { name, requests: logins, durationS: LOAD_S }), 'logins/s')

  for (const process of run.target.memory?.() ?? []) add(`memory of ${process.name}`, process.rss_bytes / 1e6, 'MB')
}

async function submissions(run: Run, seeded: SeededApp, add: AddFigure): Promise<void> {
  const { app } = seeded
  const drafts = await seedChangesets(run, seeded, {
    count: DRAFTS + CONNECTIONS,
    state: 'draft',
    label: 'bench/draft',
    commits: false,
  })
  const requests = drafts.map(({ id, author }) => ({
    method: 'POST' as const,
    token: author.token,
    path: `/api/apps/${app.id}/changesets/${id}/submit`,
    body: {},
  }))
  const burst = requests.splice(0, CONNECTIONS)
  const name = `submits on ${CONNECTIONS} connections`
  addLoad(add, name, await sendRequests(run, { name, requests, durationS: 0 }), 'submits/s')
  await jobsDone(run, seeded, 'msuite_submit', DRAFTS)
  // A submit is answered once its job is in the queue.
  const samples = await sendRequests(run, { name: 'submits at once', requests: burst, durationS: 0 })
  add(`${CONNECTIONS} submits at once: all enqueued after`, spanOf(samples), 's', '≤ 1 s', samples.length)
  await jobsDone(run, seeded, 'msuite_submit', DRAFTS + CONNECTIONS)
}

/** L3's shape: what is left in the queue is looked at again after a release, by several workers. */
async function revalidations(run: Run, add: AddFigure): Promise<void> {
  const seeded = await seedEditors(run, { users: CONNECTIONS })
  const { app, adminToken } = seeded
  const { conman } = run.target
  const queued = await seedChangesets(run, seeded, {
    count: REVALIDATED + RELEASED,
    state: 'queued',
    label: 'bench/revalidated',
    commits: true,
  })
  const first = queued.slice(0, RELEASED).map(({ id }) => id)
  const { id: release } = await conman.createRelease(adminToken, app.id, first)
  const assembling = performance.now()
  const job = await conman.assemble(adminToken, app.id, release, { within_ms: 120_000 })
  if (job.state !== 'succeeded')
    throw new HarnessError(`the release was not assembled: its job is ${job.state}`, 'see the worker’s log')
  add(`release of ${RELEASED} changesets assembled after`, seconds(assembling), 's')
  const publishing = performance.now()
  await conman.publish(adminToken, app.id, release)
  await jobsDone(run, seeded, 'revalidate_queued_changeset', REVALIDATED)
  add(`${REVALIDATED} revalidations by ${WORKERS} workers, from publishing on`, seconds(publishing), 's', '≤ 60 s')
}

const JOBS_WITHIN_MS = 300_000

async function jobsDone(run: Run, { app, adminToken }: SeededApp, type: string, count: number): Promise<void> {
  const { conman } = run.target
  await waitFor(
    async () => {
      const failed = await conman.count(adminToken, listJobs(app.id, { type, state: 'failed' }))
      if (failed > 0) throw new HarnessError(`${failed} jobs of type ${type} failed`, 'see the worker’s log')
      return (await conman.count(adminToken, listJobs(app.id, { type, state: 'succeeded' }))) >= count
    },
    { what: `${count} jobs of type ${type} to succeed`, within_ms: JOBS_WITHIN_MS, every_ms: 100 },
  )
}

function seconds(started: number): number {
  return (performance.now() - started) / 1_000
}
