// Gates that hold with however many samples there are: below the samples that a quantile takes, all of them must keep the limit
// (decisions, 'too few samples'). Pure.

import type { Finding, Limit, Measured, Verdict } from '../../harness/check.ts'
import { fewestSamplesFor } from '../../harness/statistics.ts'
import { keeps } from '../../harness/verdict.ts'
import { eachWithinFinding, percentileFinding, type Requests } from './claims.ts'
import type { Instrument } from './load.ts'

/** A p99 where there are samples for one, and each of them where there are fewer. */
export function latencyFinding(claim: string, requests: Requests, limit: Limit, instrument: Instrument): Finding {
  const n = requests.ended.length
  if (n >= fewestSamplesFor(0.99)) return percentileFinding(claim, requests, 0.99, limit, instrument)
  const finding = eachWithinFinding(claim, requests, limit, instrument)
  return {
    ...finding,
    because: `${finding.because} (fewer than the ${fewestSamplesFor(0.99)} of a p99: each is judged)`,
  }
}

/** A share in per cent that must be reached: of few samples each one must be good. */
export function shareFinding(
  claim: string,
  input: { n: number; bad: number; what: string; badOnes: string; limit: Limit },
): Finding {
  const { n, bad, what, badOnes, limit } = input
  if (n === 0) return { claim, outcome: 'not-verified', because: `there are no ${what}`, limit, n }
  const share = (100 * (n - bad)) / n
  const floor = fewestSamplesFor(limit.value / 100)
  const measured: Measured = { value: share, unit: '%', label: `of ${n} ${what}` }
  const figure = `${percent(share)} of ${n} ${what}${bad === 0 ? '' : `: ${badOnes}`}`
  const kept = n >= floor ? keeps(share, limit) : bad === 0
  const few =
    n >= floor ? '' : ` (fewer than the ${floor} that a share of ${percent(limit.value)} takes: each is judged)`
  return {
    claim,
    outcome: kept ? 'pass' : 'fail',
    because: `${figure}${kept ? '' : `, limit ${percent(limit.value)}`}${few}`,
    measured,
    limit,
    n,
  }
}

function percent(share: number): string {
  return `${Number(share.toFixed(2))} %`
}

/** Where the load itself could not be made, nothing on the target is to be mended. `load`: what is claimed of it. */
export function remediedFor(verdict: Verdict, load: readonly Finding[]): Verdict {
  return verdict.outcome === 'not-verified' && load.some(({ outcome }) => outcome !== 'pass')
    ? {
        ...verdict,
        remedy: 'run it again where the load can be made: on a machine that does nothing else, within the rate limits',
      }
    : verdict
}
