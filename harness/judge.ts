// From a run's folder to its verdicts: offline, without a stack, the same every time. This is the only place where a
// check's outcome becomes GO, PASS or an exit code.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Static, Type } from 'typebox'
import { type AnyCheck, CATALOGUE } from './catalogue.ts'
import type { Limits, Lines, Verdict } from './check.ts'
import { EXIT, UsageError } from './errors.ts'
import { brokenSeals, demandSchema, readJsonFile, readJsonLines } from './evidence/store.ts'
import { type CheckDetails, type CheckResult, type Plan, PlanSchema, type Verdicts } from './result.ts'
import { SERVER_SIDE_FILE, type ServerSide, ServerSideSchema } from './server-side/evidence.ts'
import { withServerSide } from './server-side/shown.ts'

/** `runs/<id>/run.json`: how the run is going, and how it ended. */
export const RunStateSchema = Type.Object({
  schema: Type.Literal('readiness-run/1'),
  run: Type.String(),
  pid: Type.Integer(),
  started_at: Type.String(),
  finished_at: Type.Union([Type.String(), Type.Null()]),
  /** Null while it runs; so it stays when the process was killed. */
  ended: Type.Union([Type.Literal('complete'), Type.Literal('interrupted'), Type.Literal('failed'), Type.Null()]),
  because: Type.Union([Type.String(), Type.Null()]),
})
export type RunState = Static<typeof RunStateSchema>

/** `runs/<id>/<gatherer>/not-gathered.json`: why there is no evidence. */
export const NotGatheredSchema = Type.Object({
  schema: Type.Literal('readiness-not-gathered/1'),
  because: Type.String(),
  remedy: Type.String(),
  /** The target's shape leaves nothing to check: `because` says why. */
  not_applicable: Type.Optional(Type.Boolean()),
  /** The harness's own failure, apart from a capability that the target did not hand over. */
  harness_failed: Type.Boolean(),
})
export type NotGathered = Static<typeof NotGatheredSchema>

export interface Judged {
  plan: Plan
  verdicts: Verdicts
  details: CheckDetails[]
}

/**
 * Judges a run from its files. Evidence that is cut short, altered since it was sealed, or of another schema is an
 * error (UsageError), never a verdict.
 */
export function judgeRun(path: string): Judged {
  const plan = readJsonFile(join(path, 'plan.json'))
  demandSchema(PlanSchema, plan, join(path, 'plan.json'))
  const state = readRunState(path)
  const details = (plan as Plan).checks.map((planned, index, all) =>
    // The checks of one load share its evidence, and the first of them shows the server's side of it.
    judgeCheck(path, planned, state, all.findIndex(({ gatherer }) => gatherer === planned.gatherer) === index),
  )
  return { plan: plan as Plan, verdicts: summarize(plan as Plan, state, details, path), details }
}

function readRunState(path: string): RunState {
  const file = join(path, 'run.json')
  if (!existsSync(file)) {
    return {
      schema: 'readiness-run/1',
      run: '',
      pid: 0,
      started_at: '',
      finished_at: null,
      ended: 'failed',
      because: 'run.json is missing: how the run ended is not known',
    }
  }
  const state = readJsonFile(file)
  demandSchema(RunStateSchema, state, file)
  return state as RunState
}

function judgeCheck(
  path: string,
  planned: Plan['checks'][number],
  state: RunState,
  firstOfGatherer: boolean,
): CheckDetails {
  const evidenceFile = `${planned.gatherer}/evidence.json`
  const found = existsSync(join(path, evidenceFile))
  const judged = found ? evaluateFrom(path, evidenceFile, planned) : withoutEvidence(path, planned, state)
  const serverSide = found ? readServerSide(path, planned.gatherer) : null
  const verdict = serverSide === null ? judged : withServerSide(judged, serverSide, firstOfGatherer)
  const result: CheckResult = {
    id: planned.id,
    title: planned.title,
    failure_title: planned.failure_title,
    level: planned.requirement.level,
    requirement: planned.requirement,
    outcome: verdict.outcome,
    because: verdict.because,
    measured: verdict.measured ?? null,
    limit: verdict.limit ?? null,
    n: verdict.n ?? null,
    verified_by: verdict.verifiedBy,
    findings: verdict.findings,
    remedy: verdict.remedy ?? null,
    ...(verdict.notes === undefined ? {} : { notes: verdict.notes }),
    evidence: found ? evidenceFile : null,
    details: `${planned.id}/verdict.json`,
  }
  return { schema: 'readiness-check/1', result, charts: verdict.charts, tables: verdict.tables }
}

/** Null: the check makes no load, or the run is of a version that watched none. */
function readServerSide(path: string, gatherer: string): ServerSide | null {
  const file = join(path, gatherer, SERVER_SIDE_FILE)
  if (!existsSync(file)) return null
  const serverSide = readJsonFile(file)
  demandSchema(ServerSideSchema, serverSide, file)
  return serverSide as ServerSide
}

function evaluateFrom(path: string, evidenceFile: string, planned: Plan['checks'][number]): Verdict {
  const check = CATALOGUE.find((candidate) => candidate.id === planned.id)
  if (!check) {
    return unverified(
      `this version of the harness has no check ${planned.id}`,
      'judge the run with the version that made it',
    )
  }
  const evidence = readJsonFile(join(path, evidenceFile))
  demandSchema(check.gatherer.schema, evidence, join(path, evidenceFile))
  // The limits are the run's own, as they stood in its plan: overrides and all.
  const limits: Limits = Object.fromEntries(planned.limits.map((limit) => [limit.name, limit]))
  return evaluateSafely(check, evidence, limits, (file) => readJsonLines(join(path, planned.gatherer, file)))
}

