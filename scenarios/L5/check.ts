// L5: a repository of 10,000 files is read. Pure: evidence in, verdict out.

import type { Check, Finding, Limit, Limits, Measured } from '../../harness/check.ts'
import { keeps, verdictOf } from '../../harness/verdict.ts'
import {
  agreementFinding,
  answeredFinding,
  eachWithinFinding,
  generatorFinding,
  noneFinding,
  throttledFinding,
} from '../lib/claims.ts'
import { figuresTable, generatorRows, latencyCharts, latencyRows } from '../lib/pictures.ts'
import type { ReadingEvidence } from './evidence.ts'
import { readingGatherer } from './gather.ts'
import { L5_LIMITS } from './limits.ts'

type Load = ReadingEvidence['loads'][number]
type Kind = ReadingEvidence['subjects'][number]['kind']

const KINDS = [
  { kind: 'tree', what: 'tree listings', limit: 'tree_ms_max' },
  { kind: 'file', what: 'file readings', limit: 'file_ms_max' },
  { kind: 'diff', what: 'diffs', limit: 'diff_ms_max' },
] as const

export const largeRepository: Check<ReadingEvidence> = {
  id: 'L5',
  title: 'A repository of 10,000 files is read within its limits, and what is shown is what is there',
  failureTitle: 'A large repository is slow to read, or what is shown of it is wrong',
  requirement: {
    level: 'MUST',
    source: 'E12 §6.1 L5',
    text: '≥ 10 000 files, ≥ 500 directories: tree < 3 s, one file < 500 ms, diff < 5 s',
  },
  gatherer: readingGatherer,
  profiles: ['smoke', 'standard', 'golive'],
  limits: L5_LIMITS,
  evaluate(evidence, limits) {
    const { repository, loads } = evidence
    if (repository === null) {
      const because = 'no repository of this size could be made on this target'
      return verdictOf({
        findings: [{ claim: 'there is a large repository', outcome: 'not-verified', because }],
        whenPassed: '',
        verifiedBy: [],
        remedy: 'hand over CONMAN_SERVER_CMD: on a stack of our own it can be made',
      })
    }
    const findings = [
      ...sizeFindings(repository, limits),
      ...loads.flatMap((load) => loadFindings(evidence, load, limits)),
    ]
    for (const temperature of ['cold', 'warm'] as const) {
      if (loads.some((load) => load.temperature === temperature)) continue
      findings.push({
        claim: `${temperature} readings`,
        outcome: 'not-verified',
        because: `there are no ${temperature} readings`,
      })
    }
    const nearest = nearestTo(findings, limits)
    return verdictOf({
      findings,
      whenPassed: `${loads.map((load) => shown(evidence, load)).join('; ')}; all as git has them, of ${repository.files} files in ${repository.directories} directories`,
      ...(nearest === undefined ? {} : { headline: nearest }),
      verifiedBy: ['http', 'git-storage'],
      charts: loads.flatMap((load) => chartsOf(evidence, load, limits)),
      tables: [
        figuresTable([
          [
            'Repository',
            `${repository.files} files in ${repository.directories} directories, ${(repository.bytes / 1e6).toFixed(0)} MB, ${repository.commits} commits, ${repository.branches} branches`,
          ],
          ['Cold', evidence.cold_means],
          ...loads.flatMap((load) => [
            ...KINDS.flatMap(({ kind, what }) =>
              latencyRows(`${load.temperature} ${what}`, readingsOf(evidence, load, kind)),
            ),
            ...generatorRows(load.load),
          ]),
        ]),
      ],
      remedy:
        'see in the logs which git calls a slow reading made; the readings and what git says are in evidence.json',
    })
  },
}

