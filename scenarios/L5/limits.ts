// L5's numbers, once: the k6 thresholds and the judge read these. Imported by k6 and by Node: no imports but types.

import type { Limit } from '../../harness/check.ts'

const ms = (name: string, value: number, what: string): Limit => ({
  name,
  value,
  unit: 'ms',
  compare: 'at-most',
  source: `E12 §6.1 L5: ${what}`,
})

const atLeast = (name: string, value: number, unit: string): Limit => ({
  name,
  value,
  unit,
  compare: 'at-least',
  source: `E12 §6.1 L5: at least ${value} ${unit}`,
})

export const L5_LIMITS: Limit[] = [
  ms('tree_ms_max', 3_000, 'tree < 3 s'),
  ms('file_ms_max', 500, 'one file < 500 ms'),
  ms('diff_ms_max', 5_000, 'diff < 5 s'),
  atLeast('files_min', 10_000, 'files'),
  atLeast('directories_min', 500, 'directories'),
]
