/** A known defect: a worse part for a good server, and which check must notice it. */
import { createHash } from 'node:crypto'
import type { Services } from '../conman/services.ts'

export interface Defect {
  id: string
  /** What the server does wrong. */
  title: string
  /** The check that must turn red. */
  check: string
  /** What that check's explanation must say, among other things. */
  reason: string
  /** Other checks that may redden with it. */
  mayRedden: readonly string[]
  /** The parts to put in place of the good ones. */
  apply(services: Services): Partial<Services>
}

/** Whether a defect strikes at this path: one path in `n`, always the same ones. */
export function strikes(path: string, n: number): boolean {
  return createHash('sha256').update(path).digest().readUInt32BE() % n === 0
}
