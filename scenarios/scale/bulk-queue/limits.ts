// The numbers of bulk-queue, once: the k6 thresholds and the judge read these. No imports but types.

import type { Limit } from '../../../harness/check.ts'

const ms = (name: string, value: number, what: string): Limit => ({
  name,
  value,
  unit: 'ms',
  compare: 'at-most',
  source: `scale tier (issue 'Load', 4), bulk-queue: ${what}`,
})

export const BULK_LIMITS: Limit[] = [
  ms('latency_ms_p95', 2_000, 'p95 < 2 s'),
  ms('latency_ms_p99', 5_000, 'p99 < 5 s'),
  {
    name: 'error_share_max',
    value: 0.01,
    unit: '',
    compare: 'at-most',
    source: "scale tier (issue 'Load', 4), bulk-queue: errors < 1 %",
  },
]
