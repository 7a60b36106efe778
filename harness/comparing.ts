// Two runs side by side: each measured value with its ratio, and whether the difference is more than what the same thing
// shows when it is measured again. That noise is measured from repeated runs; without them nothing is called a difference.

import type { CheckDetails, CheckResult, Plan } from './result.ts'
import { ascending, percentileInterval } from './statistics.ts'

export interface ComparableRun {
  plan: Plan
  details: readonly CheckDetails[]
}

export type Judgement = 'no worse' | 'worse' | 'better' | 'cannot say'

export interface Side {
  /** The median, where there are several runs. */
  value: number
  n: number | null
  /** By order statistics, where the run kept the samples and they suffice. Of the first run of this side. */
  interval: { low: number; high: number } | null
}

export interface Comparison {
  check: string
  what: string
  unit: string
  baseline: Side | null
  contender: Side | null
  /** Of the contender to the baseline; the median of the pairs. Null where one of them is missing or zero. */
  ratio: number | null
  /** Two runs of the same thing differ by less than this factor in 19 of 20 cases; null: not measured. */
  noise: Noise | null
  judgement: Judgement
  because: string
}

export interface Noise {
  factor: number
  runs: number
  /** Of the repeated runs, each against the next: the median ratio, and the largest. */
  median_ratio: number
  largest_ratio: number
}

export interface CompareResult {
  judgement: Judgement
  /** What differs between the runs beside what was measured. */
  differs: string[]
  comparisons: Comparison[]
}

/** What must be the same for figures to be comparable; said in words, empty when nothing differs. */
export function differences(runs: readonly ComparableRun[], repeated: readonly ComparableRun[]): string[] {
  const all = [...runs, ...repeated]
  const said = (what: string, of: readonly ComparableRun[], read: (plan: Plan) => string) => {
    const values = [...new Set(of.map(({ plan }) => read(plan)))]
    return values.length > 1 ? [`${what}: ${values.join(' and ')}`] : []
  }
  return [
    ...said('catalogue', all, (plan) => plan.catalogue_sha256.slice(0, 12)),
    ...said('profile', all, (plan) => plan.profile),
    ...said('kind of target', all, (plan) => plan.target.kind),
    ...said('machine', all, ({ machine }) => `${machine.cpus} × ${machine.cpu_model}`),
    // Noise is what is left when nothing else changes.
    ...said('commit of the repeated runs', repeated, (plan) => plan.harness.commit ?? 'unknown'),
    ...said(
      'target of the repeated runs',
      repeated,
      ({ target }) => `${target.kind === 'url' ? target.address : target.kind} ${target.version}`,
    ),
    ...said('settings of the repeated runs', repeated, ({ target }) => JSON.stringify(target.settings)),
  ]
}

export function compareRuns(
  baseline: readonly ComparableRun[],
  contender: readonly ComparableRun[],
  repeated: readonly ComparableRun[],
): CompareResult {
  const keys = new Map<string, Figure>()
  for (const run of [...baseline, ...contender]) for (const figure of figuresOf(run)) keys.set(figure.key, figure)
  const comparisons = [
    ...outcomeChanges(baseline, contender),
    ...[...keys.values()].map((figure) => compareFigure(figure, baseline, contender, repeated)),
  ]
  return {
    judgement: worstOf(comparisons.map(({ judgement }) => judgement)),
    differs: differences([...baseline, ...contender], repeated),
    comparisons,
  }
}

export interface Figure {
  key: string
  check: string
  what: string
  unit: string
  value: number
  n: number | null
  better: 'lower' | 'higher' | undefined
  limit: CheckResult['limit']
  interval: Side['interval']
}

