// What stands behind the rows: pictures, tables, what was tested and on what, how to repeat it, and the proof.

import type { Outcome } from '../harness/check.ts'
import type { CheckDetails, Plan, Verdicts } from '../harness/result.ts'
import { dotsPerChart, drawChart } from './charts.ts'
import { anchor } from './first-screen.ts'
import { count, instant, plural, quantity } from './format.ts'
import { html, type Markup } from './html.ts'
import { mark } from './marks.ts'
import type { CaughtDefect } from './render.ts'
import { OUTCOME_WORDS, type Row } from './summary.ts'
import { clip } from './visible.ts'

/** Longer tables are read in the evidence. */
const TABLE_ROWS_MAX = 400
/** A cell that is longer is read as a sentence. */
const SENTENCE_CHARACTERS = 30
export const CELL_CHARACTERS = 400

export function section(id: string, title: string, content: Markup): Markup {
  return html`
<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
${content}
</section>`
}

/** A wide table scrolls in its own frame; the page never does. */
export function scrolling(title: string, table: Markup): Markup {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${title}">${table}</div>`
}

export function facts(pairs: readonly (readonly [string, string | Markup | null])[]): Markup {
  return html`<dl class="facts">${pairs.map(
    ([name, value]) => value !== null && value !== '' && html`\n<dt>${name}</dt><dd>${value}</dd>`,
  )}\n</dl>`
}

export function pictures(details: CheckDetails[]): Markup {
  const drawn = details.filter((each) => each.charts.length > 0)
  const dots = dotsPerChart(drawn.flatMap((each) => each.charts).filter((chart) => chart.kind === 'over-time').length)
  return section(
    'pictures',
    'What was measured',
    html`${drawn.map(
      (each) => html`<article id="${anchor(each.result.id)}-pictures" class="pictures">
<h3><a class="id" href="#${anchor(each.result.id)}">${each.result.id}</a> ${each.result.outcome === 'fail' ? each.result.failure_title : each.result.title}</h3>
<div class="figures">${each.charts.map((chart) => drawChart(chart, dots))}
</div>
</article>\n`,
    )}`,
  )
}

export function tables(details: CheckDetails[]): Markup {
  return section(
    'tables',
    'Tables',
    html`${details.flatMap((each) => each.tables.map((table) => tableOf(each.result.id, table)))}`,
  )
}

function tableOf(id: string, table: CheckDetails['tables'][number]): Markup {
  if (table.outcomes !== undefined) return matrixOf(id, table, table.outcomes)
  const shown = table.rows.slice(0, TABLE_ROWS_MAX)
  const title = clip(table.title, CELL_CHARACTERS)
  // A column of numbers is read from its right edge, also where some row has none.
  const numeric = table.columns.map((_column, i) => {
    const cells = shown.map((row) => row[i] ?? '').filter((cell) => cell !== '')
    return cells.length > 0 && cells.every((cell) => /^[-−]?[\d., \u202F]*\d[\d., \u202F]*(\D{0,4})$/.test(cell))
  })
  // Sentences side by side become slivers on a phone: there each row is told one cell after another.
  const told = table.columns.length > 3 && shown.some((row) => row.some((cell) => cell.length > SENTENCE_CHARACTERS))
  const label = (index: number) => (told ? html` data-label="${clip(table.columns[index] ?? '', 80)}"` : '')
  const aside = (index: number) => (numeric[index] ? html` class="number"` : '')
  return scrolling(
    title,
    html`<table${told ? html` class="told"` : ''}>
<caption><a class="id" href="#${anchor(id)}">${id}</a> ${title}</caption>
<thead><tr>${table.columns.map((column, index) => html`<th scope="col"${aside(index)}>${clip(column, CELL_CHARACTERS)}</th>`)}</tr></thead>
<tbody>${shown.map((row) => html`\n<tr>${row.map((cell, index) => html`<td${aside(index)}${label(index)}>${clip(cell, CELL_CHARACTERS)}</td>`)}</tr>`)}
</tbody>
</table>${table.rows.length > shown.length && html`<p class="muted">${plural(table.rows.length - shown.length, 'more row is', 'more rows are')} in the evidence.</p>`}\n`,
  )
}

