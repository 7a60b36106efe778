// What `plan` prints, and the few lines of it that a run says before it begins.

import pc from 'picocolors'
import type { Forecast } from '../harness/forecast.ts'
import { duration, plural, ranges } from './format.ts'
import { reachWord } from './reach.ts'
import { answersText, clockText } from './times.ts'
import { clip, visibleLine } from './visible.ts'

type Check = Forecast['checks'][number]

const OUTLOOKS: Readonly<Record<Check['outlook'], { shape: string; words: string }>> = {
  'will-run': { shape: '✓', words: 'will run' },
  'cannot-run': { shape: '?', words: 'cannot run' },
  'not-applicable': { shape: '–', words: 'not applicable' },
}
const WORD_COLUMN = Math.max(...Object.values(OUTLOOKS).map(({ words }) => words.length))
const LINE_CHARACTERS = 600
const ALLOWED: Readonly<Record<Forecast['target']['allowed'], string>> = {
  reads: 'may only be read',
  writes: 'may be written to, not disrupted',
  disrupts: 'everything may be done to it',
}
const PROCESSES = { single: 'one process', split: 'API and worker are processes of their own' } as const
/** Reasons that a run says before it begins; the rest stands in `plan` and in the report. */
const REASONS_SAID_MAX = 2

/** The last line is the answer: would everything that must be verified be verified? */
export function renderForecast(forecast: Forecast, { colors }: { colors: boolean }): string {
  const paint = pc.createColors(colors)
  const title = (text: string) => ['', paint.bold(text)]
  const { time, gatherers, checks } = forecast
  const musts = checks.filter((check) => check.level === 'MUST')
  const ids = Math.max(0, ...checks.map((check) => line(check.id).length))
  const tones = { 'will-run': paint.green, 'cannot-run': paint.yellow, 'not-applicable': paint.gray } as const

  return [
    ...targetLines(forecast, paint.bold),
    ...title('Within reach'),
    ...reachLines(forecast, paint.dim),
    ...title(`Checks, profile ${forecast.profile}`),
    ...checks.flatMap((check) => {
      const { shape, words } = OUTLOOKS[check.outlook]
      return [
        `  ${tones[check.outlook](`${shape} ${words.padEnd(WORD_COLUMN)}`)}  ${paint.bold(line(check.id).padEnd(ids))}  ${line(check.title)}${check.level === 'SHOULD' ? paint.dim(' (SHOULD)') : ''}`,
        ...(check.because === null ? [] : [`    ${line(check.because)}`]),
        ...(check.remedy === null ? [] : [`    → ${line(check.remedy)}`]),
      ]
    }),
    ...title('What it does to the target'),
    ...gatherers.flatMap((gatherer) => [
      `  ${paint.bold(line(gatherer.id))}  ${gatherer.will_run ? '' : 'would not run: '}${gatherer.effect}; ${line(gatherer.title)}`,
      ...(gatherer.leaves === null ? [] : [`    leaves ${line(gatherer.leaves)}`]),
      ...(gatherer.breaks === null ? [] : [`    breaks meanwhile: ${line(gatherer.breaks)}`]),
    ]),
    ...title('How long'),
    ...timeLines(forecast),
    ...title('GO'),
    ...(forecast.go.possible
      ? ['  possible with this run']
      : ['  not possible with this run:', ...forecast.go.because.map((each) => `  - ${line(each)}`)]),
    ...(forecast.required_without_check.length === 0
      ? []
      : [`  without a check: ${ranges(forecast.required_without_check)}`]),
    '',
    musts.length === 0
      ? 'no MUST is part of this'
      : forecast.exit_code === 0
        ? `every MUST would be verified: ${countsText(checks)}${time.total_s > 0 ? `, in about ${seconds(time.critical_path_s)}` : ''}`
        : `not every MUST would be verified: ${countsText(checks)}`,
    '',
  ].join('\n')
}

/** Three to six lines. */
export function briefForecast(forecast: Forecast): string[] {
  const { checks, gatherers, reach, time, target } = forecast
  const running = gatherers.filter((gatherer) => gatherer.will_run)
  const reasons = Map.groupBy(
    checks.filter((check) => check.outlook !== 'will-run'),
    (check) => `${check.because}${check.remedy === null ? '' : ` → ${check.remedy}`}`,
  )
  const unreached = reach.filter((each) => !each.reached)
  const notes = [
    ...[...new Set(running.flatMap((gatherer) => gatherer.leaves ?? []))].map((leaves) => `leaves ${leaves}`),
    ...[...new Set(running.flatMap((gatherer) => gatherer.breaks ?? []))].map((breaks) => `breaks ${breaks}`),
  ]
  return [
    `plan: ${countsText(checks)}; about ${seconds(time.critical_path_s)}`,
    ...[...reasons]
      .slice(0, REASONS_SAID_MAX)
      .map(([why, ids]) => `${ids.map((check) => check.id).join(', ')}: ${why}`),
    ...(reasons.size > REASONS_SAID_MAX
      ? [`and ${plural(reasons.size - REASONS_SAID_MAX, 'other reason', 'other reasons')}: see ./readiness plan`]
      : []),
    // What is done to a stack of our own goes with it.
    ...(target.kind === 'url' && notes.length > 0 ? [`on the target it ${notes.join('; it ')}`] : []),
    ...(unreached.length === 0
      ? []
      : [`not within reach: ${unreached.map((each) => reachWord(each.capability)).join(', ')}`]),
    forecast.go.possible
      ? 'GO is possible with this run'
      : `GO is not possible with this run: ${forecast.go.because.join('; ')}`,
  ].map(line)
}