/** Every measured value of a run: a check's own, and those of its claims. The check's own is one of these, most often. */
export function figuresOf({ details }: Pick<ComparableRun, 'details'>): Figure[] {
  return details.flatMap(({ result, charts }) => {
    const own = result.measured
    const measured = [
      { claim: '', measured: own, limit: result.limit, n: result.n },
      ...result.findings.map((finding) => ({
        claim: finding.claim,
        measured: finding.measured ?? null,
        limit: finding.limit ?? null,
        n: finding.n ?? null,
      })),
    ]
    const figures = new Map<string, Figure>()
    for (const { claim, measured: it, limit, n } of measured) {
      if (it === null) continue
      const isOwn = claim === '' || (own !== null && it.value === own.value && nameOf(it) === nameOf(own))
      const what = isOwn ? nameOf(it) : `${nameOf(it)} (${claim})`
      const key = `${result.id} ${what} ${it.unit}`
      const interval = it.interval ?? intervalOf(it.label, it.unit, charts)
      const known = figures.get(key)
      if (known !== undefined) known.interval = it.interval ?? known.interval
      else {
        const better = directionOf(limit)
        figures.set(key, { key, check: result.id, what, unit: it.unit, value: it.value, n, better, limit, interval })
      }
    }
    return [...figures.values()]
  })
}

/** 'slowest of 250' and 'slowest of 249' are the same figure of two runs. */
function nameOf({ label }: { label: string }): string {
  return label.replace(/ of \d+$/, '')
}

function directionOf(limit: CheckResult['limit']): Figure['better'] {
  if (limit === null) return undefined
  return limit.compare === 'at-most' ? 'lower' : limit.compare === 'at-least' ? 'higher' : undefined
}

function intervalOf(label: string, unit: string, charts: CheckDetails['charts']): Side['interval'] {
  const q = Number(/^p(\d+(?:\.\d+)?)\b/.exec(label)?.[1]) / 100
  const samples = charts.find((chart) => chart.kind === 'distribution' && chart.unit === unit)
  if (!(q > 0 && q < 1) || samples?.kind !== 'distribution') return null
  const interval = percentileInterval(ascending(samples.values), q)
  return interval && { low: interval.low, high: interval.high }
}

function compareFigure(
  figure: Figure,
  baseline: readonly ComparableRun[],
  contender: readonly ComparableRun[],
  repeated: readonly ComparableRun[],
): Comparison {
  const of = (runs: readonly ComparableRun[]) =>
    runs.flatMap((run) => figuresOf(run).filter(({ key }) => key === figure.key))
  const [before, after] = [of(baseline), of(contender)]
  const pairs = before.slice(0, after.length).map(({ value }, index) => after[index]!.value / value)
  const ratio = pairs.length === 0 || pairs.some((pair) => !Number.isFinite(pair) || pair <= 0) ? null : median(pairs)
  const noise = noiseOf(of(repeated).map(({ value }) => value))
  const complete = before.length === baseline.length && after.length === contender.length
  return {
    check: figure.check,
    what: figure.what,
    unit: figure.unit,
    baseline: sideOf(before),
    contender: sideOf(after),
    ratio,
    noise,
    ...judge({ ratio, noise, complete, better: figure.better, pairs: pairs.length, same: isSame(before, after) }),
  }
}

function isSame(before: readonly Figure[], after: readonly Figure[]): boolean {
  const values = new Set([...before, ...after].map(({ value }) => value))
  return before.length > 0 && after.length > 0 && values.size === 1
}

function judge(it: {
  ratio: number | null
  noise: Noise | null
  complete: boolean
  better: Figure['better']
  pairs: number
  same: boolean
}): Pick<Comparison, 'judgement' | 'because'> {
  if (!it.complete) return { judgement: 'cannot say', because: 'not measured in every run' }
  if (it.same) return { judgement: 'no worse', because: 'the same' }
  if (it.better === undefined) return { judgement: 'no worse', because: 'it has no limit that says which way is worse' }
  if (it.ratio === null) return { judgement: 'cannot say', because: 'one of them is zero' }
  if (it.noise === null)
    return { judgement: 'cannot say', because: 'the noise was not measured: give --noise three runs' }
  const bound = it.noise.factor ** shareOfNoise(it.pairs)
  const worsening = it.better === 'lower' ? it.ratio : 1 / it.ratio
  const within = `×${shown(bound)}`
  if (worsening > bound) return { judgement: 'worse', because: `beyond the noise of ${within}` }
  if (worsening < 1 / bound) return { judgement: 'better', because: `beyond the noise of ${within}` }
  return { judgement: 'no worse', because: `within the noise of ${within}` }
}

