// Figures of the harness and the bundled Conman on this machine: how long a stack takes, how fast the seed and L1 are,
// what each process needs. Not a test: no figure passes or fails here. `wanted` says what was aimed at.

import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { editorUsers } from '../scenarios/L1/gather.ts'
import type { ReadSettings } from '../scenarios/lib/read-settings.ts'
import type { EditSettings } from '../scenarios/lib/settings.ts'
import { type SeededApp, seedEditors } from '../seed/editors.ts'
import { selectChecks } from './catalogue.ts'
import { newRunId, openRunsFolder } from './evidence/store.ts'
import { execute } from './execute.ts'
import { type K6Result, type K6Sample, runK6 } from './k6.ts'
import type { Progress } from './progress.ts'
import { writeReport } from './report-files.ts'
import type { Run } from './run.ts'
import { MACHINE, openSession } from './session.ts'
import { ascending, percentile } from './statistics.ts'
import { openTarget, targetOptions } from './target/open.ts'
import { commitOfHarness } from './version.ts'

export interface Figure {
  name: string
  value: number
  unit: string
  wanted?: string
  n?: number
}

export interface Bench {
  schema: 'readiness-bench/1'
  at: string
  commit: string | null
  machine: typeof MACHINE
  figures: Figure[]
}

const CONNECTIONS = 50
const READS_S = 8
/** Edits a user in the throughput figure: enough for a p99 (299) many times over. */
const FILES_PER_USER = 60
const WARM_UP_FILES_PER_USER = 10

export async function bench(options: {
  runsFolder: string
  progress: Progress
  signal: AbortSignal
}): Promise<{ bench: Bench; file: string }> {
  const { progress, signal } = options
  const runsFolder = openRunsFolder(options.runsFolder)
  const id = newRunId()
  const figures: Figure[] = []
  const add = (name: string, value: number, unit: string, wanted?: string, n?: number) => {
    figures.push({ name, value, unit, ...(wanted ? { wanted } : {}), ...(n ? { n } : {}) })
    progress.say(`${name}: ${value.toFixed(value < 10 ? 2 : 0)} ${unit}${wanted ? ` (wanted ${wanted})` : ''}`)
  }
  const session = (seedOver: 'http' | 'database') =>
    openSession(`bench-${id}`, {
      profile: 'standard',
      randomSeed: 1,
      overrides: new Map(),
      seedOver,
      target: targetOptions({}),
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
    if (seedOver === 'http') continue

    const targets = (path: (workspaceId: string) => string) =>
      seeded.users.map((user) => ({
        token: user.token,
        path: `/api/apps/${seeded.app.id}/workspaces/${user.workspace.id}${path(user.workspace.id)}`,
      }))
    await reads(
      run,
      add,
      'plain file reads',
      targets(() => '/files?path=README.md'),
    )
    await reads(
      run,
      add,
      'plain listings',
      targets(() => '/files'),
    )
    // Just-in-time compilation is not what is measured: a first round warms up, and is not looked at.
    await edits(run, seeded, `bench-warm-${id}`, WARM_UP_FILES_PER_USER)
    const { samples } = await edits(run, seeded, `bench-${id}`, FILES_PER_USER)
    addLoad(add, `edits by ${CONNECTIONS} users`, samples, 'edits/s', '≥ 200 edits/s', 'p99 ≤ 400 ms')
    for (const process of run.target.memory?.() ?? []) add(`memory of ${process.name}`, process.rss_bytes / 1e6, 'MB')
  }

  const finished = await execute({
    checks: selectChecks(['L1'], 'standard'),
    runsFolder,
    command: './readiness bench',
    profile: 'standard',
    randomSeed: 1,
    overrides: new Map(),
    seedOver: 'database',
    target: targetOptions({}),
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

async function edits(run: Run, seeded: SeededApp, key: string, filesPerUser: number): Promise<K6Result> {
  return runK6(run, {
    entry: fileURLToPath(new URL('../scenarios/L1/script.ts', import.meta.url)),
    settings: {
      run: key,
      scenario: 'L1',
      baseUrl: run.target.baseUrl,
      users: editorUsers(seeded),
      filesPerUser,
      latencyLimitMs: 2_000,
      failedShareMax: 0,
      durationS: 0,
      pauseS: 0,
      ratePerS: 0,
      requestTimeoutS: 30,
    } satisfies EditSettings,
    metrics: ['edit_ms'],
    bound_s: 300,
    label: `edits, ${filesPerUser} by each user`,
  })
}

type Add = (name: string, value: number, unit: string, wanted?: string, n?: number) => void

async function reads(run: Run, add: Add, name: string, targets: ReadSettings['targets']): Promise<void> {
  const { samples } = await runK6(run, {
    entry: fileURLToPath(new URL('../scenarios/lib/reads.ts', import.meta.url)),
    settings: {
      baseUrl: run.target.baseUrl,
      connections: CONNECTIONS,
      durationS: READS_S,
      targets,
      name,
    } satisfies ReadSettings,
    metrics: ['read_ms'],
    bound_s: READS_S + 60,
    label: name,
  })
  addLoad(add, `${name} on ${CONNECTIONS} connections`, samples, 'reads/s')
}

function addLoad(
  add: Add,
  name: string,
  samples: readonly K6Sample[],
  unit: string,
  wantedRate?: string,
  wantedP99?: string,
): void {
  const ended = samples.filter((sample) => sample.tags.status !== undefined)
  const good = ended.filter((sample) => sample.tags.status?.startsWith('2'))
  if (good.length < ended.length || good.length === 0)
    add(`${name}: not answered with 2xx`, ended.length - good.length, `of ${ended.length}`)
  if (good.length === 0) return
  const durations = ascending(good.map((sample) => sample.value))
  // A sample is taken when its request ended.
  const first = Math.min(...good.map((sample) => sample.time_ms - sample.value))
  const last = Math.max(...good.map((sample) => sample.time_ms))
  add(`${name}: rate`, good.length / ((last - first) / 1_000), unit, wantedRate, good.length)
  add(`${name}: p99`, percentile(durations, 0.99), 'ms', wantedP99, good.length)
}

function seconds(started: number): number {
  return (performance.now() - started) / 1_000
}

/** The table of docs/benchmarks.md: a file of figures by hardware and commit, filled by the command and never by hand. */
export function benchMarkdown(file: string): string {
  const { at, commit, machine, figures } = JSON.parse(readFileSync(file, 'utf8')) as Bench
  const rows = figures.map(
    ({ name, value, unit, wanted, n }) =>
      `| ${name} | ${value.toFixed(value < 10 ? 2 : 0)} ${unit} | ${wanted ?? ''} | ${n ?? ''} |`,
  )
  return [
    `Measured ${at.slice(0, 10)} at commit ${commit ?? 'unknown'} on ${machine.cpus} × ${machine.cpu_model}, ${(machine.memory_bytes / 2 ** 30).toFixed(0)} GiB, by \`make bench\`.`,
    '',
    '| what | measured | wanted | n |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}
