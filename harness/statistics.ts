// Order statistics for latencies. No interpolation: every figure is a sample that was really seen, and a percentile is
// refused where there are too few samples to bound it.

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
export function fewestSamplesFor(q: number, confidence = 0.95): number {
  return Math.ceil(Math.log(1 - confidence) / Math.log(q))
}

/**
 * Distribution-free interval of the q-quantile: the order statistics between which it lies with at least the given
 * confidence (normal approximation of the binomial, ranks widened outwards). Null below `fewestSamplesFor(q)`.
 */
export function percentileInterval(
  ascending: readonly number[],
  q: number,
): { low: number; high: number; confidence: number } | null {
  const n = ascending.length
  if (n < fewestSamplesFor(q)) return null
  const z = 1.96
  const spread = z * Math.sqrt(n * q * (1 - q))
  const low = Math.max(1, Math.floor(n * q - spread))
  const high = Math.min(n, Math.ceil(n * q + spread) + 1)
  return { low: ascending[low - 1]!, high: ascending[high - 1]!, confidence: 0.95 }
}

export function ascending(values: Iterable<number>): number[] {
  return [...values].sort((a, b) => a - b)
}
