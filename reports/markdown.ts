// The same summary as Markdown, for the summary page of a CI job.

import type { Outcome } from '../harness/check.ts'
import type { Plan, Verdicts } from '../harness/result.ts'
import { count, headroomText, limitText, measuredText } from './format.ts'
import { OUTCOME_WORDS, OUTCOMES, type Row, summarise, targetName, when } from './summary.ts'
import { clip, visibleLine } from './visible.ts'

const SHAPES: Readonly<Record<Outcome, string>> = { pass: '✓', fail: '✗', 'not-verified': '?', 'not-applicable': '–' }
const TEXT_CHARACTERS = 600

export function renderMarkdown({ plan, verdicts }: { plan: Plan; verdicts: Verdicts }): string {
  const summary = summarise(plan, verdicts)
  const noted = summary.rows.filter((row) => row.notes !== undefined && row.notes.length > 0)
  const open = [...summary.blockers, ...summary.notVerified, ...summary.advisories]
  return [
    `## ${verdicts.verdict}${summary.disputed ? ' (disputed by its own rows)' : ''}: ${escapeMarkdown(targetName(verdicts))}`,
    '',
    escapeMarkdown(verdicts.because),
    '',
    `Profile ${verdicts.profile} · target: ${verdicts.target.kind} · ${when(verdicts)}`,
    '',
    ...(summary.cannotGiveGo ? [`**${escapeMarkdown(summary.cannotGiveGo)}**`, ''] : []),
    ...summary.warnings.flatMap((warning) => [
      `> **${escapeMarkdown(warning.title)}**`,
      ...warning.lines.flatMap((each) => ['>', `> ${escapeMarkdown(each)}`]),
      '',
    ]),
    `${OUTCOMES.map((outcome) => `**${count(summary.counts[outcome])}** ${OUTCOME_WORDS[outcome]}`).join(' · ')} of ${count(summary.planned)} in the plan`,
    '',
    '| Outcome | Check | | Measured | Limit | n | Level |',
    '| :-- | :-- | :-- | :-- | :-- | --: | :-- |',
    ...summary.rows.map(tableRow),
    '',
    ...open.flatMap((row) => [
      `- **${escapeMarkdown(row.id)}** ${escapeMarkdown(row.because)}${row.remedy ? ` → ${escapeMarkdown(row.remedy)}` : ''}`,
    ]),
    ...(open.length > 0 ? [''] : []),
    ...noted.flatMap((row) =>
      (row.notes ?? []).map((note) => `- **${escapeMarkdown(row.id)}** ${escapeMarkdown(note)}`),
    ),
    ...(noted.length > 0 ? [''] : []),
  ].join('\n')
}

function tableRow(row: Row): string {
  const { measured, limit, n } = row
  const far = measured && limit ? headroomText(measured, limit) : ''
  const cells = [
    `${SHAPES[row.outcome]} ${OUTCOME_WORDS[row.outcome]}`,
    escapeMarkdown(row.id),
    escapeMarkdown(row.heading),
    measured ? escapeMarkdown(`${measuredText(measured, limit)} ${measured.label}`.trim()) : '',
    limit ? escapeMarkdown(`${limitText(limit)}${far === '' ? '' : ` · ${far}`}`) : '',
    n === null ? '' : count(n),
    row.level,
  ]
  return `| ${cells.join(' | ')} |`
}

// Entities are text wherever they stand, also where a backslash is not enough (table cells, HTML, mathematics, mentions).
// The colon and the first dot keep an address from becoming a link.
const SPECIAL = /[&<>"'\\`*_~[\]|#@$]|:(?=\/\/)|(?<=\bwww)\./gi

export function escapeMarkdown(text: string): string {
  return visibleLine(clip(text, TEXT_CHARACTERS)).replace(SPECIAL, (character) => `&#${character.codePointAt(0)};`)
}
