// One thing that is wrong with what a user gave: a sentence about a key, and what to do about it. Who gave it (a variable,
// or a line of a file) is added where it is shown.

import { UsageError } from '../errors.ts'

export interface Complaint {
  /** Where in the target: its keys, joined by dots; empty for the target itself. */
  key: string
  /** Follows the name of the key: ‘is not a URL’. */
  what: string
  remedy: string
}

/** How a user gave a target: what its keys are called there, and where they stand. */
export interface Source {
  /** For people: ‘CONMAN_BASE_URL’ or ‘targets.staging.url’. */
  nameOf(key: string): string
  /** ‘readiness.config.yaml:3:5: ’, or nothing where there are no lines. */
  placeOf(key: string): string
  /** Relative paths start here. */
  folder: string
}

export function sentence(complaint: Complaint, source: Source): string {
  return `${source.placeOf(complaint.key)}${source.nameOf(complaint.key)} ${complaint.what}`
}

/** One line for all: the first, and how many more there are. */
export function usageError(sentences: readonly { line: string; remedy: string }[], remedyForMore: string): UsageError {
  const [first, ...more] = sentences
  return new UsageError(
    more.length === 0 ? first!.line : `${first!.line} (and ${more.length} more)`,
    more.length === 0 ? first!.remedy : `${first!.remedy}; ${remedyForMore}`,
  )
}
