// F4's numbers: F3's where the same is claimed.

import type { Limit } from '../../harness/check.ts'
import { F3_LIMITS } from '../F3/limits.ts'

export const F4_LIMITS: Limit[] = [
  {
    name: 'back_ms_max',
    value: 60_000,
    unit: 'ms',
    compare: 'at-most',
    source:
      'E12 §6.8 F4: automatic recovery, without a number; twice the 30 s for which a MongoDB driver looks for a server',
  },
  ...F3_LIMITS.filter(({ name }) => name !== 'back_ms_max'),
]