/** Each cell says in words what came; its mark says how that was judged, and a word where it is no pass. */
function matrixOf(id: string, table: CheckDetails['tables'][number], outcomes: (Outcome | null)[][]): Markup {
  const shown = table.rows.slice(0, TABLE_ROWS_MAX)
  const title = clip(table.title, CELL_CHARACTERS)
  const cell = (text: string, outcome: Outcome | null | undefined) =>
    outcome
      ? html`<td><span class="outcome ${outcome}">${mark(outcome)} <span${outcome === 'pass' && html` class="unseen"`}>${OUTCOME_WORDS[outcome]}:</span></span> ${clip(text, CELL_CHARACTERS)}</td>`
      : html`<td class="muted">${clip(text, CELL_CHARACTERS)}</td>`
  return scrolling(
    title,
    html`<table class="matrix">
<caption><a class="id" href="#${anchor(id)}">${id}</a> ${title}</caption>
<thead><tr>${table.columns.map((column) => html`<th scope="col">${clip(column, CELL_CHARACTERS)}</th>`)}</tr></thead>
<tbody>${shown.map(
      ([name = '', ...cells], row) =>
        html`\n<tr><th scope="row">${clip(name, CELL_CHARACTERS)}</th>${cells.map((text, column) => cell(text, outcomes[row]?.[column + 1]))}</tr>`,
    )}
</tbody>
</table>${table.rows.length > shown.length && html`<p class="muted">${plural(table.rows.length - shown.length, 'more row is', 'more rows are')} in the evidence.</p>`}\n`,
  )
}

export function machine(plan: Plan): Markup {
  return section(
    'machine',
    'Machine and tools',
    html`${facts([
      ['Processor', `${plural(plan.machine.cpus, 'core', 'cores')}, ${clip(plan.machine.cpu_model, CELL_CHARACTERS)}`],
      ['Memory', quantity(plan.machine.memory_bytes, 'bytes')],
      ['Platform', clip(plan.machine.platform, CELL_CHARACTERS)],
    ])}
${
  plan.tools.length > 0 &&
  scrolling(
    'Tools',
    html`<table>
<caption class="unseen">Tools</caption>
<thead><tr><th scope="col">Tool</th><th scope="col">Version</th><th scope="col">Where it came from</th></tr></thead>
<tbody>${plan.tools.map((tool) => html`\n<tr><td>${clip(tool.name, CELL_CHARACTERS)}</td><td>${clip(tool.version, CELL_CHARACTERS)}</td><td>${clip(tool.origin, CELL_CHARACTERS)}</td></tr>`)}
</tbody>
</table>`,
  )
}`,
  )
}

export function again(plan: Plan): Markup {
  return section(
    'again',
    'How to run it again',
    html`<pre tabindex="0"><code>${clip(plan.command, 4000)}</code></pre>
<p class="muted">The verdict alone, from the evidence that is kept, without a target:</p>
<pre tabindex="0"><code>./readiness judge ${plan.run}</code></pre>`,
  )
}

export function proof(
  plan: Plan,
  verdicts: Verdicts,
  rows: Row[],
  caught: CaughtDefect[],
  renderedAt: string,
  rendererVersion: string,
): Markup {
  const commit = plan.harness.commit
  const evidenced = Map.groupBy(
    rows.filter((row) => row.evidence !== null),
    (row) => row.evidence ?? '',
  )
  return section(
    'proof',
    'Proof',
    html`${facts([
      ['Run', html`<code>${plan.run}</code>`],
      ['Catalogue', html`<code>${plan.catalogue_sha256}</code>`],
      [
        'Planned',
        `${instant(plan.created_at)}, ${plural(plan.checks.length, 'check', 'checks')}${plan.whole_catalogue ? ', the whole catalogue' : ''}, before anything ran`,
      ],
      [
        'Harness',
        html`${plan.harness.version}${commit === null ? ', commit unknown' : html`, commit <code>${commit}</code>`}`,
      ],
      ['Random seed', count(plan.random_seed).replaceAll('\u202F', '')],
      ['Exit code', String(verdicts.exit_code)],
      ['This page', `made ${instant(renderedAt)} by version ${rendererVersion}`],
    ])}
${
  evidenced.size > 0 &&
  scrolling(
    'Evidence',
    html`<table>
<caption>Evidence, in the run’s folder</caption>
<thead><tr><th scope="col">File</th><th scope="col">Judged by</th></tr></thead>
<tbody>${[...evidenced].map(([path, judges]) => html`\n<tr><td><code>${path}</code></td><td>${judges.map((row) => row.id).join(', ')}</td></tr>`)}
</tbody>
</table>`,
  )
}
${
  caught.length > 0 &&
  scrolling(
    'Known defects',
    html`<table>
<caption>Known defects, built into the reference server to see whether a check notices</caption>
<thead><tr><th scope="col">Defect</th><th scope="col">Its check</th><th scope="col">Caught</th></tr></thead>
<tbody>${caught.map((each) => html`\n<tr><td>${each.defect}</td><td>${each.check}</td><td>${each.caught ? html`<span class="outcome pass">${mark('pass')} caught</span>` : html`<span class="outcome fail">${mark('fail')} missed</span>`}</td></tr>`)}
</tbody>
</table>`,
  )
}`,
  )
}
