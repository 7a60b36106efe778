// The verdicts as JUnit XML, for CI systems that read nothing else: one test case a check. What was not verified is never
// among the passed ones: a MUST is an error, which turns a job red as the exit code does. A SHOULD turns none red, so it is a
// skipped case that says what it found.

import type { Plan, Verdicts } from '../harness/result.ts'
import { partOf } from './parts.ts'
import { type Row, summarise } from './summary.ts'
import { clip, visible } from './visible.ts'

const TEXT_CHARACTERS = 4_000

export function renderJunit({ plan, verdicts }: { plan: Plan; verdicts: Verdicts }): string {
  const { rows } = summarise(plan, verdicts)
  const parts = [...Map.groupBy(rows, ({ id }) => partOf(id))]
  const suites = parts.map(
    ([part, members]) => `<testsuite name="${text(part)}" ${counts(members)} timestamp="${text(verdicts.started_at)}">
${properties(plan, verdicts)}
${members.map(testCase).join('\n')}
</testsuite>`,
  )
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="conman-readiness: ${text(verdicts.verdict)}" ${counts(rows)}>
${suites.join('\n')}
</testsuites>
`
}

type Kind = 'failure' | 'error' | 'skipped' | null

function kindOf({ level, outcome }: Row): Kind {
  if (outcome === 'pass') return null
  if (outcome === 'not-applicable' || level === 'SHOULD') return 'skipped'
  return outcome === 'fail' ? 'failure' : 'error'
}

function counts(rows: readonly Row[]): string {
  const of = (kind: Kind) => rows.filter((row) => kindOf(row) === kind).length
  return `tests="${rows.length}" failures="${of('failure')}" errors="${of('error')}" skipped="${of('skipped')}"`
}

function properties(plan: Plan, verdicts: Verdicts): string {
  const known = {
    run: verdicts.run,
    verdict: verdicts.verdict,
    profile: verdicts.profile,
    target: `${verdicts.target.kind} ${verdicts.target.address}`,
    harness: plan.harness.commit ?? plan.harness.version,
  }
  const each = Object.entries(known).map(([name, value]) => `<property name="${name}" value="${text(value)}"/>`)
  return `<properties>${each.join('')}</properties>`
}

function testCase(row: Row): string {
  const kind = kindOf(row)
  const head = `<testcase classname="${text(partOf(row.id))}" name="${text(`${row.id} ${row.title}`)}"`
  if (kind === null) return `${head}/>`
  const told = [
    row.because,
    ...row.findings.filter(({ outcome }) => outcome !== 'pass').map(({ claim, because }) => `${claim}: ${because}`),
    ...(row.remedy === null ? [] : [`→ ${row.remedy}`]),
    `${row.level}, ${row.requirement.source}: ${row.requirement.text}`,
  ]
  const message = `${row.level} ${row.outcome}: ${row.because}`
  return `${head}><${kind} message="${text(message)}">${text(told.join('\n'))}</${kind}></testcase>`
}

/** Whatever a target said, as text: markup is none, and what XML has no character for is made visible. */
function text(value: string): string {
  return visible(clip(value, TEXT_CHARACTERS))
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\n', '&#10;')
    .replaceAll('\t', '&#9;')
}
