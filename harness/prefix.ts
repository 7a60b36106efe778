// The prefix that everything carries which a run makes: by it a run's things are told from everybody else's, and found again.

import type { Target } from './target/target.ts'

/** Mail to it goes nowhere: `.test` is reserved (RFC 6761). */
const MAIL_DOMAIN = 'readiness.test'

/**
 * On a target that others use, the short id of the run: two runs never meet each other's things. On a stack of our own,
 * the seed number: the same number gives the same data.
 */
export function prefixOf(kind: Target['kind'], runId: string, randomSeed: number): string {
  return kind === 'url' ? urlPrefix(runId) : `readiness-${randomSeed}`
}

/** `readiness-1a2b3c`, of the run `20261125T045400Z-1a2b3c`. */
export function urlPrefix(runId: string): string {
  return `readiness-${runId.slice(-6)}`
}

/** Does a name carry the prefix? One that only contains it, or begins with a longer one, is somebody else's. */
export function carries(prefix: string, name: string): boolean {
  return name.startsWith(`${prefix}-`)
}

/** An app that some run made: its repository may be used again, for there are only as many as were handed over. */
export function isOfSomeRun(name: string): boolean {
  return /^readiness-[0-9a-f]{6}-/.test(name)
}

export function mailOf(prefix: string, who: string): string {
  return `${prefix}-${who}@${MAIL_DOMAIN}`
}

/** Is it the address of a person that the run made? */
export function isMailOf(prefix: string, email: string): boolean {
  return carries(prefix, email) && email.endsWith(`@${MAIL_DOMAIN}`) && email.split('@').length === 2
}
