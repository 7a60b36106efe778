// The report: one HTML file that needs nothing else, runs no script, and shows whatever a target answered as plain text.

import { createHash } from 'node:crypto'
import type { CheckDetails, Plan, Verdicts } from '../harness/result.ts'
import type { SignOff } from '../harness/sign-offs.ts'
import type { ClientStatistics } from '../harness/target/conman/statistics.ts'
import { again, machine, pictures, proof, tables } from './appendix.ts'
import { checklist, whatBlocks } from './checklist.ts'
import { firstScreen } from './first-screen.ts'
import { instant } from './format.ts'
import { html, raw } from './html.ts'
import { signedOff } from './signed-off.ts'
import { STYLE } from './style.ts'
import { summarise, targetName } from './summary.ts'
import { theTarget } from './target.ts'
import { clip } from './visible.ts'

/** One known defect of the reference server, and whether the check that must notice it did. */
export interface CaughtDefect {
  defect: string
  check: string
  caught: boolean
}

export interface ReportInput {
  plan: Plan
  verdicts: Verdicts
  details: CheckDetails[]
  caught?: CaughtDefect[]
  /** What the harness's client sent and had to ask again; absent in runs that did not count it. */
  client?: ClientStatistics
  /** Who signed, and the digest of the verdicts as they are now: a signature under others is shown as that. */
  signOffs?: { given: readonly SignOff[]; verdicts_sha256: string }
  renderedAt: string
  harnessVersion: string
}

// The page may apply this one style sheet and nothing else: no script, no image, no font, no form, no connection.
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64')
const POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'`

export function renderReport(input: ReportInput): string {
  const { plan, verdicts, renderedAt, harnessVersion } = input
  const caught = input.caught ?? []
  const summary = summarise(plan, verdicts)
  const order = new Map(summary.rows.map((row, index) => [row.id, index]))
  // Details of checks that are in no row would be pictures that nobody judged.
  const details = input.details
    .filter((each) => order.has(each.result.id))
    .sort((a, b) => (order.get(a.result.id) ?? 0) - (order.get(b.result.id) ?? 0))
  const pictured = new Set(details.filter((each) => each.charts.length > 0).map((each) => each.result.id))

  return String(html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${raw(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${verdicts.verdict} · ${clip(targetName(verdicts), 80)} · ${verdicts.profile} · ${instant(verdicts.finished_at ?? verdicts.started_at)}</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<main>
${firstScreen(verdicts, summary, caught, renderedAt)}
${summary.blockers.length > 0 && whatBlocks(summary.blockers)}
${summary.rows.length > 0 && checklist(summary.rows, pictured)}
${pictured.size > 0 && pictures(details)}
${details.some((each) => each.tables.length > 0) && tables(details)}
${input.signOffs !== undefined && input.signOffs.given.length > 0 && signedOff(input.signOffs)}
${theTarget(plan, verdicts, input.client)}
${machine(plan)}
${again(plan)}
${proof(plan, verdicts, summary.rows, caught, renderedAt, harnessVersion)}
</main>
</body>
</html>
`)
}
