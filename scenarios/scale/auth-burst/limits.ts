// The numbers of auth-burst, once: the k6 thresholds and the judge read these.

import type { Limit } from '../../../harness/check.ts'
import { scaleLimits } from '../lib/limits.ts'

const { ms, share } = scaleLimits('auth-burst')

export const AUTH_LIMITS: Limit[] = [
  ms('token_ms_p95', 300, 'per-endpoint p95 of 300–800 ms: the cheapest, use of a token'),
  ms('reset_ms_p95', 500, 'per-endpoint p95 of 300–800 ms: asking for a new password'),
  ms('login_ms_p95', 800, 'per-endpoint p95 of 300–800 ms: the dearest, a login'),
  share('server_error_share_max', 0.001, '5xx < 0.1 %'),
  {
    name: 'auth_per_minute_max',
    value: 10,
    unit: 'requests',
    compare: 'at-most',
    source: 'E12 §6.4, RL3: 10 requests a minute and address to /api/auth/*',
  },
]
