// The numbers of bulk-queue, once: the k6 thresholds and the judge read these.

import type { Limit } from '../../../harness/check.ts'
import { scaleLimits } from '../lib/limits.ts'

const { ms, share } = scaleLimits('bulk-queue')

export const BULK_LIMITS: Limit[] = [
  ms('latency_ms_p95', 2_000, 'p95 < 2 s'),
  ms('latency_ms_p99', 5_000, 'p99 < 5 s'),
  share('error_share_max', 0.01, 'errors < 1 %'),
]
