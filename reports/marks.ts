// The drawing beside every outcome: a shape of its own each, so that no one needs the colour to read it.

import type { Outcome } from '../harness/check.ts'
import { html, type Markup, raw } from './html.ts'
import { OUTCOME_WORDS } from './summary.ts'

// One 16-unit square each. Filled shapes are settled, outlined ones are open.
const DRAWINGS: Readonly<Record<Outcome | 'ring', string>> = {
  pass: '<circle class="solid" cx="8" cy="8" r="7.5"/><path class="cut" d="M4.6 8.3 7 10.7 11.5 5.6"/>',
  ring: '<circle class="open" cx="8" cy="8" r="6.9"/><path class="open" d="M4.9 8.2 7.1 10.4 11.2 5.9"/>',
  fail: '<path class="solid" d="M4.9.5h6.2l4.4 4.4v6.2l-4.4 4.4H4.9L.5 11.1V4.9z"/><path class="cut" d="m5.3 5.3 5.4 5.4m0-5.4-5.4 5.4"/>',
  'not-verified':
    '<path class="open" d="M8 .9 15.1 8 8 15.1.9 8z"/><path class="open" d="M6.3 6.4c.2-2.2 3.5-2 3.4.1 0 1.2-1.6 1.3-1.7 2.6"/><circle class="solid" cx="8" cy="11" r=".8"/>',
  'not-applicable': '<circle class="open dotted" cx="8" cy="8" r="6.9"/><path class="open" d="M5 8h6"/>',
}

const RUN_DRAWINGS = {
  GO: 'pass',
  PASS: 'ring',
  'NO-GO': 'fail',
  FAIL: 'fail',
  INCOMPLETE: 'not-verified',
} as const

export function mark(shape: keyof typeof DRAWINGS): Markup {
  return html`<svg class="mark" viewBox="0 0 16 16" aria-hidden="true">${raw(DRAWINGS[shape])}</svg>`
}

export function outcomeMark(outcome: Outcome): Markup {
  return html`<span class="outcome ${outcome}">${mark(outcome)} ${OUTCOME_WORDS[outcome]}</span>`
}

/** GO alone is a filled disc: a PASS is good news of a smaller run, and must not look like a launch. */
export function verdictMark(verdict: keyof typeof RUN_DRAWINGS, disputed: boolean): { drawing: Markup; tone: Outcome } {
  const shape = disputed ? 'not-verified' : RUN_DRAWINGS[verdict]
  return { drawing: mark(shape), tone: shape === 'ring' ? 'pass' : shape }
}
