// Pictures of tens of thousands of answers: an even part of them, said in the title.

import type { Chart } from '../../../harness/check.ts'
import { latencyCharts, type Shown } from '../../lib/pictures.ts'

const SHOWN_MAX = 4_000

export function thinnedCharts(what: string, shown: readonly Shown[], limit: { value: number; label: string }): Chart[] {
  const every = Math.ceil(shown.length / SHOWN_MAX)
  if (every <= 1) return latencyCharts(what, shown, limit)
  const part = shown.filter((_, index) => index % every === 0)
  return latencyCharts(`${what} (one in ${every} of ${shown.length})`, part, limit)
}
