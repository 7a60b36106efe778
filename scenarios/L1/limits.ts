// L1's numbers, once: the k6 thresholds and the judge read these. Imported by k6 and by Node: no imports but types.

import type { Limit } from '../../harness/check.ts'

export const L1_LIMITS: Limit[] = [
  {
    name: 'latency_ms_max',
    value: 2_000,
    unit: 'ms',
    compare: 'at-most',
    source: 'E12 §6.1 L1: each edit completes within 2 s',
  },
]

export const SAMPLE_LIMITS: Limit[] = [
  {
    name: 'latency_ms_p99',
    value: 2_000,
    unit: 'ms',
    compare: 'at-most',
    source: 'E12 §9.1: http_req_duration p(99)<2000',
  },
  {
    name: 'failed_share_max',
    value: 0.01,
    unit: '',
    compare: 'at-most',
    source: 'E12 §9.1: http_req_failed rate<0.01',
  },
]