/** A smaller one may be fast for that reason alone: it passes nothing. */
function sizeFindings(repository: NonNullable<ReadingEvidence['repository']>, limits: Limits): Finding[] {
  const enough = (value: number, limit: Limit): Finding => ({
    claim: `the repository has enough ${limit.unit}`,
    outcome: keeps(value, limit) ? 'pass' : 'not-verified',
    because: keeps(value, limit) ? `${value} ${limit.unit}` : `${value} ${limit.unit}, ${limit.value} are specified`,
    measured: { value, unit: limit.unit, label: limit.unit },
    limit,
  })
  return [enough(repository.files, limits.files_min!), enough(repository.directories, limits.directories_min!)]
}

function loadFindings(evidence: ReadingEvidence, load: Load, limits: Limits): Finding[] {
  const { temperature, readings, planned } = load
  const { generator } = load.load
  const requests = { what: `${temperature} readings`, ended: readings }
  const findings = [
    generatorFinding(load.load, requests, planned),
    throttledFinding(load.load.throttled),
    answeredFinding(requests),
    ...KINDS.map(({ kind, what, limit }) =>
      eachWithinFinding(
        `${temperature} ${what} keep the limit`,
        { what: `${temperature} ${what}`, ended: readingsOf(evidence, load, kind) },
        limits[limit]!,
        load.load,
      ),
    ),
    contentFinding(evidence, load),
  ]
  return [...findings, agreementFinding(generator, findings)]
}

/** Right, not only fast: every answer against git itself. */
function contentFinding({ subjects }: ReadingEvidence, { temperature, readings }: Load): Finding {
  const answered = readings.filter(({ status }) => status >= 200 && status <= 299)
  const wrong = answered.flatMap(({ subject, count, digest }) => {
    const { kind, label, ...wanted } = subjects[subject]!
    if (count === null) return [`the ${kind} ${label}: the answer holds none`]
    if (count === wanted.count && digest === wanted.digest) return []
    const unit = { tree: 'entries', file: 'bytes', diff: 'files' }[kind]
    return [
      count === wanted.count
        ? `the ${kind} ${label}: as many ${unit} as in git, but others`
        : `the ${kind} ${label}: ${count} ${unit} instead of ${wanted.count}`,
    ]
  })
  return noneFinding(
    `what ${temperature} readings show is what git has`,
    wrong,
    'readings do not show what git has',
    answered.length,
  )
}

function readingsOf({ subjects }: ReadingEvidence, { readings }: Load, kind: Kind): Load['readings'] {
  return readings.filter(({ subject }) => subjects[subject]!.kind === kind)
}

/** `cold: slowest tree 45 ms, file 12 ms, diff 340 ms of 30`. */
function shown(evidence: ReadingEvidence, load: Load): string {
  const slowest = KINDS.map(({ kind }) => {
    const durations = readingsOf(evidence, load, kind).map(({ duration_ms }) => duration_ms)
    return `${kind} ${durations.length === 0 ? '–' : Math.max(...durations).toFixed(0)} ms`
  })
  return `${load.temperature}: slowest ${slowest.join(', ')} of ${load.readings.length}`
}

/** The number in the check's row: the one that comes nearest to its limit. */
function nearestTo(
  findings: readonly Finding[],
  limits: Limits,
): { measured: Measured; limit: Limit; n: number } | undefined {
  const times = KINDS.map(({ limit }) => limits[limit]!)
  const judged = findings.flatMap(({ measured, limit, n }) =>
    measured !== undefined && limit !== undefined && n !== undefined && times.includes(limit)
      ? [{ measured, limit, n }]
      : [],
  )
  return judged.sort((a, b) => b.measured.value / b.limit.value - a.measured.value / a.limit.value)[0]
}

function chartsOf(evidence: ReadingEvidence, load: Load, limits: Limits) {
  return KINDS.flatMap(({ kind, what, limit }) => {
    const { value } = limits[limit]!
    return latencyCharts(
      `${load.temperature} ${what}`,
      readingsOf(evidence, load, kind).map((reading) => ({
        ...reading,
        label: evidence.subjects[reading.subject]!.label,
      })),
      { value, label: `limit ${value} ms` },
    )
  })
}
