// Measured baselines of the load checks, and the limits that they are held against, as the tables of docs/scale.md. Pure: runs
// in, records and text out. A record comes from a run and from nowhere else.

import { type Static, Type } from 'typebox'
import { limitText, quantity } from '../reports/format.ts'
import { escapeMarkdown } from '../reports/markdown.ts'
import { type AnyCheck, checksNamed } from './catalogue.ts'
import { figuresOf } from './comparing.ts'
import { UsageError } from './errors.ts'
import type { CheckDetails, Plan } from './result.ts'
import { LimitSchema, Outcome, Profile } from './result.ts'

const Strict = { additionalProperties: false } as const
const TextOrNull = Type.Union([Type.String(), Type.Null()])

const BaselineSchema = Type.Object(
  {
    check: Type.String(),
    /** Which of the check's figures. */
    what: Type.String(),
    value: Type.Number(),
    unit: Type.String(),
    /** 95 % confidence; null where the run cannot say it. */
    interval: Type.Union([Type.Object({ low: Type.Number(), high: Type.Number() }, Strict), Type.Null()]),
    n: Type.Union([Type.Integer(), Type.Null()]),
    limit: LimitSchema,
    /** The check's in that run. */
    outcome: Outcome,
    profile: Profile,
    target: Type.String(),
    hardware: Type.String(),
    commit: TextOrNull,
    run: Type.String(),
    /** When the run was planned, UTC. */
    at: Type.String(),
  },
  Strict,
)
export type Baseline = Static<typeof BaselineSchema>

export const BaselinesSchema = Type.Object(
  { schema: Type.Literal('readiness-baselines/1'), baselines: Type.Array(BaselineSchema) },
  Strict,
)
export type Baselines = Static<typeof BaselinesSchema>

export interface MeasuredRun {
  plan: Plan
  details: readonly CheckDetails[]
}

/** Of which the tables tell: the load scenarios, the steady mixes, the scale tier. */
export function loadChecks(): AnyCheck[] {
  return [...checksNamed('loadtest'), ...checksNamed('scale')]
}

/**
 * What a run has to say as a baseline, and why some of its checks have nothing: a figure that was not verified is no figure of
 * the target, and one of a server with a seeded defect or against a changed limit is no baseline.
 */
export function baselinesIn({ plan, details }: MeasuredRun): { taken: Baseline[]; left: string[] } {
  const defect = plan.target.settings.CONMAN_DEFECT
  if (defect !== undefined) return { taken: [], left: [`${plan.run}: the known defect ${defect} was seeded`] }
  const ids = new Set(loadChecks().map(({ id }) => id))
  const taken: Baseline[] = []
  const left: string[] = []
  for (const one of details.filter(({ result }) => ids.has(result.id))) {
    const { id, outcome, because } = one.result
    const changed = plan.checks.some(
      (check) => check.id === id && check.limits.some((limit) => limit.overriddenFrom !== undefined),
    )
    if (changed) left.push(`${plan.run} ${id}: its limits were changed`)
    else if (outcome !== 'pass' && outcome !== 'fail') left.push(`${plan.run} ${id}: ${outcome} (${because})`)
    else taken.push(...recordsOf(plan, one))
  }
  return { taken, left }
}

function recordsOf({ run, created_at, profile, target, machine, harness }: Plan, details: CheckDetails): Baseline[] {
  return figuresOf({ details: [details] }).flatMap(({ check, what, value, unit, n, limit, interval }) =>
    limit === null || limit.compare !== 'at-most'
      ? []
      : [
          {
            check,
            what,
            value,
            unit,
            interval: interval && { low: interval.low, high: interval.high },
            n,
            limit,
            outcome: details.result.outcome,
            profile,
            target: `${target.kind} ${target.version ?? 'of unknown version'}`,
            hardware: `${machine.cpus} × ${machine.cpu_model}, ${(machine.memory_bytes / 2 ** 30).toFixed(0)} GiB`,
            commit: harness.commit,
            run,
            at: created_at,
          },
        ],
  )
}

/**
 * The newest of each figure by profile, target and hardware; the same runs a second time change nothing. In the order of the
 * catalogue.
 */
export function merged(known: readonly Baseline[], taken: readonly Baseline[]): Baseline[] {
  const newest = new Map<string, Baseline>()
  for (const one of [...known, ...taken]) {
    const key = [one.check, one.what, one.profile, one.target, one.hardware].join('\n')
    const other = newest.get(key)
    if (other === undefined || other.at <= one.at) newest.set(key, one)
  }
  const order = loadChecks().map(({ id }) => id)
  const place = ({ check }: Baseline) => (order.includes(check) ? order.indexOf(check) : order.length)
  const rest = ({ profile, hardware, target, what }: Baseline) => [profile, hardware, target, what].join('\n')
  return [...newest.values()].sort((a, b) => place(a) - place(b) || rest(a).localeCompare(rest(b), 'en'))
}

export function baselineTable(baselines: readonly Baseline[]): string {
  const rows = baselines.map((one) => [
    one.check,
    one.what,
    `${quantity(one.value, one.unit)}${one.interval === null ? '' : ` (${quantity(one.interval.low, one.unit)} to ${quantity(one.interval.high, one.unit)})`}`,
    one.n === null ? '' : String(one.n),
    limitText(one.limit),
    one.outcome,
    one.profile,
    escapeMarkdown(one.target),
    escapeMarkdown(one.hardware),
    one.commit?.slice(0, 12) ?? 'unknown',
    one.at.slice(0, 10),
  ])
  const columns = [
    'check',
    'figure',
    'measured (95 % interval)',
    'n',
    'limit',
    'outcome',
    'profile',
    'target',
    'hardware',
    'commit',
    'date',
  ]
  return tableOf(columns, rows)
}

export function limitTable(checks: readonly AnyCheck[]): string {
  const rows = checks.flatMap(({ id, requirement, limits }) =>
    (limits as { name: string }[]).length === 0
      ? [[id, requirement.level, requirement.text, 'see there', requirement.source]]
      : limits.map((limit) => [id, requirement.level, `\`${limit.name}\``, limitText(limit), limit.source]),
  )
  return tableOf(['check', 'level', 'what', 'limit', 'source'], rows)
}

function tableOf(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(columns), `|${columns.map(() => '---|').join('')}`, ...rows.map(line)].join('\n')
}

const begin = (name: string) => `<!-- ${name}: written by ./readiness baselines -->`
const end = (name: string) => `<!-- end of ${name} -->`

/** Puts a table between its two marks and leaves everything else as it is. */
export function withTable(text: string, name: 'limits' | 'baselines', table: string): string {
  const from = text.indexOf(begin(name))
  const to = text.indexOf(end(name), from)
  if (from < 0 || to < 0) {
    throw new UsageError(
      `the page has no place for the ${name}`,
      `put these two lines into it: ${begin(name)} and ${end(name)}`,
    )
  }
  return `${text.slice(0, from)}${begin(name)}\n\n${table}\n\n${text.slice(to)}`
}