function targetLines({ target }: Forecast, bold: (text: string) => string): string[] {
  const seen = target.fingerprint
  return [
    `${bold('Target')}  ${target.kind}, ${line(target.address)}; ${ALLOWED[target.allowed]}`,
    ...(target.processes === null ? [] : [`  ${PROCESSES[target.processes]}`]),
    ...(seen === null
      ? ['  nothing was started to be looked at: its fingerprint is taken when it runs']
      : [
          `  version ${line(seen.version ?? 'not stated')}${seen.mongodb === null ? '' : `, MongoDB ${line(seen.mongodb)}`}, API description ${seen.openapi_sha256 === null ? 'none' : seen.openapi_sha256.slice(0, 12)}`,
          `  ${seen.health.length === 0 ? 'health without components' : seen.health.map(({ name, status }) => line(`${name} ${status}`)).join(', ')}`,
          `  answer headers: ${seen.headers.length === 0 ? 'none' : line(seen.headers.join(', '))}`,
          ...(seen.times ? [`  ${answersText(seen.times)}`, `  its clock: ${clockText(seen.times)}`] : []),
        ]),
  ]
}

function reachLines({ reach }: Forecast, dim: (text: string) => string): string[] {
  const reached = reach.filter((each) => each.reached)
  return [
    `  ${reached.length === 0 ? 'nothing' : reached.map((each) => reachWord(each.capability)).join(', ')}`,
    ...reach.flatMap((each) =>
      each.reached && each.because !== null ? [`  ${reachWord(each.capability)}: ${line(each.because)}`] : [],
    ),
    ...reach.flatMap((each) =>
      each.reached
        ? []
        : [
            `  ${dim('not')} ${reachWord(each.capability)}${each.because === null ? '' : `: ${line(each.because)}`}`,
            ...(each.hand_over === null ? [] : [`    → hand over ${line(each.hand_over)}`]),
          ],
    ),
  ]
}

function timeLines({ time, gatherers, tools }: Forecast): string[] {
  if (time.steps.length === 0) return ['  nothing would run']
  const there = tools.flatMap((tool) => (tool.comes_by === null ? [`${tool.name} ${tool.version ?? ''}`.trim()] : []))
  const alone = gatherers.filter((gatherer) => gatherer.will_run && gatherer.alone).map((gatherer) => gatherer.id)
  const width = Math.max(...time.steps.map((step) => step.what.length))
  return [
    ...(there.length === 0 ? [] : [`  found: ${line(there.join(', '))}`]),
    ...tools.flatMap((tool) =>
      tool.comes_by === null ? [] : [`  ${tool.name} comes first, once, in some minutes: ${line(tool.comes_by)}`],
    ),
    ...time.steps.map((step) => `  ${line(step.what).padEnd(width)}  ${seconds(step.expected_s)}`),
    time.critical_path.length === time.steps.length
      ? `  together about ${seconds(time.total_s)}: one after another, so all of it is the critical path`
      : `  together about ${seconds(time.total_s)}; the critical path is ${time.critical_path.join(', ')}: ${seconds(time.critical_path_s)}`,
    ...(alone.length === 0 ? [] : [`  with the target to itself: ${alone.join(', ')}`]),
    ...(time.seeding_limited_s === null
      ? []
      : [
          `  the first seeding takes up to ${seconds(time.seeding_limited_s)} where the target’s limits are on as specified (ten requests a minute to /api/auth)`,
        ]),
  ]
}

function countsText(checks: readonly Check[]): string {
  const of = (outlook: Check['outlook']) => checks.filter((check) => check.outlook === outlook).length
  return [
    `${plural(of('will-run'), 'check', 'checks')} will run`,
    ...(of('cannot-run') > 0 ? [`${of('cannot-run')} cannot`] : []),
    ...(of('not-applicable') > 0 ? [`${of('not-applicable')} not applicable`] : []),
  ].join(', ')
}

/** Estimates: nobody plans by tenths of a second. */
function seconds(expected_s: number): string {
  return duration(Math.ceil(expected_s) * 1_000)
}

function line(text: string): string {
  return visibleLine(clip(text, LINE_CHARACTERS))
}
