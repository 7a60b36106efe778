// L3's numbers, once: the k6 thresholds and the judge read these. Imported by k6 and by Node: no imports but types.

import type { Limit } from '../../harness/check.ts'

export const L3_LIMITS: Limit[] = [
  {
    name: 'revalidated_ms_max',
    value: 600_000,
    unit: 'ms',
    compare: 'at-most',
    source: 'E12 §6.1 L3: remaining 140 revalidated within 10 min',
  },
]

/** What is specified beside the time; smaller profiles say how much smaller they are. */
export const SPECIFIED = { queued: 150, released: 10 } as const
