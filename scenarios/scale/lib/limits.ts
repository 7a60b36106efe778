// Limits of the scale tier, each with its source. No imports but types: the k6 scripts' settings are made from them.

import type { Limit } from '../../../harness/check.ts'

export function scaleLimits(scenario: string) {
  const limit = (name: string, value: number, unit: string, what: string): Limit => ({
    name,
    value,
    unit,
    compare: 'at-most',
    source: `scale tier (issue 'Load', 4), ${scenario}: ${what}`,
  })
  return {
    ms: (name: string, value: number, what: string) => limit(name, value, 'ms', what),
    share: (name: string, value: number, what: string) => limit(name, value, '', what),
  }
}
