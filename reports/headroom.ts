// The bar in a row: what was measured against its limit. The limit's tick stands at the same place in every row, so that
// a column of bars can be read down.

import type { Limit, Measured, Outcome } from '../harness/check.ts'
import { errorBudget, inUnitOf } from './format.ts'
import { html, type Markup } from './html.ts'

const WIDTH = 160
const HEIGHT = 12
// Three quarters: room to show by how much a limit was missed, up to a third beyond it.
const TICK = WIDTH * 0.75

export function headroomBar(measured: Measured | null, limit: Limit | null, outcome: Outcome): Markup | null {
  if (!measured || !limit) return null
  const value = inUnitOf(measured, limit)
  if (value === null || value < 0) return null
  const budget = errorBudget(limit)
  const share = budget ? (budget.whole - value) / (budget.whole - limit.value) : value / limit.value
  // A limit of nothing has no bar: any length would be a lie.
  if (!Number.isFinite(share) || limit.value <= 0) return null
  const length = Math.min(Math.max(share, 0) * TICK, WIDTH)
  return html`<svg class="bar ${outcome}" viewBox="0 0 ${WIDTH} ${HEIGHT}" aria-hidden="true"><rect class="track" y="3" width="${WIDTH}" height="6"/><rect class="fill" y="3" width="${length.toFixed(1)}" height="6"/><path class="tick" d="M${TICK} 0v${HEIGHT}"/></svg>`
}
