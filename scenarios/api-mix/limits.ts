// The numbers of what is judged from the mix, once: the k6 threshold and the judge read these. Imported by k6 and by Node: no
// imports but types.

import type { Limit } from '../../harness/check.ts'

export const GL_P2_LIMITS: Limit[] = [
  {
    name: 'latency_ms_p99',
    value: 500,
    unit: 'ms',
    compare: 'at-most',
    source: 'E12 §10 GL-P2: API p99 < 500 ms with 50 concurrent users',
  },
  { name: 'users_min', value: 50, unit: 'users', compare: 'at-least', source: 'E12 §10 GL-P2: 50 concurrent users' },
]

export const SLO1_LIMITS: Limit[] = [
  {
    name: 'availability_percent_min',
    value: 99.9,
    unit: '%',
    compare: 'at-least',
    source: 'E12 §6.3 SLO1: non-5xx ÷ all ≥ 99.9 %',
  },
]

export const SLO2_LIMITS: Limit[] = [
  {
    name: 'latency_ms_p99',
    value: 500,
    unit: 'ms',
    compare: 'at-most',
    source: 'E12 §6.3 SLO2: p99 < 500 ms, non-background endpoints',
  },
]
