// What a finished run comes to, in the order in which a person asks. The HTML page, the terminal and the Markdown summary
// show the same rows, the same counts and the same doubts, because they all take them from here.

import type { Limit, Outcome } from '../harness/check.ts'
import type { CheckResult, Plan, Verdicts } from '../harness/result.ts'
import { between, count, duration, instant, limitText, limitValue, plural } from './format.ts'

export interface Row extends CheckResult {
  /** False when the plan holds the check and the run left no result for it. */
  recorded: boolean
  /** The title that is true of this outcome: the failure's own when it failed. */
  heading: string
}

export interface Summary {
  rows: Row[]
  blockers: Row[]
  /** Failed SHOULD rows: shown and counted, never blocking. */
  advisories: Row[]
  notVerified: Row[]
  counts: Record<Outcome, number>
  planned: number
  /** Loud remarks about the run itself, worst first: contradictions, a run cut short, altered limits, a seeded defect. */
  warnings: Warning[]
  /** True when the verdict is not borne out by its own rows: it must not look like one. */
  disputed: boolean
  /** Why this run could never say GO; null when it could. */
  cannotGiveGo: string | null
}

export interface Warning {
  title: string
  lines: string[]
}

export const OUTCOMES: readonly Outcome[] = ['pass', 'fail', 'not-verified', 'not-applicable']

export const OUTCOME_WORDS: Readonly<Record<Outcome, string>> = {
  pass: 'pass',
  fail: 'fail',
  'not-verified': 'not verified',
  'not-applicable': 'not applicable',
}

export function summarise(plan: Plan, verdicts: Verdicts): Summary {
  const rows = inPlanOrder(plan, verdicts)
  const counts: Record<Outcome, number> = { pass: 0, fail: 0, 'not-verified': 0, 'not-applicable': 0 }
  for (const row of rows) counts[row.outcome] += 1
  const overrides = altered(plan, verdicts, rows)
  const cannotGiveGo = whyNotGo(plan, verdicts, overrides.length > 0)
  const disputes = contradictions(plan, verdicts, rows, counts, cannotGiveGo)
  return {
    rows,
    blockers: rows.filter((row) => row.outcome === 'fail' && row.level === 'MUST'),
    advisories: rows.filter((row) => row.outcome === 'fail' && row.level === 'SHOULD'),
    // What stands between the run and its verdict comes first.
    notVerified: rows
      .filter((row) => row.outcome === 'not-verified')
      .sort((a, b) => Number(b.level === 'MUST') - Number(a.level === 'MUST')),
    counts,
    planned: plan.checks.length,
    warnings: [...disputes, ...cutShort(verdicts), ...overrides, ...seeded(verdicts)],
    disputed: disputes.length > 0,
    cannotGiveGo,
  }
}

function inPlanOrder(plan: Plan, verdicts: Verdicts): Row[] {
  const results = new Map(verdicts.checks.map((result) => [result.id, result]))
  const planned = plan.checks.map((check): Row => {
    const result = results.get(check.id)
    results.delete(check.id)
    if (result) return recorded(result)
    return {
      id: check.id,
      title: check.title,
      failure_title: check.failure_title,
      level: check.requirement.level,
      requirement: check.requirement,
      outcome: 'not-verified',
      because: 'The run left no result for this check.',
      measured: null,
      limit: null,
      n: null,
      verified_by: [],
      findings: [],
      remedy: 'Run it again to the end.',
      evidence: null,
      details: null,
      recorded: false,
      heading: check.title,
    }
  })
  return [...planned, ...[...results.values()].map(recorded)]
}

function recorded(result: CheckResult): Row {
  // Where there is nothing to check there is nothing to do about it either.
  const remedy = result.outcome === 'not-applicable' ? null : result.remedy
  return { ...result, remedy, recorded: true, heading: result.outcome === 'fail' ? result.failure_title : result.title }
}

function whyNotGo(plan: Plan, verdicts: Verdicts, overridden: boolean): string | null {
  const reasons = [
    ...(verdicts.profile === 'golive' ? [] : [`its profile is ${verdicts.profile}`]),
    ...(plan.whole_catalogue ? [] : [`it asked for ${plural(plan.checks.length, 'check', 'checks')} of the catalogue`]),
    ...(overridden ? ['its limits were changed'] : []),
  ]
  return reasons.length === 0
    ? null
    : `This run cannot give GO: ${reasons.join(', and ')}. GO needs the whole catalogue under the golive profile${overridden ? ', at the requirements’ own limits' : ''}.`
}

