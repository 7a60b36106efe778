// THE list of checks. A check that is not here does not exist; a folder of scenarios/, faults/, security/ or checklist/
// that is not here fails a test.

import { createHash } from 'node:crypto'
import { contract } from '../checklist/CONTRACT/check.ts'
import { databaseConcerns } from '../checklist/DC/check.ts'
import { indexedLists, sortedByIndex } from '../checklist/GL-P4/check.ts'
import { majorityWrites } from '../checklist/GL-R5/check.ts'
import { requiredIndexes } from '../checklist/IX/check.ts'
import { backAfterLoss, nothingLost, stepDownSurvived } from '../faults/F3/check.ts'
import { outageSurvived, trailComplete } from '../faults/F4/check.ts'
import { concurrentEdits, editsAudited, openModel, sampleAsWritten } from '../scenarios/L1/check.ts'
import { largeRepository } from '../scenarios/L5/check.ts'
import { openListing, queuedListing } from '../scenarios/L7/check.ts'
import type { Check, ProfileName } from './check.ts'
import { UsageError } from './errors.ts'

// Evidence types differ from check to check; the schema of the gatherer guards each at run time.
// biome-ignore lint/suspicious/noExplicitAny: a list of checks over different evidence has no narrower type
export type AnyCheck = Check<any>

export const CATALOGUE: readonly AnyCheck[] = [
  concurrentEdits,
  editsAudited,
  sampleAsWritten,
  openModel,
  contract,
  largeRepository,
  queuedListing,
  openListing,
  ...databaseConcerns,
  majorityWrites,
  indexedLists,
  sortedByIndex,
  stepDownSurvived,
  nothingLost,
  backAfterLoss,
  outageSurvived,
  trailComplete,
  // Last: by then everything has been used that is ever used.
  ...requiredIndexes,
]

/**
 * Checks by what a user typed: an id (`L1`) selects it and what stands under it (`L1.audit`) as far as the profile runs
 * it. An id that the profile leaves out is an error, not an empty run. No id at all means everything that the profile has.
 */
export function selectChecks(names: readonly string[], profile: ProfileName): AnyCheck[] {
  if (names.length === 0) return CATALOGUE.filter((check) => check.profiles.includes(profile))
  const wanted = new Set<AnyCheck>()
  for (const name of names) {
    const named = CATALOGUE.filter(({ id }) => id === name || id.startsWith(`${name}.`) || familyOf(id) === name)
    if (named.length === 0) {
      throw new UsageError(
        `there is no check '${name}'`,
        `the catalogue has ${CATALOGUE.map((check) => check.id).join(', ')}; \`./readiness list\` tells more`,
      )
    }
    const inProfile = named.filter((check) => check.profiles.includes(profile))
    if (inProfile.length === 0) {
      throw new UsageError(
        `${name} is not part of the profile '${profile}'`,
        `it runs in ${named[0]!.profiles.join(', ')}: add --profile ${named[0]!.profiles[0]}`,
      )
    }
    for (const check of inProfile) wanted.add(check)
  }
  return CATALOGUE.filter((check) => wanted.has(check))
}

/** `IX` of `IX17`: the rows of one table. */
function familyOf(id: string): string {
  return id.replace(/\d+$/, '')
}

/** Changes whenever a requirement, a limit or the set of checks changes: two runs with the same hash are comparable. */
export function catalogueHash(): string {
  const content = CATALOGUE.map(({ id, requirement, limits, profiles, gatherer }) => ({
    id,
    requirement,
    limits,
    profiles,
    gatherer: gatherer.id,
  }))
  return createHash('sha256').update(JSON.stringify(content)).digest('hex')
}