/**
 * A check that throws says nothing about the target: not verified, and the harness's fault. Lines that cannot be read are
 * the same as evidence that cannot: an error.
 */
export function evaluateSafely(check: AnyCheck, evidence: unknown, limits: Limits, lines: Lines = () => []): Verdict {
  try {
    return check.evaluate(evidence, limits, lines)
  } catch (cause) {
    if (cause instanceof UsageError) throw cause
    return unverified(
      `the check itself failed: ${cause instanceof Error ? cause.message : String(cause)}`,
      'this is a fault of the harness: report it with the run’s evidence',
    )
  }
}

function withoutEvidence(path: string, planned: Plan['checks'][number], state: RunState): Verdict {
  const file = join(path, planned.gatherer, 'not-gathered.json')
  if (existsSync(file)) {
    const reason = readJsonFile(file)
    demandSchema(NotGatheredSchema, reason, file)
    const { because, remedy, not_applicable } = reason as NotGathered
    const verdict = unverified(because, remedy)
    return not_applicable ? { ...verdict, outcome: 'not-applicable' } : verdict
  }
  return unverified(
    state.ended === 'complete'
      ? 'its evidence is missing from the run'
      : `the run was cut short before it (${state.because ?? 'its process ended without closing the run'})`,
    'run it again',
  )
}

function unverified(because: string, remedy: string): Verdict {
  return { outcome: 'not-verified', because, verifiedBy: [], findings: [], charts: [], tables: [], remedy }
}

function harnessFailed(path: string, plan: Plan): boolean {
  return plan.checks.some(({ gatherer }) => {
    const file = join(path, gatherer, 'not-gathered.json')
    return existsSync(file) && (readJsonFile(file) as NotGathered).harness_failed === true
  })
}

function summarize(plan: Plan, state: RunState, details: readonly CheckDetails[], path: string): Verdicts {
  const checks = details.map(({ result }) => result)
  const counts = { pass: 0, fail: 0, 'not-verified': 0, 'not-applicable': 0 }
  for (const { outcome } of checks) counts[outcome] += 1
  const ended = state.ended ?? 'interrupted'
  const overridden = plan.checks.flatMap(({ id, limits }) =>
    limits
      .filter((limit) => limit.overriddenFrom !== undefined)
      .map((limit) =>
        `${id}.${limit.name}: ${limit.value} ${limit.unit} instead of ${limit.overriddenFrom} ${limit.unit}`.replace(
          / +/g,
          ' ',
        ),
      ),
  )
  const must = checks.filter((check) => check.level === 'MUST')
  const failed = must.filter((check) => check.outcome === 'fail')
  const open = must.filter((check) => check.outcome === 'not-verified')
  const canGo = plan.profile === 'golive' && plan.whole_catalogue && overridden.length === 0
  const decided = decide({
    must: must.length,
    failed: failed.map(({ id }) => id),
    open: open.map(({ id }) => id),
    canGo,
    ended,
    because: state.because,
  })
  return {
    schema: 'readiness-verdicts/1',
    run: plan.run,
    target: plan.target,
    profile: plan.profile,
    ended,
    ended_because: ended === 'complete' ? null : (state.because ?? 'its process ended without closing the run'),
    started_at: state.started_at,
    finished_at: state.finished_at,
    ...decided,
    exit_code: exitCodeOf({
      ended,
      harnessFailed: harnessFailed(path, plan),
      failed: failed.length,
      open: open.length,
    }),
    counts,
    overridden_limits: overridden,
    checks,
  }
}

/** The words of decisions, 'Verdicts': GO and NO-GO only for the whole catalogue under golive. */
export function decide(input: {
  must: number
  failed: readonly string[]
  open: readonly string[]
  canGo: boolean
  ended: Verdicts['ended']
  because: string | null
}): Pick<Verdicts, 'verdict' | 'because'> {
  const { failed, open, canGo } = input
  if (failed.length > 0) {
    return {
      verdict: canGo ? 'NO-GO' : 'FAIL',
      because: `${count(failed.length, 'MUST')} failed: ${failed.join(', ')}`,
    }
  }
  if (input.ended !== 'complete') {
    return {
      verdict: canGo ? 'NO-GO' : 'INCOMPLETE',
      because: `the run was cut short: ${input.because ?? 'its process ended'}`,
    }
  }
  if (open.length > 0) {
    return {
      verdict: canGo ? 'NO-GO' : 'INCOMPLETE',
      because: `${count(open.length, 'MUST')} could not be verified: ${open.join(', ')}`,
    }
  }
  if (input.must === 0) return { verdict: 'INCOMPLETE', because: 'no MUST was part of this run' }
  return { verdict: canGo ? 'GO' : 'PASS', because: `${count(input.must, 'MUST')} passed` }
}

function count(n: number, what: string): string {
  return n === 1 ? `1 ${what}` : `${n} ${what}s`
}

/** Precedence 130 > 4 > 1 > 2 > 0 (3 never reaches a run). SHOULD never changes it. */
export function exitCodeOf(input: {
  ended: Verdicts['ended']
  harnessFailed: boolean
  failed: number
  open: number
}): number {
  if (input.ended === 'interrupted') return EXIT.interrupted
  if (input.ended === 'failed' || input.harnessFailed) return EXIT.harness
  if (input.failed > 0) return EXIT.mustFailed
  if (input.open > 0) return EXIT.mustNotVerified
  return EXIT.ok
}

/** Null: intact. Otherwise what is wrong with the seal, for a warning beside the verdicts. */
export function sealComplaint(path: string): string | null {
  const broken = brokenSeals(path)
  if (broken === null) return 'the run was never sealed: it was cut short'
  if (broken.length > 0) return `altered since the run was sealed: ${broken.join(', ')}`
  return null
}
