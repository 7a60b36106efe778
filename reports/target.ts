// What was tested: what the target said of itself before anything ran, how fast it answered, what the harness could reach
// of it and what not, and what its client had to ask twice.

import type { Plan, Reach, Verdicts } from '../harness/result.ts'
import type { ClientStatistics } from '../harness/target/conman/statistics.ts'
import { CELL_CHARACTERS, facts, scrolling, section } from './appendix.ts'
import { count, plural, quantity } from './format.ts'
import { html, type Markup } from './html.ts'
import { reachWord } from './reach.ts'
import { answersText, clockText } from './times.ts'
import { clip } from './visible.ts'

export function theTarget(plan: Plan, verdicts: Verdicts, client: ClientStatistics | undefined): Markup {
  const target = verdicts.target
  const settings = Object.entries(target.settings)
  const unreached = (plan.reach ?? []).filter((each) => !each.reached)
  return section(
    'target',
    'The target',
    html`${facts([
      ['Kind', target.kind],
      ['Address', html`<bdi>${clip(target.address, CELL_CHARACTERS)}</bdi>`],
      ['Version', html`<bdi>${clip(target.version ?? 'not stated by the target', CELL_CHARACTERS)}</bdi>`],
      ['OpenAPI document', target.openapi_sha256 && html`<code>${target.openapi_sha256}</code>`],
      ['Health', target.health.map((each) => `${clip(each.name, 80)}: ${clip(each.status, 80)}`).join(' · ')],
      ['MongoDB', target.mongodb && clip(target.mongodb, CELL_CHARACTERS)],
      [
        'Answer headers',
        target.headers.length > 0 ? html`<code>${clip(target.headers.join(', '), 2000)}</code>` : null,
      ],
      ['Answered in', target.times ? answersText(target.times) : null],
      ['Its clock', target.times ? clockText(target.times) : null],
      ['Within reach', target.capabilities.map((each) => clip(reachWord(each), 80)).join(', ')],
    ])}
${unreached.length > 0 && notWithinReach(unreached)}
${
  settings.length > 0 &&
  scrolling(
    'Settings',
    html`<table>
<caption>Set by the harness on this target, because a verdict could depend on it</caption>
<thead><tr><th scope="col">Setting</th><th scope="col">Value</th></tr></thead>
<tbody>${settings.map(([name, value]) => html`\n<tr><td><code>${clip(name, CELL_CHARACTERS)}</code></td><td><code>${clip(value, CELL_CHARACTERS)}</code></td></tr>`)}
</tbody>
</table>`,
  )
}
${client && retried(client)}`,
  )
}

/** Why, and what to hand over for more: the next run can then verify what this one could not. */
function notWithinReach(unreached: readonly Reach[]): Markup {
  return html`<h3 class="small">Not within reach</h3>
<dl class="facts">${unreached.map(
    (each) => html`
<dt>${clip(reachWord(each.capability), 80)}</dt><dd>${each.because && clip(each.because, CELL_CHARACTERS)}${each.hand_over && html` <span class="remedy">→ hand over ${clip(each.hand_over, CELL_CHARACTERS)}</span>`}</dd>`,
  )}
</dl>`
}

const RETRY_WORDS: Readonly<Record<ClientStatistics['retries'][number]['reason'], string>> = {
  '429': 'the target limits its rate (429)',
  '502 on a write': 'of two writes at once one lost (502)',
  'gate job': 'a publish or a deploy wanted a job of its own first (409)',
  'login again': 'logged in again, for roles may be frozen in a token',
  'no answer': 'a read whose connection broke',
}

/** A target that answers only when it is asked twice is told from one that answers. No verdict rests on it. */
function retried({ requests, by_status, retries }: ClientStatistics): Markup {
  const caption = 'What the harness’s client had to retry'
  const statuses = Object.entries(by_status)
    .map(([status, n]) => `${clip(status, 20)}: ${count(n)}`)
    .join(' · ')
  const all = html`<p class="muted">${plural(requests, 'request', 'requests')} in all${statuses !== '' && ` (${statuses})`}; loads are counted by their checks.</p>`
  if (retries.length === 0) return html`<h3 class="small">${caption}</h3>\n<p>nothing</p>\n${all}`
  return html`${scrolling(
    caption,
    html`<table>
<caption>${caption}</caption>
<thead><tr><th scope="col">Why</th><th scope="col" class="number">Times</th><th scope="col" class="number">Waited</th></tr></thead>
<tbody>${retries.map(({ reason, count: times, waited_s }) => html`\n<tr><td>${RETRY_WORDS[reason]}</td><td class="number">${count(times)}</td><td class="number">${quantity(waited_s, 's')}</td></tr>`)}
</tbody>
</table>`,
  )}${all}`
}
