// What can go wrong on the harness's side of the line, and the exit code of each. A target that misbehaves is never an
// error here: it is a verdict.

/** Exit codes of `./readiness` (docs/exit-codes.md; precedence 130 > 3 > 4 > 1 > 2 > 0). */
export const EXIT = {
  ok: 0,
  mustFailed: 1,
  mustNotVerified: 2,
  usage: 3,
  harness: 4,
  interrupted: 130,
} as const

/** An error that a person reads: what is wrong, and what to do about it. */
abstract class Explained extends Error {
  abstract readonly exitCode: number
  readonly remedy: string
  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.remedy = remedy
  }
}

/** The user can mend it: a wrong option, an unreachable target, a missing tool. One line, and what to do. Exit code 3. */
export class UsageError extends Explained {
  readonly exitCode = EXIT.usage
}

/** The harness could not do its work: a stack that does not come up, a full disk. Says nothing about the target. Exit code 4. */
export class HarnessError extends Explained {
  readonly exitCode = EXIT.harness
}

/**
 * The target did not do what a check stands on, so that it cannot be verified. Nobody's mistake but the target's: it ends no
 * command, and says nothing about the harness.
 */
export class TargetFailed extends Error {
  readonly remedy: string
  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'TargetFailed'
    this.remedy = remedy
  }
}

/** The run's folder could not be written: the run ends, for evidence that cannot be kept is none. Exit code 4. */
export class EvidenceNotWritten extends HarnessError {}

/** The user, or whoever runs the harness, ended it. What was gathered is kept and says that it was cut short. Exit code 130. */
export class Interrupted extends Error {
  readonly exitCode = EXIT.interrupted
  constructor(signal: string) {
    super(`interrupted by ${signal}`)
    this.name = 'Interrupted'
  }
}
