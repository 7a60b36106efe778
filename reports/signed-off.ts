// Who signed which part, and whether that was under the verdicts of this page.

import type { SignOff } from '../harness/sign-offs.ts'
import { CELL_CHARACTERS, scrolling, section } from './appendix.ts'
import { instant } from './format.ts'
import { html, type Markup } from './html.ts'
import { clip } from './visible.ts'

export function signedOff({ given, verdicts_sha256 }: { given: readonly SignOff[]; verdicts_sha256: string }): Markup {
  return section(
    'signed-off',
    'Signed off',
    html`<p class="muted">A person's word beside what was measured; it changes no verdict.</p>${scrolling(
      'Who signed',
      html`<table>
<caption class="unseen">Who signed which part, and what stood there then</caption>
<thead><tr><th scope="col">Part</th><th scope="col">By</th><th scope="col">When</th><th scope="col">What was signed</th><th scope="col">Note</th></tr></thead>
<tbody>${given.map((one) => {
        const same = one.verdicts_sha256 === verdicts_sha256
        return html`\n<tr><td>${clip(one.section, CELL_CHARACTERS)}</td><td><bdi>${clip(one.name, CELL_CHARACTERS)}</bdi></td><td>${instant(one.at)}</td><td>${clip(one.seen, CELL_CHARACTERS)}${!same && html` <b>Other verdicts than these: the run was judged again since.</b>`}</td><td><bdi>${clip(one.note ?? '', CELL_CHARACTERS)}</bdi></td></tr>`
      })}
</tbody>
</table>`,
    )}`,
  )
}
