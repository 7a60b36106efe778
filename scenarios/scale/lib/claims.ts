// What the scale scenarios claim beside what every load does: pure.

import type { Finding, Limit, Measured } from '../../../harness/check.ts'
import { fewestSamplesFor } from '../../../harness/statistics.ts'
import {
  eachWithinFinding,
  percentileFinding,
  percentileName,
  type Requests,
  statuses,
  tooFewForShare,
  wasDistrusted,
} from '../../lib/claims.ts'
import type { Instrument, Load } from '../../lib/load.ts'

type Ended = Requests['ended'][number]

/** Without what a rate limit refused: that load was not made (`throttledFinding`). */
export function unthrottled({ what, ended }: Requests): Requests {
  return { what, ended: ended.filter(({ status }) => status !== 429) }
}

/**
 * Fewer than the limit's share are errors: below the number of answers of which the limit is one, none may be. What the
 * generator itself refused is no answer (`generatorFinding`).
 */
export function errorShareFinding(
  claim: string,
  { what, ended }: Requests,
  limit: Limit,
  { stopped_at_5xx_share }: Pick<Load, 'stopped_at_5xx_share'>,
  isError: (answer: Ended) => boolean = ({ status }) => status < 200 || status > 299,
): Finding {
  const judged = ended.filter((one) => !wasDistrusted(one))
  const n = judged.length
  const failed = judged.filter(isError)
  if (n === 0) return { claim, outcome: 'not-verified', because: `no ${what} were answered`, limit, n }
  if (tooFewForShare(n, stopped_at_5xx_share)) {
    return { claim, outcome: 'not-verified', because: `${n} answers are too few for a share`, limit, n }
  }
  const share = failed.length / n
  const measured: Measured = { value: share, unit: '', label: `share of errors among ${what}` }
  if (failed.length === 0) {
    const bound = 1 - (1 - CONFIDENCE) ** (1 / n)
    return {
      claim,
      outcome: 'pass',
      because: `0 of ${n} ${what} failed (with 95 % confidence fewer than ${percent(bound)} do)`,
      measured,
      limit,
      n,
    }
  }
  return share < limit.value
    ? { claim, outcome: 'pass', because: `${failed.length} of ${n} ${what} failed`, measured, limit, n }
    : {
        claim,
        outcome: 'fail',
        because: `${failed.length} of ${n} ${what} failed: ${statuses(failed)}; the limit is ${percent(limit.value)}`,
        measured,
        limit,
        n,
      }
}

const CONFIDENCE = 0.95

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(2))} %`
}

/** The percentile, or each of them where they are too few for it (decisions, ‘too few samples’). */
export function percentileOrEachFinding(
  claim: string,
  requests: Requests,
  q: number,
  limit: Limit,
  instrument: Instrument,
): Finding {
  const { what, ended } = requests
  const tooFew = ended.length < fewestSamplesFor(q)
  const finding = tooFew
    ? eachWithinFinding(`${claim}: each of them, too few for a ${percentileName(q)}`, requests, limit, instrument)
    : percentileFinding(`${claim}: ${percentileName(q)}`, requests, q, limit, instrument)
  // One check has several kinds of requests, each with a figure of its own.
  const label = `${tooFew ? 'slowest' : percentileName(q)} of the ${what}`
  return finding.measured === undefined ? finding : { ...finding, measured: { ...finding.measured, label } }
}

/** Less than what the profile asks for may be fast for that reason alone: it passes nothing. `spare`: so many may be missing. */
export function enoughFinding(claim: string, there: number, wanted: number, unit: string, spare = 0): Finding {
  const kept = there + spare >= wanted
  return {
    claim,
    outcome: kept ? 'pass' : 'not-verified',
    because: kept ? `${there} ${unit}` : `${there} ${unit}, ${wanted} are asked for`,
    measured: { value: there, unit, label: claim },
    n: there,
  }
}

/** Arrivals at a constant rate: k6 begins the first one at once and the last one a moment before the end, one more or one less. */
export function arrivedFinding(
  arrived: number,
  plan: { rate_per_s: number; duration_s: number },
  unit: string,
): Finding {
  const claim = `as many ${unit} were made as are asked for`
  return enoughFinding(claim, arrived, plan.rate_per_s * plan.duration_s, unit, 1)
}
