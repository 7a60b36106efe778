// L2's numbers, once: the k6 thresholds and the judge read these. Imported by k6 and by Node: no imports but types.

import type { Limit } from '../../harness/check.ts'

export const L2_LIMITS: Limit[] = [
  {
    name: 'enqueued_ms_max',
    value: 1_000,
    unit: 'ms',
    compare: 'at-most',
    source: 'E12 §6.1 L2: jobs enqueued within 1 s',
  },
  {
    name: 'submits_min',
    value: 50,
    unit: 'submits',
    compare: 'at-least',
    source: 'E12 §6.1 L2: 50 concurrent',
  },
  {
    name: 'start_skew_ms_max',
    value: 1_000,
    unit: 'ms',
    compare: 'at-most',
    source: 'ours: what begins later than a job may be enqueued is no part of the same storm',
  },
]
