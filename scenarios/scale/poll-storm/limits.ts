// The numbers of poll-storm, once: the k6 thresholds and the judge read these. No imports but types.

import type { Limit } from '../../../harness/check.ts'

const ms = (name: string, value: number, what: string): Limit => ({
  name,
  value,
  unit: 'ms',
  compare: 'at-most',
  source: `scale tier (issue 'Load', 4), poll-storm: ${what}`,
})

export const POLL_LIMITS: Limit[] = [
  ms('latency_ms_p95', 500, 'p95 < 500 ms'),
  ms('latency_ms_p99', 1_000, 'p99 < 1 s'),
  {
    name: 'error_share_max',
    value: 0.001,
    unit: '',
    compare: 'at-most',
    source: "scale tier (issue 'Load', 4), poll-storm: errors < 0.1 %",
  },
]
