// The numbers of poll-storm, once: the k6 thresholds and the judge read these.

import type { Limit } from '../../../harness/check.ts'
import { scaleLimits } from '../lib/limits.ts'

const { ms, share } = scaleLimits('poll-storm')

export const POLL_LIMITS: Limit[] = [
  ms('latency_ms_p95', 500, 'p95 < 500 ms'),
  ms('latency_ms_p99', 1_000, 'p99 < 1 s'),
  share('error_share_max', 0.001, 'errors < 0.1 %'),
]
