// Order statistics for latencies. No interpolation: every figure is a sample that was really seen, and a percentile is
// refused where there are too few samples to bound it.

const CONFIDENCE = 0.95

/** Nearest-rank percentile of ascending values: the smallest sample that at least `q` of all samples do not exceed. */
export function percentile(ascending: readonly number[], q: number): number {
  if (ascending.length === 0) throw new RangeError('a percentile of no samples')
  if (!(q > 0 && q <= 1)) throw new RangeError(`q must be in (0, 1], got ${q}`)
  const rank = Math.ceil(q * ascending.length)
  return ascending[Math.max(1, rank) - 1]!
}

/**
 * Fewest samples from which the largest is, with 95 % confidence, an upper bound of the q-quantile, whatever the
 * distribution: 1 − qⁿ ≥ 0.95. For p99 that is 299. Below it a gate on the percentile says nothing, and the rule is
 * 'all n within the limit' (decisions, 'too few samples').
 */
export function fewestSamplesFor(q: number): number {
  return Math.ceil(Math.log(1 - CONFIDENCE) / Math.log(q))
}

/**
 * Distribution-free interval of the q-quantile: the order statistics between which it lies with at least 95 % confidence,
 * whatever the distribution. How many of n samples lie below the quantile is binomial, and its tails are added up exactly:
 * half of what may be missed above, and below what is then left of it. `coverage` is the exact confidence. Null where
 * there are too few samples for any pair.
 */
export function percentileInterval(
  ascending: readonly number[],
  q: number,
): { low: number; high: number; confidence: number; coverage: number } | null {
  const n = ascending.length
  const missed = 1 - CONFIDENCE
  if (n < fewestSamplesFor(q)) return null
  // Above: the highest rank whose sample the quantile exceeds rarely enough; the last one where none is rare enough.
  const above = tails(n, q, missed / 2).high
  const below = tails(n, q, missed - above.probability).low
  if (below === null) return null
  return {
    low: ascending[below.rank - 1]!,
    high: ascending[above.rank - 1]!,
    confidence: CONFIDENCE,
    coverage: 1 - above.probability - below.probability,
  }
}

interface Tail {
  rank: number
  /** That the quantile lies beyond the sample of this rank. */
  probability: number
}

/** The ranks nearest to the quantile beyond which it lies with at most the given probability, on either side. */
function tails(n: number, q: number, probability_max: number): { low: Tail | null; high: Tail } {
  // Beyond rank r above: at least r samples lie below the quantile. The last rank is the best there is.
  let high: Tail = { rank: n, probability: Math.exp(logBinomial(n, n, q)) }
  for (let sum = high.probability, rank = n - 1; rank >= 1; rank -= 1) {
    sum += Math.exp(logBinomial(n, rank, q))
    if (sum > probability_max) break
    high = { rank, probability: sum }
  }
  // Beyond rank r below: fewer than r samples lie below the quantile.
  let low: Tail | null = null
  for (let sum = 0, rank = 1; rank <= n; rank += 1) {
    sum += Math.exp(logBinomial(n, rank - 1, q))
    if (sum > probability_max) break
    low = { rank, probability: sum }
  }
  return { low, high }
}

/** Logarithm of the probability that exactly k of n samples lie below the q-quantile. */
function logBinomial(n: number, k: number, q: number): number {
  return logFactorial(n) - logFactorial(k) - logFactorial(n - k) + k * Math.log(q) + (n - k) * Math.log1p(-q)
}

/** Sums of logarithms, kept: the intervals of one run ask for the same ones again and again. */
const LOG_FACTORIALS = [0]

function logFactorial(n: number): number {
  for (let next = LOG_FACTORIALS.length; next <= n; next += 1) {
    LOG_FACTORIALS.push(LOG_FACTORIALS[next - 1]! + Math.log(next))
  }
  return LOG_FACTORIALS[n]!
}

export function ascending(values: Iterable<number>): number[] {
  return [...values].sort((a, b) => a - b)
}
