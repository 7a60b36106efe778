// How claims become a verdict: the worst one decides, and says so in its own words.

import type { Capability } from './capabilities.ts'
import type { Finding, Limit, Measured, Outcome, Verdict } from './check.ts'

/** Worst first. A claim that failed outweighs one that could not be verified, which outweighs any pass. */
const WORST_FIRST: readonly Outcome[] = ['fail', 'not-verified', 'pass', 'not-applicable']

export function worst(outcomes: readonly Outcome[]): Outcome {
  for (const outcome of WORST_FIRST) if (outcomes.includes(outcome)) return outcome
  return 'not-verified'
}

/** Does the measured value keep the limit? */
export function keeps(measured: number, limit: Limit): boolean {
  if (!Number.isFinite(measured)) return false
  switch (limit.compare) {
    case 'at-most':
      return measured <= limit.value
    case 'at-least':
      return measured >= limit.value
    case 'exactly':
      return measured === limit.value
  }
}

/**
 * Merges claims into a verdict. `headline` is the number that stands in the check's row; `whenPassed` says in one
 * sentence what was shown. With no claims at all nothing was verified.
 */
export function verdictOf(input: {
  findings: Finding[]
  whenPassed: string
  headline?: { measured: Measured; limit?: Limit; n: number }
  verifiedBy: Capability[]
  charts?: Verdict['charts']
  tables?: Verdict['tables']
  remedy?: string
}): Verdict {
  const outcome = worst(input.findings.map((finding) => finding.outcome))
  const deciding = input.findings.filter((finding) => finding.outcome === outcome)
  const because =
    outcome === 'pass'
      ? input.whenPassed
      : deciding.map((finding) => finding.because).join('; ') || 'no claim was evaluated'
  return {
    outcome,
    because,
    ...(input.headline
      ? {
          measured: input.headline.measured,
          ...(input.headline.limit ? { limit: input.headline.limit } : {}),
          n: input.headline.n,
        }
      : {}),
    verifiedBy: input.verifiedBy,
    findings: input.findings,
    charts: input.charts ?? [],
    tables: input.tables ?? [],
    ...(input.remedy && outcome !== 'pass' ? { remedy: input.remedy } : {}),
  }
}
