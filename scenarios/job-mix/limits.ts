// The numbers of what is judged from the steady job load, once.

import type { Limit } from '../../harness/check.ts'

const STANDARD_MS = 30_000
const DEPLOY_MS = 120_000

export const GL_P3_LIMITS: Limit[] = [
  {
    name: 'standard_ms_p99',
    value: STANDARD_MS,
    unit: 'ms',
    compare: 'at-most',
    source: 'E12 §10 GL-P3: job p99 < 30 s standard',
  },
  {
    name: 'deploy_ms_p99',
    value: DEPLOY_MS,
    unit: 'ms',
    compare: 'at-most',
    source: 'E12 §10 GL-P3: job p99 < 120 s deploy',
  },
]

export const SLO3_LIMITS: Limit[] = [
  {
    name: 'job_ms_p99',
    value: STANDARD_MS,
    unit: 'ms',
    compare: 'at-most',
    source: 'E12 §6.3 SLO3: job p99 < 30 s, enqueue to completion',
  },
]

export const SLO4_LIMITS: Limit[] = [
  {
    name: 'deploy_ms_p99',
    value: DEPLOY_MS,
    unit: 'ms',
    compare: 'at-most',
    source: 'E12 §6.3 SLO4: deploy job p99 < 120 s',
  },
]

export const SLO5_LIMITS: Limit[] = [
  {
    name: 'success_percent_min',
    value: 99,
    unit: '%',
    compare: 'at-least',
    source: 'E12 §6.3 SLO5: succeeded ÷ non-canceled ≥ 99 %',
  },
]

/** As long as the slowest deployment may take, so that what has not ended by then is late; and a bit. */
export const JOBS_WITHIN_MS = DEPLOY_MS + 10_000
