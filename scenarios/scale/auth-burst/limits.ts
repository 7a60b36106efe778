// The numbers of auth-burst, once: the k6 thresholds and the judge read these. No imports but types.

import type { Limit } from '../../../harness/check.ts'

const ms = (name: string, value: number, what: string): Limit => ({
  name,
  value,
  unit: 'ms',
  compare: 'at-most',
  source: `scale tier (issue 'Load', 4), auth-burst: per-endpoint p95 of 300–800 ms: ${what}`,
})

export const AUTH_LIMITS: Limit[] = [
  ms('token_ms_p95', 300, 'the cheapest, use of a token'),
  ms('reset_ms_p95', 500, 'asking for a new password'),
  ms('login_ms_p95', 800, 'the dearest, a login'),
  {
    name: 'server_error_share_max',
    value: 0.001,
    unit: '',
    compare: 'at-most',
    source: "scale tier (issue 'Load', 4), auth-burst: 5xx < 0.1 %",
  },
  {
    name: 'auth_per_minute_max',
    value: 10,
    unit: 'requests',
    compare: 'at-most',
    source: 'E12 §6.4, RL3: 10 requests a minute and address to /api/auth/*',
  },
]
