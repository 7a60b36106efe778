// L4's numbers, once.

import type { Limit } from '../../harness/check.ts'

export const L4_LIMITS: Limit[] = [
  {
    name: 'releases_min',
    value: 5,
    unit: 'releases',
    compare: 'at-least',
    source: 'E12 §6.1 L4: 5 releases',
  },
  {
    name: 'changesets_each_min',
    value: 5,
    unit: 'changesets',
    compare: 'at-least',
    source: 'E12 §6.1 L4: 5 changesets each',
  },
  {
    name: 'interval_s',
    value: 60,
    unit: 's',
    compare: 'exactly',
    source: 'E12 §6.1 L4: 60 s apart; decisions: shortened outside golive, and said',
  },
  {
    name: 'late_s_max',
    value: 2,
    unit: 's',
    compare: 'at-most',
    source: 'a release that the harness begins later than that was not begun on schedule',
  },
]
