// One run from plan to report. The order is the product: the plan stands before anything runs, evidence is on disk
// before anybody judges, and verdicts are derived from the files, exactly as `judge` would derive them next year.

import { join } from 'node:path'
import { briefForecast } from '../reports/forecast.ts'
import { type AnyCheck, CATALOGUE, catalogueHash } from './catalogue.ts'
import type { Gatherer, Limit } from './check.ts'
import { EvidenceNotWritten, HarnessError, TargetFailed, UsageError } from './errors.ts'
import { Redactor } from './evidence/redact.ts'
import { demandSchema, newRunId, openRunsFolder, RunFolder } from './evidence/store.ts'
import { hindrance } from './hindrance.ts'
import { type Judged, judgeRun, type NotGathered, type RunState } from './judge.ts'
import { mapInParallel } from './parallel.ts'
import { forecast, groupsOf, isWholeCatalogue, reachOf, SIDE_BY_SIDE } from './planning.ts'
import { writeReport } from './report-files.ts'
import type { Plan } from './result.ts'
import { applyOverrides, type Run } from './run.ts'
import { SERVER_SIDE_FILE, type ServerSideLoad } from './server-side/evidence.ts'
import { MACHINE, openSession, type SessionOptions } from './session.ts'
import { ConmanError } from './target/conman.ts'
import { lockTarget } from './target/lock.ts'
import { MADE_FILE, MadeLedger } from './target/made.ts'
import type { Target } from './target/target.ts'
import type { ToolName } from './toolchain/programs.ts'
import type { Tool } from './toolchain/resolve.ts'
import { commitOfHarness, HARNESS_VERSION } from './version.ts'

export interface ExecuteOptions extends SessionOptions {
  checks: readonly AnyCheck[]
  runsFolder: string
  /** The exact command that repeats the run. */
  command: string
  /** Leave the stack up when a MUST failed or could not be verified. */
  keepOnFailure?: boolean
}

export interface Executed extends Judged {
  folder: string
  report: string
  /** Set when the stack was left up: how to end it. */
  kept?: string
}

export async function execute(options: ExecuteOptions): Promise<Executed> {
  const { signal } = options
  const runsFolder = openRunsFolder(options.runsFolder)
  for (const name of options.overrides.keys()) demandLimit(name)
  const redactor = new Redactor()
  const id = newRunId()
  const gatherers = [...new Set(options.checks.map((check) => check.gatherer))] as Gatherer<unknown>[]

  await using session = await openSession(id, options)
  const { run, target } = session
  target.secretsInto(redactor)
  // A stack of our own is nobody else's: only what others can reach can be reached twice.
  using _lock = target.kind === 'url' ? lockTarget(target) : undefined

  const path = join(runsFolder, id)
  const folder = new RunFolder(path, redactor)
  target.recordInto?.(folder)
  const state: RunState = {
    schema: 'readiness-run/1',
    run: id,
    pid: process.pid,
    started_at: new Date().toISOString(),
    finished_at: null,
    ended: null,
    because: null,
  }
  folder.writeJson('run.json', state)
  // A stack of our own is gone with all that was made on it; elsewhere it must be found again, whatever ends this.
  using ledger = target.kind === 'url' ? new MadeLedger(join(path, MADE_FILE), redactor) : undefined
  if (ledger !== undefined) target.conman.onMade = (made) => ledger.record(made)
  const plan = await planOf(options, id, target, session.tools)
  folder.writeJson('plan.json', plan)
  sayPlan(options, target, plan)

  try {
    for (const group of groupsOf(gatherers)) {
      await mapInParallel(group, SIDE_BY_SIDE, (gatherer) => gatherOne(gatherer, run, folder))
    }
    state.ended = 'complete'
  } catch (cause) {
    if (cause instanceof EvidenceNotWritten) throw cause
    state.ended = signal.aborted ? 'interrupted' : 'failed'
    state.because = messageOf(signal.aborted ? signal.reason : cause)
  }
  await target.copyLogs((from, name) => folder.copyLog(from, `logs/${name}`))
  state.finished_at = new Date().toISOString()
  folder.writeJson('client.json', target.conman.statistics())
  folder.writeJson('run.json', state)
  if (state.ended === 'complete') folder.seal()

  const judged = judgeRun(path)
  writeVerdicts(folder, judged)
  const report = await writeReport(runsFolder, path, judged)
  folder.markLatest()
  const { exit_code } = judged.verdicts
  const kept = options.keepOnFailure && (exit_code === 1 || exit_code === 2) ? await session.keep() : undefined
  return { ...judged, folder: path, report, ...(kept ? { kept } : {}) }
}

