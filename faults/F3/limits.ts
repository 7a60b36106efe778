// F3's numbers.

import type { Limit } from '../../harness/check.ts'

export const F3_LIMITS: Limit[] = [
  {
    name: 'back_ms_max',
    value: 17_000,
    unit: 'ms',
    compare: 'at-most',
    source: 'E12 §6.8 F3: 2 s wait, then up to 15 s; decisions C23: the 15 s are a step-down’s',
  },
  {
    name: 'answer_ms_max',
    value: 35_000,
    unit: 'ms',
    compare: 'at-most',
    source: 'contract HD111 tolerates the 30 s for which a MongoDB driver looks for a primary; 5 s beside them',
  },
  {
    name: 'health_tells_ms_max',
    value: 3_000,
    unit: 'ms',
    compare: 'at-most',
    source:
      'E12 §6.8: health 503 meanwhile, which is 2–10 s; a driver hears of a lost primary at once or within its look',
  },
  {
    name: 'health_clears_ms_max',
    value: 5_000,
    unit: 'ms',
    compare: 'at-most',
    source: 'E12 §6.8: automatic recovery; a look of the driver and one of the health',
  },
  {
    name: 'health_answers_ms_max',
    value: 5_000,
    unit: 'ms',
    compare: 'at-most',
    source: 'E12 §6.8: health 503 meanwhile, which it can only say before the outage is over',
  },
]

export const BACK_LIMITS: Limit[] = [
  {
    name: 'back_ms_max',
    value: 45_000,
    unit: 'ms',
    compare: 'at-most',
    source: 'decisions C23: after a kill or freeze back within 45 s',
  },
]
