// Everything that is random in the seed, from a label: the same label gives the same numbers, on every machine.

import { createHash } from 'node:crypto'
import { ObjectId } from 'mongodb'

export interface Numbers {
  /** A whole number from 0 to n − 1. */
  below(n: number): number
  /** From 0 up to, not including, 1. */
  share(): number
  /** Log-normal, as sizes of files and texts are: half of them below the median, a few far above it. */
  logNormal(median: number, sigma: number, max: number): number
  pick<T>(from: readonly T[]): T
  shuffled<T>(items: readonly T[]): T[]
}

/** Mulberry32 over the label's hash: small, fast, and good enough for data. */
export function numbersFrom(label: string): Numbers {
  let state = createHash('sha256').update(label).digest().readUInt32BE()
  const share = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (n: number) => Math.floor(share() * n)
  return {
    below,
    share,
    logNormal(median, sigma, max) {
      // Box–Muller: two even numbers make one that is normal.
      const normal = Math.sqrt(-2 * Math.log(1 - share())) * Math.cos(2 * Math.PI * share())
      return Math.max(1, Math.min(max, Math.round(median * Math.exp(sigma * normal))))
    },
    pick: (from) => from[below(from.length)]!,
    shuffled(items) {
      const result = [...items]
      for (let last = result.length - 1; last > 0; last -= 1) {
        const other = below(last + 1)
        ;[result[last], result[other]] = [result[other]!, result[last]!]
      }
      return result
    },
  }
}

/** The id of what the seed calls by these words: a second seeding finds what the first one wrote. */
export function idFrom(...words: readonly (string | number)[]): ObjectId {
  return new ObjectId(createHash('sha256').update(words.join(' ')).digest().subarray(0, 12))
}
