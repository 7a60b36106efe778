// The verdicts as SARIF 2.1.0, for code hosts that show findings: a rule for each check, a result for each. A passed check is
// a result of kind 'pass', and one that was not verified of kind 'open': neither is left out, and neither is taken for the other.

import type { Plan, Verdicts } from '../harness/result.ts'
import { type Row, summarise } from './summary.ts'
import { clip, visibleLine } from './visible.ts'

const TEXT_CHARACTERS = 4_000

export function renderSarif({
  plan,
  verdicts,
  harnessVersion,
}: {
  plan: Plan
  verdicts: Verdicts
  harnessVersion: string
}): string {
  const { rows } = summarise(plan, verdicts)
  return `${JSON.stringify(
    {
      $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
      version: '2.1.0',
      runs: [
        {
          tool: {
            driver: {
              name: 'conman-readiness',
              version: harnessVersion,
              semanticVersion: harnessVersion,
              rules: rows.map(ruleOf),
            },
          },
          automationDetails: { id: `conman-readiness/${verdicts.profile}/${verdicts.run}` },
          invocations: [
            {
              commandLine: text(plan.command),
              executionSuccessful: verdicts.ended === 'complete',
              startTimeUtc: verdicts.started_at,
              ...(verdicts.finished_at === null ? {} : { endTimeUtc: verdicts.finished_at }),
              exitCode: verdicts.exit_code,
            },
          ],
          results: rows.map((row, index) => resultOf(row, index, verdicts)),
          properties: { verdict: verdicts.verdict, because: text(verdicts.because) },
        },
      ],
    },
    null,
    1,
  )}\n`
}

function ruleOf({ id, title, requirement, level, remedy }: Row) {
  return {
    id,
    shortDescription: { text: text(title) },
    fullDescription: { text: text(`${level}, ${requirement.source}: ${requirement.text}`) },
    ...(remedy === null ? {} : { help: { text: text(remedy) } }),
    defaultConfiguration: { level: level === 'MUST' ? 'error' : 'warning' },
    properties: { level },
  }
}

const KINDS = { pass: 'pass', fail: 'fail', 'not-verified': 'open', 'not-applicable': 'notApplicable' } as const

function resultOf(row: Row, ruleIndex: number, { target }: Verdicts) {
  const kind = KINDS[row.outcome]
  return {
    ruleId: row.id,
    ruleIndex,
    kind,
    // Demanded by the format: a level is given to failures alone.
    level: kind === 'fail' ? (row.level === 'MUST' ? 'error' : 'warning') : 'none',
    message: { text: text(row.remedy === null ? row.because : `${row.because} → ${row.remedy}`) },
    locations: [
      { logicalLocations: [{ fullyQualifiedName: text(`${target.kind} ${target.address}`), kind: 'resource' }] },
    ],
    partialFingerprints: { 'conmanReadiness/v1': row.id },
    properties: {
      findings: row.findings
        .filter(({ outcome }) => outcome !== 'pass')
        .map(({ claim, outcome, because }) => ({ claim: text(claim), outcome, because: text(because) })),
    },
  }
}

function text(value: string): string {
  return visibleLine(clip(value, TEXT_CHARACTERS))
}
