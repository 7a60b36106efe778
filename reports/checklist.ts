// What blocks and why, then the checklist: one row a check, with everything that it rests on opened in place.

import type { Finding, Outcome } from '../harness/check.ts'
import type { CheckResult } from '../harness/result.ts'
import { anchor } from './first-screen.ts'
import { count, headroomText, limitText, limitValue, measuredText, plural } from './format.ts'
import { headroomBar } from './headroom.ts'
import { html, type Markup } from './html.ts'
import { outcomeMark } from './marks.ts'
import { partOf } from './parts.ts'
import { reachWord } from './reach.ts'
import type { Row } from './summary.ts'
import { clip } from './visible.ts'

const PROSE_CHARACTERS = 1200
const COMMAND_CHARACTERS = 4000
/** More claims than this in one check are read in its evidence, not on a page. */
const FINDINGS_SHOWN_MAX = 300

export function whatBlocks(blockers: Row[]): Markup {
  return html`
<section id="blocks" aria-labelledby="blocks-title">
<h2 id="blocks-title">What blocks, and why</h2>
${blockers.map(
  (row) => html`
<article class="blocker">
<h3><a class="id" href="#${anchor(row.id)}">${row.id}</a> ${clip(row.heading, PROSE_CHARACTERS)}</h3>
<div class="pair">
<div class="prose">
<p>${clip(row.because, PROSE_CHARACTERS)}</p>
${row.remedy && html`<p><b>Next:</b> ${clip(row.remedy, PROSE_CHARACTERS)}</p>`}
</div>
<div class="measure">${comparison(row)}</div>
</div>
</article>`,
)}
</section>`
}

const COLUMNS = ['Outcome', 'Check', '', 'Measured, against its limit', 'Samples', 'Level', 'Verified by'] as const

/** One table for all parts, so that its columns can be read down from the first check to the last. */
export function checklist(rows: Row[], pictured: ReadonlySet<string>): Markup {
  const parts = Map.groupBy(rows, (row) => partOf(row.id))
  return html`
<section id="checklist" aria-labelledby="checklist-title">
<h2 id="checklist-title">The checklist</h2>
<table class="rows">
<caption class="unseen">Every check of the plan, with what was measured against its limit</caption>
<thead><tr>${COLUMNS.map((column) => html`<th scope="col"${column === 'Samples' ? html` class="number"` : ''}>${column}</th>`)}</tr></thead>
${[...parts].map(
  ([part, members]) =>
    html`${
      parts.size > 1 &&
      html`<tbody class="part"><tr><th scope="rowgroup" colspan="${COLUMNS.length}">${part}</th></tr></tbody>\n`
    }${members.map((row) => rowOf(row, pictured.has(row.id)))}`,
)}</table>
</section>`
}

function rowOf(row: Row, pictured: boolean): Markup {
  const blocks = row.outcome === 'fail' && row.level === 'MUST'
  return html`<tbody id="${anchor(row.id)}" class="${row.outcome}">
<tr><td>${outcomeMark(row.outcome)}</td><th scope="row"><a class="id" href="#${anchor(row.id)}">${row.id}</a></th><td class="what"><b>${clip(row.heading, PROSE_CHARACTERS)}</b><br><span class="muted">${clip(row.because, PROSE_CHARACTERS)}</span></td><td class="measure">${comparison(row)}</td><td class="number">${row.n === null ? '' : html`<span class="phone">n </span>${count(row.n)}`}</td><td>${row.level}</td><td>${row.verified_by.map(reachWord).join(', ')}</td></tr>
<tr class="more"><td colspan="2"></td><td colspan="5"><details${row.outcome === 'fail' ? html` open` : ''}><summary>${row.findings.length > 0 ? `${plural(row.findings.length, 'finding', 'findings')}, requirement` : 'Requirement'}${row.evidence && ', evidence'}</summary>
${row.findings.length > 0 && findings(row.findings)}
${/* A blocker's next step stands above, where it is read first. */ !blocks && row.remedy && html`<p><b>${row.outcome === 'not-verified' ? 'To verify it:' : 'Next:'}</b> ${clip(row.remedy, PROSE_CHARACTERS)}</p>`}
${row.notes?.map((note) => html`<p>${clip(note, PROSE_CHARACTERS)}</p>\n`)}${requirement(row)}
${row.evidence && html`<p class="muted">Evidence: <code>${row.evidence}</code>${pictured && html` · <a href="#${anchor(row.id)}-pictures">pictures</a>`}</p>`}
</details></td></tr>
</tbody>
`
}

function requirement(row: Row): Markup {
  return html`<blockquote>${clip(row.requirement.text, PROSE_CHARACTERS)} <cite>${row.requirement.level}, ${row.requirement.source}</cite></blockquote>`
}

function findings(all: Finding[]): Markup {
  const shown = worstFirst(all).slice(0, FINDINGS_SHOWN_MAX)
  return html`<table class="findings">
<caption class="unseen">Findings</caption>
<thead><tr><th scope="col">Outcome</th><th scope="col">Claim</th><th scope="col">Measured, against its limit</th><th scope="col" class="number">Samples</th></tr></thead>
<tbody>${shown.map(
    (each) => html`
<tr><td>${outcomeMark(each.outcome)}</td><td class="what">${clip(each.claim, PROSE_CHARACTERS)}<br><span class="muted">${clip(each.because, PROSE_CHARACTERS)}</span>${each.outcome !== 'pass' && byHand(each)}</td><td class="measure">${comparison({ outcome: each.outcome, measured: each.measured ?? null, limit: each.limit ?? null })}</td><td class="number">${each.n === undefined ? '' : html`<span class="phone">n </span>${count(each.n)}`}</td></tr>`,
  )}
</tbody>
</table>${all.length > shown.length && html`<p class="muted">${plural(all.length - shown.length, 'more finding is', 'more findings are')} in the check’s verdict file; the worst are above.</p>`}`
}

/** What was wanted and what came, the request to ask it again by hand, and what mends it. */
function byHand({ wanted, got, repeat, remedy }: Finding): Markup {
  return html`${wanted && html`<br>Wanted: ${clip(wanted, PROSE_CHARACTERS)}`}${got && html`<br>Got: ${clip(got, PROSE_CHARACTERS)}`}${remedy && html`<br><b>Next:</b> ${clip(remedy, PROSE_CHARACTERS)}`}${repeat && html`<pre tabindex="0"><code>${clip(repeat, COMMAND_CHARACTERS)}</code></pre>`}`
}

const WORST: readonly Outcome[] = ['fail', 'not-verified', 'pass', 'not-applicable']

function worstFirst(all: Finding[]): Finding[] {
  return all.toSorted((a, b) => WORST.indexOf(a.outcome) - WORST.indexOf(b.outcome))
}

/** A number never stands alone: its label, its limit, how far apart they are, and whether somebody moved the limit. */
export function comparison(of: Pick<CheckResult, 'measured' | 'limit' | 'outcome'>): Markup {
  const { measured, limit, outcome } = of
  if (!measured && !limit) return html``
  const far = measured && limit ? headroomText(measured, limit) : ''
  return html`<div class="comparison">${measured && html`<span><b>${measuredText(measured, limit)}</b> <span class="muted">${clip(measured.label, 80)}</span></span>`}${headroomBar(measured, limit, outcome)}<span class="muted">${limit && limitText(limit)}${far !== '' && ` · ${far}`}</span>${
    limit?.overriddenFrom !== undefined &&
    limit.overriddenFrom !== limit.value &&
    html`<b class="moved">limit changed; the requirement says ${limitValue(limit.overriddenFrom, limit.unit)}</b>`
  }</div>`
}
