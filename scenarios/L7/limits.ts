// L7's numbers, once: the k6 thresholds and the judge read these. Imported by k6 and by Node: no imports but types.

import type { Limit } from '../../harness/check.ts'

export const L7_LIMITS: Limit[] = [
  {
    name: 'latency_ms_p99',
    value: 500,
    unit: 'ms',
    compare: 'at-most',
    source: 'E12 §6.1 L7: p99 < 500 ms',
  },
  {
    name: 'users_min',
    value: 50,
    unit: 'users',
    compare: 'at-least',
    source: 'E12 §6.1 L7: 50 concurrent',
  },
  {
    name: 'queued_min',
    value: 500,
    unit: 'changesets',
    compare: 'at-least',
    source: 'E12 §6.1 L7: 500 changesets stored; decisions L7: 500 queued beside the mixed 500',
  },
]
