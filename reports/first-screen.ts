// The first screen: what a release manager needs in ten seconds. The verdict, what blocks, what is open, and every
// reason to doubt the page.

import type { Plan, Verdicts } from '../harness/result.ts'
import { count, plural } from './format.ts'
import { html, type Markup } from './html.ts'
import { mark, verdictMark } from './marks.ts'
import type { CaughtDefect } from './render.ts'
import { age, OUTCOME_WORDS, OUTCOMES, type Row, type Summary, targetName, type Warning, when } from './summary.ts'
import { clip } from './visible.ts'

const KINDS: Readonly<Record<Plan['target']['kind'], string>> = {
  reference: 'the bundled reference server',
  command: 'a server program on the harness’s own stack',
  url: 'a running server',
}
const PROSE_CHARACTERS = 1200
const NAME_CHARACTERS = 120

export function firstScreen(verdicts: Verdicts, summary: Summary, caught: CaughtDefect[], renderedAt: string): Markup {
  const { drawing, tone } = verdictMark(verdicts.verdict, summary.disputed)
  const target = verdicts.target
  return html`
<header>
<div class="verdict">
<h1 class="${tone}">${drawing}${verdicts.verdict}</h1>
<div class="about">
<p><b><bdi>${clip(targetName(verdicts), NAME_CHARACTERS)}</bdi></b> · profile ${verdicts.profile} · target: ${target.kind}, <bdi>${target.kind === 'url' ? clip(target.address, NAME_CHARACTERS) : KINDS[target.kind]}</bdi></p>
<p class="muted">${when(verdicts)} · ${age(verdicts, renderedAt)}</p>
</div>
</div>
<p class="because">${clip(verdicts.because, PROSE_CHARACTERS)}</p>
${summary.cannotGiveGo && html`<p class="limits-of-run">${summary.cannotGiveGo}</p>`}
${summary.warnings.map(warning)}
${
  summary.blockers.length > 0 &&
  html`<ol class="blockers" aria-label="What blocks">${summary.blockers.map(
    (row) =>
      html`\n<li><a href="#${anchor(row.id)}"><span class="id">${row.id}</span> <span>${clip(row.heading, PROSE_CHARACTERS)}</span></a></li>`,
  )}\n</ol>`
}
<p class="counts">${OUTCOMES.map((outcome) => html`<span class="outcome ${summary.counts[outcome] === 0 ? 'none' : outcome}">${mark(outcome)} ${count(summary.counts[outcome])} ${OUTCOME_WORDS[outcome]}</span> `)}<span class="muted">of ${count(summary.planned)} in the plan</span></p>
${
  summary.advisories.length > 0 &&
  html`<p class="muted">${plural(summary.advisories.length, 'failure is', 'failures are')} of a SHOULD and never ${summary.advisories.length === 1 ? 'blocks' : 'block'}: ${links(summary.advisories)}</p>`
}
${summary.notVerified.length > 0 && notVerified(summary.notVerified)}
${caught.length > 0 && believable(caught)}
</header>`
}

function warning(each: Warning): Markup {
  return html`<div class="warning" role="note"><p><b>${each.title}</b></p>${each.lines.map((line) => html`<p>${clip(line, PROSE_CHARACTERS)}</p>`)}</div>`
}

export function links(rows: Row[]): Markup[] {
  return rows.map((row, index) => html`${index > 0 && ', '}<a href="#${anchor(row.id)}">${row.id}</a>`)
}

/** Checks that miss the same thing share a line: what is to be handed over is told once. */
function notVerified(rows: Row[]): Markup {
  const groups = Map.groupBy(rows, (row) => JSON.stringify([row.because, row.remedy, row.level]))
  return html`<div class="open-list">
<h2 class="small">Not verified</h2>
<dl>${[...groups.values()].map(
    (members) => html`
<dt>${links(members)}${members[0]?.level === 'SHOULD' && html` <span class="muted">SHOULD</span>`}</dt>
<dd>${clip(members[0]?.because ?? '', PROSE_CHARACTERS)}${members[0]?.remedy && html` <span class="remedy">→ ${clip(members[0].remedy, PROSE_CHARACTERS)}</span>`}</dd>`,
  )}
</dl>
</div>`
}

function believable(caught: CaughtDefect[]): Markup {
  const missed = caught.filter((each) => !each.caught)
  return html`<p class="muted">Why believe it: ${count(caught.length - missed.length)} of ${plural(caught.length, 'known defect was', 'known defects were')} caught by these checks${missed.length > 0 && html`; <b>not caught: ${missed.map((each) => each.defect).join(', ')}</b>`}. <a href="#proof">Proof</a></p>`
}

/** A check's place on the page. Ids are letters, digits and dashes; whatever else came in must not end the attribute. */
export function anchor(id: string): string {
  return id.replace(/[^\w.-]/g, '_')
}
