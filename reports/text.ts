// The terminal's summary of a finished run: a row a check, the counts, and the verdict in the last line, where a person
// who comes back to the window looks first.

import pc from 'picocolors'
import type { Outcome } from '../harness/check.ts'
import type { Plan, Verdicts } from '../harness/result.ts'
import { count, headroomText, limitText, measuredText, THIN } from './format.ts'
import { OUTCOME_WORDS, OUTCOMES, type Row, summarise, targetName, when } from './summary.ts'
import { clip, visibleLine } from './visible.ts'

const SHAPES: Readonly<Record<Outcome, string>> = { pass: '✓', fail: '✗', 'not-verified': '?', 'not-applicable': '–' }
const WORD_COLUMN = Math.max(...OUTCOMES.map((outcome) => OUTCOME_WORDS[outcome].length))
const LINE_CHARACTERS = 600

export function renderText(
  { plan, verdicts }: { plan: Plan; verdicts: Verdicts },
  { colors }: { colors: boolean },
): string {
  const paint = pc.createColors(colors)
  const tones: Readonly<Record<Outcome, (text: string) => string>> = {
    pass: paint.green,
    fail: paint.red,
    'not-verified': paint.yellow,
    'not-applicable': paint.gray,
  }
  const summary = summarise(plan, verdicts)
  const idColumn = Math.max(...summary.rows.map((row) => line(row.id).length), 0)
  const indent = ' '.repeat(WORD_COLUMN + idColumn + 6)

  const rows = summary.rows.flatMap((row) => {
    const word = `${SHAPES[row.outcome]} ${OUTCOME_WORDS[row.outcome].padEnd(WORD_COLUMN)}`
    const numbers = numbersOf(row)
    return [
      `${tones[row.outcome](word)}  ${paint.bold(line(row.id).padEnd(idColumn))}  ${line(row.heading)}${row.level === 'SHOULD' ? paint.dim(' (SHOULD)') : ''}`,
      ...(numbers === '' ? [] : [indent + paint.dim(numbers)]),
      ...(row.outcome === 'pass' ? [] : [indent + line(row.because)]),
      ...(row.outcome === 'pass' || !row.remedy ? [] : [`${indent}→ ${line(row.remedy)}`]),
      ...(row.notes ?? []).map((note) => indent + paint.dim(line(note))),
    ]
  })
  const tone = { GO: 'pass', PASS: 'pass', 'NO-GO': 'fail', FAIL: 'fail', INCOMPLETE: 'not-verified' } as const

  return [
    `${paint.bold(line(targetName(verdicts)))}, profile ${verdicts.profile}, target ${verdicts.target.kind}, ${when(verdicts)}`,
    '',
    ...rows,
    '',
    ...summary.warnings.flatMap((warning) => [
      paint.yellow(`! ${line(warning.title)}`),
      ...warning.lines.map((each) => `  ${line(each)}`),
    ]),
    `${OUTCOMES.map((outcome) => `${count(summary.counts[outcome])} ${OUTCOME_WORDS[outcome]}`).join(' · ')} of ${count(summary.planned)} in the plan`,
    ...(summary.cannotGiveGo ? [line(summary.cannotGiveGo)] : []),
    `${tones[summary.disputed ? 'not-verified' : tone[verdicts.verdict]](paint.bold(verdicts.verdict))}${summary.disputed ? ' (disputed by its own rows)' : ''}: ${line(verdicts.because)}`,
    '',
  ]
    .join('\n')
    .replaceAll(THIN, ' ')
}

/** `1.34 s slowest of 250, at most 2 s, 33 % headroom, n 250`. */
function numbersOf(row: Row): string {
  const { measured, limit, n } = row
  return [
    ...(measured ? [`${measuredText(measured, limit)} ${line(measured.label)}`.trim()] : []),
    ...(limit ? [limitText(limit)] : []),
    ...(measured && limit ? [headroomText(measured, limit)] : []),
    ...(n === null ? [] : [`n ${count(n)}`]),
  ]
    .filter((part) => part !== '')
    .join(', ')
}

function line(text: string): string {
  return visibleLine(clip(text, LINE_CHARACTERS))
}