/** Gathers once for all checks that share the evidence. What cannot be gathered says why, in a file of its own. */
async function gatherOne(gatherer: Gatherer<unknown>, run: Run, folder: RunFolder): Promise<void> {
  run.signal.throwIfAborted()
  const hindered = hindrance(gatherer, run.target, run.profile)
  if (hindered !== undefined) {
    notGathered(folder, gatherer, { ...hindered, harness_failed: false })
    return
  }
  try {
    const watched: (() => Promise<ServerSideLoad>)[] = []
    const evidence = await gatherer.gather({
      ...run,
      keepBeside: (load) => watched.push(load),
      appendLine: (file, value) => folder.appendJsonLine(`${gatherer.id}/${file}`, value),
    })
    demandSchema(gatherer.schema, evidence, `the evidence of ${gatherer.id}`)
    const loads = await Promise.all(watched.map((load) => load()))
    folder.writeJson(`${gatherer.id}/evidence.json`, evidence)
    if (loads.length > 0) {
      folder.writeJson(`${gatherer.id}/${SERVER_SIDE_FILE}`, { schema: 'readiness-server-side/1', loads })
    }
  } catch (cause) {
    run.signal.throwIfAborted()
    if (cause instanceof EvidenceNotWritten) throw cause
    run.progress.say(`${gatherer.id}: could not be gathered: ${messageOf(cause)}`)
    const ofTarget = cause instanceof ConmanError || cause instanceof TargetFailed
    notGathered(folder, gatherer, {
      because: `${ofTarget ? 'the target did not do what it rests on' : 'the harness could not gather it'}: ${messageOf(cause)}`,
      remedy: hasRemedy(cause) ? cause.remedy : 'see the logs in the run’s folder, and the target’s own',
      harness_failed: !ofTarget,
    })
  }
}

function hasRemedy(cause: unknown): cause is HarnessError | UsageError | TargetFailed {
  return cause instanceof HarnessError || cause instanceof UsageError || cause instanceof TargetFailed
}

function notGathered(folder: RunFolder, gatherer: Gatherer<unknown>, reason: Omit<NotGathered, 'schema'>): void {
  folder.writeJson(`${gatherer.id}/not-gathered.json`, { schema: 'readiness-not-gathered/1', ...reason })
}

export function writeVerdicts(folder: RunFolder, judged: Judged): void {
  for (const details of judged.details) folder.writeJson(`${details.result.id}/verdict.json`, details)
  folder.writeJson('verdicts.json', judged.verdicts)
}

async function planOf(
  options: ExecuteOptions,
  id: string,
  target: Target,
  tools: ReadonlyMap<ToolName, Tool>,
): Promise<Plan> {
  return {
    schema: 'readiness-plan/1',
    run: id,
    created_at: new Date().toISOString(),
    harness: { version: HARNESS_VERSION, commit: commitOfHarness() },
    profile: options.profile,
    random_seed: options.randomSeed,
    command: options.command,
    target: await target.fingerprint(),
    reach: reachOf(target),
    catalogue_sha256: catalogueHash(),
    whole_catalogue: isWholeCatalogue(options.checks),
    checks: options.checks.map((check) => ({
      id: check.id,
      title: check.title,
      failure_title: check.failureTitle,
      gatherer: check.gatherer.id,
      requirement: check.requirement,
      limits: Object.values(applyOverrides(check.id, check.limits as Limit[], options.overrides)),
    })),
    machine: MACHINE,
    tools: [...tools.values()].map(({ name, version, origin }) => ({ name, version, origin })),
  }
}

/** What `./readiness plan` would say of this run, in short. */
function sayPlan(options: ExecuteOptions, target: Target, plan: Plan): void {
  const { checks, profile, seedOver, overrides, progress } = options
  const expected = forecast({
    target,
    fingerprint: plan.target,
    checks,
    profile,
    seedOver,
    overridden: overrides.size > 0,
    tools: [],
  })
  for (const line of briefForecast(expected)) progress.say(line)
}

function demandLimit(name: string): void {
  const known = CATALOGUE.flatMap((check) => check.limits.map((limit) => `${check.id}.${limit.name}`))
  if (!known.includes(name)) {
    throw new UsageError(
      `there is no limit '${name}'`,
      known.length > 0 ? `the limits are ${known.join(', ')}` : 'no check has a limit',
    )
  }
}

export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
