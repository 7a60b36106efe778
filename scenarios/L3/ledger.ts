// What stayed queued against its revalidations and against where it stands: pure.

import type { Limit } from '../../harness/check.ts'
import { keeps } from '../../harness/verdict.ts'
import { isOver } from '../lib/job-book.ts'
import type { SeenJob } from '../lib/job-watch.ts'
import type { QueuedChangeset, QueueEvidence } from './evidence.ts'

export interface Entry {
  changeset: QueuedChangeset
  /** Its revalidations that are there in the end. */
  jobs: SeenJob[]
}

/** What was not released: each is to be revalidated. */
export function remaining({ changesets, jobs }: QueueEvidence): Entry[] {
  return changesets
    .filter(({ part }) => part !== 'released')
    .map((changeset) => ({
      changeset,
      jobs: jobs.jobs.filter((job) => job.entity_id === changeset.id && !job.gone),
    }))
}

export function nameOf({ number, id }: Pick<QueuedChangeset, 'number' | 'id'>): string {
  return `changeset ${number} (${id})`
}

export interface JobLedger {
  missing: string[]
  doubled: string[]
  /** Queued or running when the watch ended. */
  unended: string[]
  /** Of a changeset that merges: the job failed, or says that it looked at nothing. */
  unseen: string[]
}

export function reconcileJobs(evidence: QueueEvidence): JobLedger {
  const ledger: JobLedger = { missing: [], doubled: [], unended: [], unseen: [] }
  for (const { changeset, jobs } of remaining(evidence)) {
    const name = nameOf(changeset)
    if (jobs.length === 0) ledger.missing.push(name)
    if (jobs.length > 1) ledger.doubled.push(`${name}: ${jobs.map(({ id }) => id).join(', ')}`)
    for (const { id, state, verdict, error } of jobs) {
      if (!isOver({ state })) ledger.unended.push(`${name}: job ${id} is ${state}`)
      else if (verdict === 'skipped') ledger.unseen.push(`${name}: job ${id} says that it skipped it`)
      else if (state !== 'succeeded' && changeset.part === 'free') {
        ledger.unseen.push(`${name}: job ${id} is ${state} (${error ?? 'no error'})`)
      }
    }
  }
  return ledger
}

export interface Turnaround {
  name: string
  ms: number
}

/** From the last look that may have shown a job under way to the one that showed it over. */
const LOOK_MS_MAX = 5_000

/**
 * From the publishing until each was revalidated. Our clock bounds it: the release was published between the begin and the end of
 * the publishing, its gate included, and a job had ended by the look that showed it over. Where only the bounds' difference is beyond the
 * limit, the target's own two moments decide within them. Unended ones count until the watch ended.
 */
export function turnarounds(evidence: QueueEvidence, limit: Limit): Turnaround[] {
  const { publish, release, jobs: watch } = evidence
  return remaining(evidence).flatMap(({ changeset, jobs }) => {
    const job = jobs[0]
    if (job === undefined) return []
    const name = nameOf(changeset)
    if (job.over_at_ms === null) return [{ name, ms: watch.ended_at_ms - publish.ended_at_ms }]
    const upper = job.over_at_ms - publish.began_at_ms
    const lower = Math.max(0, job.over_at_ms - LOOK_MS_MAX - publish.ended_at_ms)
    if (keeps(upper, limit) || job.finished_at_ms === null || release.published_at_ms === null)
      return [{ name, ms: upper }]
    return [{ name, ms: Math.min(upper, Math.max(lower, job.finished_at_ms - release.published_at_ms)) }]
  })
}

export interface StateLedger {
  unread: string[]
  /** Would not merge, and is queued as if it would. */
  leftQueued: string[]
  /** Merges, and was taken out as conflicted. */
  wrongly: string[]
  /** Merges, and its suite is said to have failed. */
  suite: string[]
  /** In no state that a revalidation or a release leaves. */
  halfWay: string[]
  unreleased: string[]
}

export function reconcileStates({ changesets }: QueueEvidence): StateLedger {
  const ledger: StateLedger = { unread: [], leftQueued: [], wrongly: [], suite: [], halfWay: [], unreleased: [] }
  for (const changeset of changesets) {
    const { part, state, position, problem } = changeset
    const name = nameOf(changeset)
    const stands = `${name} is ${state}`
    if (state === null) ledger.unread.push(`${name}: ${problem}`)
    else if (part === 'released') {
      if (state !== 'released') ledger.unreleased.push(stands)
    } else if (part === 'conflicting' && state === 'queued') ledger.leftQueued.push(name)
    else if (part === 'free' && state === 'conflicted') ledger.wrongly.push(name)
    else if (part === 'free' && state === 'needs_revalidation') ledger.suite.push(name)
    else if (state !== (part === 'free' ? 'queued' : 'conflicted')) ledger.halfWay.push(stands)
    else if (part === 'conflicting' && position !== null) ledger.halfWay.push(`${stands}, at position ${position}`)
  }
  return ledger
}

/** Neighbours of the queue that have changed places; null: positions are not told. */
export function displaced({ changesets }: QueueEvidence): string[] | null {
  const still = changesets.filter(({ part, state }) => part === 'free' && state === 'queued')
  if (still.some(({ position, position_before }) => position === null || position_before === null)) return null
  const before = still.toSorted((a, b) => a.position_before! - b.position_before!)
  return before.slice(1).flatMap((changeset, index) => {
    const ahead = before[index]!
    return changeset.position! > ahead.position! ? [] : [`${nameOf(changeset)} is no longer after ${nameOf(ahead)}`]
  })
}

/** Where git's own trial merge says otherwise than the seed meant: then nothing can be said of conflicts. */
export function mistaken(evidence: QueueEvidence): string[] {
  return remaining(evidence)
    .filter(({ changeset: { part, merges } }) => merges !== null && merges !== (part === 'free'))
    .map(({ changeset }) => `${nameOf(changeset)} is ${changeset.part}`)
}

/** What is not as published in git: the tag, the branch, and exactly the released content. */
export function wrongInGit({ git, release, changesets }: QueueEvidence): string[] {
  if (git === null) return []
  const { tag, integration } = git
  const problems: string[] = []
  if (tag === null) problems.push(`there is no tag ${release.tag}`)
  else if (tag !== integration) problems.push(`tag ${release.tag} is ${short(tag)}, main is ${short(integration)}`)
  if (release.published_sha !== null && release.published_sha !== integration) {
    problems.push(`published was ${short(release.published_sha)}, main is ${short(integration)}`)
  }
  const files = new Map(git.files.map(({ number, sha256 }) => [number, sha256]))
  const contained = new Set(git.contained)
  for (const changeset of changesets) {
    const { number, part, sha256 } = changeset
    const there = files.get(number) === sha256
    const name = nameOf(changeset)
    if (part === 'released' && !contained.has(number)) problems.push(`main does not contain the commit of ${name}`)
    if (part === 'released' && !there) problems.push(`main has not the content of ${name}`)
    if (part !== 'released' && (there || contained.has(number))) problems.push(`main contains ${name}, not released`)
  }
  return problems
}

function short(commit: string | null): string {
  return commit === null ? 'nothing' : commit.slice(0, 12)
}