/** By how much the noise of one pair shrinks in the median of several: the median's standard error, in logarithms. */
function shareOfNoise(pairs: number): number {
  return pairs <= 2 ? 1 / Math.sqrt(pairs) : Math.sqrt(Math.PI / 2 / pairs)
}

/** A check that passed and now fails is worse, whatever its figures say; one that could not be verified says nothing. */
function outcomeChanges(baseline: readonly ComparableRun[], contender: readonly ComparableRun[]): Comparison[] {
  const ids = new Set([...baseline, ...contender].flatMap(({ details }) => details.map(({ result }) => result.id)))
  const outcomes = (runs: readonly ComparableRun[], id: string) =>
    new Set(
      runs.map(({ details }) => details.find(({ result }) => result.id === id)?.result.outcome ?? 'not in the run'),
    )
  return [...ids].flatMap((id): Comparison[] => {
    const [before, after] = [outcomes(baseline, id), outcomes(contender, id)]
    const [was, is] = [[...before].join(', '), [...after].join(', ')]
    const nothing = { unit: '', baseline: null, contender: null, ratio: null, noise: null }
    const said = { ...nothing, check: id, what: 'outcome', because: was === is ? was : `${was} → ${is}` }
    if (after.has('fail') && !before.has('fail')) return [{ ...said, judgement: 'worse' }]
    if (before.has('fail') && !after.has('fail') && is === 'pass') return [{ ...said, judgement: 'better' }]
    const known = [...before, ...after].every((one) => one !== 'not-verified' && one !== 'not in the run')
    return known ? [] : [{ ...said, judgement: 'cannot say' }]
  })
}

/**
 * From runs of the same thing: the standard deviation of the values' logarithms gives, by Student's t, the factor by which
 * the next two runs differ in 19 of 20 cases at most. Three runs are the fewest that say anything.
 */
export function noiseOf(values: readonly number[]): Noise | null {
  if (values.length < 3 || values.some((value) => !(value > 0))) return null
  const logs = values.map(Math.log)
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length
  const variance = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / (logs.length - 1)
  const ratios = logs.slice(1).map((log, index) => Math.exp(Math.abs(log - logs[index]!)))
  return {
    factor: Math.exp(studentT(logs.length - 1) * Math.sqrt(2 * variance)),
    runs: values.length,
    median_ratio: median(ratios),
    largest_ratio: Math.max(...ratios),
  }
}

/** The 97.5 % quantile by degrees of freedom, from 2 on; beyond the table the next smaller entry, which is larger. */
function studentT(degrees: number): number {
  const table = [4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228]
  return table[Math.min(degrees - 2, table.length - 1)]!
}

function sideOf(figures: readonly Figure[]): Side | null {
  const [first] = figures
  if (first === undefined) return null
  return { value: median(figures.map(({ value }) => value)), n: first.n, interval: first.interval }
}

function median(values: readonly number[]): number {
  const sorted = ascending(values)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : Math.sqrt(sorted[middle - 1]! * sorted[middle]!)
}

/** Worse decides, then what cannot be said. */
function worstOf(judgements: readonly Judgement[]): Judgement {
  if (judgements.length === 0) return 'cannot say'
  for (const one of ['worse', 'cannot say'] as const) if (judgements.includes(one)) return one
  return judgements.includes('better') && !judgements.includes('no worse') ? 'better' : 'no worse'
}

function shown(factor: number): string {
  return factor.toFixed(2)
}
