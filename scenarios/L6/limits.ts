// L6's numbers, once.

import type { Limit } from '../../harness/check.ts'

export const L6_LIMITS: Limit[] = [
  {
    name: 'deployments_min',
    value: 10,
    unit: 'deployments',
    compare: 'at-least',
    source: 'E12 §6.1 L6: 10 concurrent, different environments of different apps',
  },
  {
    name: 'racing_min',
    value: 50,
    unit: 'requests',
    compare: 'at-least',
    source: 'issue 6: 50 deploys racing on one environment, http-api HD95: one active, race-safe',
  },
  {
    name: 'clocks_apart_ms_max',
    value: 1_000,
    unit: 'ms',
    compare: 'at-most',
    source: 'processes on different machines write the moments of a deployment; NTP keeps them well within a second',
  },
]