/** A verdict that its own rows do not bear out must not be signed, however it came about. */
function contradictions(
  plan: Plan,
  verdicts: Verdicts,
  rows: Row[],
  counts: Record<Outcome, number>,
  cannotGiveGo: string | null,
): Warning[] {
  const good = verdicts.verdict === 'GO' || verdicts.verdict === 'PASS'
  const musts = rows.filter((row) => row.level === 'MUST')
  const open = musts.filter((row) => row.outcome === 'fail' || row.outcome === 'not-verified').map((row) => row.id)
  const unplanned = rows.filter((row) => !plan.checks.some((check) => check.id === row.id)).map((row) => row.id)
  const said = verdicts.counts
  const lines = [
    ...(plan.run === verdicts.run ? [] : [`The plan is of run ${plan.run}, the verdicts are of run ${verdicts.run}.`]),
    ...(cannotGiveGo !== null && (verdicts.verdict === 'GO' || verdicts.verdict === 'NO-GO')
      ? [`It says ${verdicts.verdict}, and this run cannot.`]
      : []),
    ...(good && open.length > 0
      ? [`It says ${verdicts.verdict}, and these MUST rows did not pass: ${open.join(', ')}.`]
      : []),
    ...(good && verdicts.ended !== 'complete'
      ? [`It says ${verdicts.verdict}, and the run was ${verdicts.ended}.`]
      : []),
    ...(unplanned.length > 0 ? [`These rows are not in the plan: ${unplanned.join(', ')}.`] : []),
    ...(rows.every((row) => row.recorded) && OUTCOMES.some((outcome) => said[outcome] !== counts[outcome])
      ? [
          `It counts ${OUTCOMES.map((outcome) => `${count(said[outcome])} ${OUTCOME_WORDS[outcome]}`).join(', ')}; its rows differ.`,
        ]
      : []),
  ]
  return lines.length === 0 ? [] : [{ title: 'The verdict and its own rows disagree: do not sign this.', lines }]
}

function cutShort(verdicts: Verdicts): Warning[] {
  if (verdicts.ended === 'complete') return []
  const how = verdicts.ended === 'interrupted' ? 'interrupted' : 'ended by a failure of the harness'
  return [
    {
      title: `The run was cut short: it was ${how}.`,
      lines: [verdicts.ended_because ?? 'No reason was recorded.'],
    },
  ]
}

function altered(plan: Plan, verdicts: Verdicts, rows: Row[]): Warning[] {
  const limits = plan.checks.flatMap((check) => check.limits.map((limit) => ({ id: check.id, limit })))
  const judged = rows.flatMap((row) => (row.limit ? [{ id: row.id, limit: row.limit }] : []))
  const seen = new Set<string>()
  const lines = [...limits, ...judged].flatMap(({ id, limit }) => {
    const line = overrideText(id, limit)
    if (line === null || seen.has(line)) return []
    seen.add(line)
    return [line]
  })
  // The names that the verdicts carry are the record; limits without their old value are still named.
  const told = lines.length === 0 ? verdicts.overridden_limits : lines
  return told.length === 0 ? [] : [{ title: 'Limits were changed from what the requirement says.', lines: told }]
}

function overrideText(id: string, limit: Limit): string | null {
  if (limit.overriddenFrom === undefined || limit.overriddenFrom === limit.value) return null
  return `${id} ${limit.name}: ${limitText(limit)}; the requirement says ${limitValue(limit.overriddenFrom, limit.unit)}.`
}

function seeded(verdicts: Verdicts): Warning[] {
  const defects = Object.entries(verdicts.target.settings).filter(
    ([name, value]) => /defect/i.test(name) && value !== '',
  )
  return defects.length === 0
    ? []
    : [
        {
          title: 'This target was given a known defect on purpose.',
          lines: defects.map(([name, value]) => `${name}: ${value}`),
        },
      ]
}

/** `finished 2026-11-22 05:48 UTC, took 31 min`. */
export function when(verdicts: Verdicts): string {
  if (verdicts.finished_at === null) return `started ${instant(verdicts.started_at)}, never finished`
  const took = between(verdicts.started_at, verdicts.finished_at)
  return `finished ${instant(verdicts.finished_at)}${took === null ? '' : `, took ${duration(took)}`}`
}

/** `evidence 2 h old`, as of rendering. */
export function age(verdicts: Verdicts, renderedAt: string): string {
  const ms = between(verdicts.finished_at ?? verdicts.started_at, renderedAt)
  if (ms === null) return 'evidence of unknown age'
  return ms < 0 ? 'evidence dated after this page: check the clocks' : `evidence ${duration(ms)} old`
}

export function targetName(verdicts: Verdicts): string {
  return `Conman ${verdicts.target.version ?? '(version unknown)'}`
}
