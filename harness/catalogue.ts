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
import { apiMixChecks } from '../scenarios/api-mix/check.ts'
import { jobMixChecks } from '../scenarios/job-mix/check.ts'
import { concurrentEdits, editsAudited, openModel, sampleAsWritten } from '../scenarios/L1/check.ts'
import { submissionStorm } from '../scenarios/L2/check.ts'
import { listedMeanwhile, longQueue } from '../scenarios/L3/check.ts'
import { rapidReleases, releasesAudited } from '../scenarios/L4/check.ts'
import { largeRepository } from '../scenarios/L5/check.ts'
import { concurrentDeployments } from '../scenarios/L6/check.ts'
import { openListing, queuedListing } from '../scenarios/L7/check.ts'
import { authBurst } from '../scenarios/scale/auth-burst/check.ts'
import { bulkQueue } from '../scenarios/scale/bulk-queue/check.ts'
import { pollStorm } from '../scenarios/scale/poll-storm/check.ts'
import { roleChecks } from '../security/RBAC/check.ts'
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
  submissionStorm,
  longQueue,
  listedMeanwhile,
  rapidReleases,
  releasesAudited,
  largeRepository,
  concurrentDeployments,
  queuedListing,
  openListing,
  bulkQueue,
  authBurst,
  pollStorm,
  ...apiMixChecks,
  ...jobMixChecks,
  ...databaseConcerns,
  majorityWrites,
  indexedLists,
  sortedByIndex,
  ...roleChecks,
  stepDownSurvived,
  nothingLost,
  backAfterLoss,
  outageSurvived,
  trailComplete,
  // Last: by then everything has been used that is ever used.
  ...requiredIndexes,
]

/** What 'the whole catalogue' means: all but what runs only when it is asked for. */
export const WHOLE_CATALOGUE = CATALOGUE.filter((check) => check.onlyByName === undefined)

/** Names for checks of several tables, by their ids: those that are not there yet are among them once they are. */
const GROUPS: Readonly<Record<string, RegExp>> = {
  /** L1–L7, and what is judged from the steady mixes. */
  loadtest: /^(?:L\d+(?:\..+)?|(?:api|job)-mix(?:\..+)?|GL-P[235]|SLO\d+)$/,
  security: /^(?:S|RL|GL-S)\d/,
}

/**
 * Checks by what a user typed: an id (`L1`) selects it and what stands under it (`L1.audit`) as far as the profile runs
 * it, `IX` a table's rows, `security` a group's. An id that the profile leaves out is an error, not an empty run. No id at all
 * means the whole catalogue, as far as the profile has it.
 */
export function selectChecks(names: readonly string[], profile: ProfileName): AnyCheck[] {
  if (names.length === 0) return WHOLE_CATALOGUE.filter((check) => check.profiles.includes(profile))
  const wanted = new Set<AnyCheck>()
  for (const name of names) {
    const named = checksNamed(name)
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

/** By an id, by what stands before its point or its number, or by a group. */
export function checksNamed(name: string): AnyCheck[] {
  const group = Object.hasOwn(GROUPS, name) ? GROUPS[name] : undefined
  return CATALOGUE.filter(
    ({ id }) => id === name || id.startsWith(`${name}.`) || familyOf(id) === name || group?.test(id) === true,
  )
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
