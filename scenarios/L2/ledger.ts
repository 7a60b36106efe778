// Submits against their jobs and their changesets: pure. When each job came into the queue, which are lost, doubled or were
// never made, and whether each changeset is where its submit and its job say that it must be.

import type { SeenJob } from '../lib/job-watch.ts'
import type { Submit, SubmitEvidence } from './evidence.ts'

type Changeset = SubmitEvidence['changesets'][number]

export interface Entry {
  submit: Submit
  changeset: Changeset
  jobs: SeenJob[]
}

export function isAccepted({ status }: Submit): boolean {
  return status >= 200 && status <= 299
}

/** Submits that ended, each with its changeset and the jobs about it that are there in the end. */
export function entriesOf({ submits, changesets, jobs }: SubmitEvidence): Entry[] {
  const byNumber = new Map(changesets.map((changeset) => [changeset.number, changeset]))
  return submits.flatMap((submit) => {
    const changeset = byNumber.get(submit.number)
    return changeset === undefined
      ? []
      : [{ submit, changeset, jobs: jobs.jobs.filter((job) => job.entity_id === changeset.id && !job.gone) }]
  })
}

export interface Enqueued {
  number: number
  /** From the begin of the submit until its job was in the queue. */
  after_ms: number
  /** What `after_ms` may be wrong by: the clocks. */
  uncertainty_ms: number
}

/**
 * When the job of each accepted submit came into the queue. The target's own `created_at` says it, as exactly as the clocks agree;
 * our looks bound it by one clock alone: it was there at the first look that showed it, and not yet at the last one that
 * did not, where that look was the database's own. A moment that was written down earlier than the job was there is not believed.
 */
export function enqueued(evidence: SubmitEvidence): { known: Enqueued[]; unknown: number[] } {
  const known: Enqueued[] = []
  const unknown: number[] = []
  const { clock, jobs, began_at_ms } = evidence
  for (const { submit, jobs: own } of entriesOf(evidence)) {
    const job = own[0]
    if (!isAccepted(submit) || job === undefined) continue
    const began = began_at_ms + submit.started_ms
    const there_by = job.seen_at_ms - began
    const not_before = jobs.source === 'mongo' && job.unseen_at_ms !== null ? job.unseen_at_ms - began : null
    const written = job.created_at_ms === null || clock === null ? null : job.created_at_ms - clock.ahead_ms - began
    const uncertainty_ms = clock?.uncertainty_ms ?? 0
    const { number } = submit
    if (not_before !== null && not_before > (written ?? 0) + uncertainty_ms) {
      known.push({ number, after_ms: not_before, uncertainty_ms: 0 })
    } else if (written !== null && written - uncertainty_ms <= there_by) {
      known.push({ number, after_ms: Math.max(0, written), uncertainty_ms })
    } else if (jobs.source === 'mongo') known.push({ number, after_ms: there_by, uncertainty_ms: 0 })
    else unknown.push(number)
  }
  return { known, unknown }
}

/**
 * Jobs that an answer named before they were there: a crash between the two would have lost them, and no busy machine explains it.
 * Two witnesses are asked for: a look at the database after the answer that did not show the job, and the moment that the target
 * wrote down itself.
 */
export function promised(evidence: SubmitEvidence): string[] {
  const { clock, jobs, began_at_ms } = evidence
  if (clock === null || jobs.source !== 'mongo') return []
  return entriesOf(evidence).flatMap(({ submit, jobs: own }) => {
    const job = own.find(({ id }) => id === submit.job)
    if (job === undefined || job.unseen_at_ms === null || job.created_at_ms === null) return []
    const answered = began_at_ms + submit.ended_ms
    const written = job.created_at_ms - clock.ahead_ms - clock.uncertainty_ms
    const after_ms = Math.min(job.unseen_at_ms, written) - answered
    return after_ms > ROUNDING_MS ? [`changeset ${submit.number}: ${after_ms.toFixed(0)} ms after its answer`] : []
  })
}

/** Moments are whole milliseconds, on either side. */
const ROUNDING_MS = 5

export interface JobLedger {
  /** The answer named a job, and no job is there. */
  lost: string[]
  /** The changeset says `submitted`, and no job was ever made. */
  missing: string[]
  /** More than one for one submit. */
  doubled: string[]
  /** The answer named another job than the one that is there. */
  misnamed: string[]
}

/** Also those that were refused: half a submit is worse than none. */
export function reconcileJobs(evidence: SubmitEvidence): JobLedger {
  const ledger: JobLedger = { lost: [], missing: [], doubled: [], misnamed: [] }
  for (const { submit, changeset, jobs } of entriesOf(evidence)) {
    const name = `changeset ${changeset.number} (${changeset.id})`
    if (jobs.length > 1) ledger.doubled.push(`${name}: ${jobs.map(({ id }) => id).join(', ')}`)
    else if (jobs.length === 0 && submit.job !== '') ledger.lost.push(`${name}: its answer named job ${submit.job}`)
    else if (jobs.length === 0 && (isAccepted(submit) || changeset.state === 'submitted')) {
      ledger.missing.push(`${name}, answered with ${submit.status === 0 ? 'nothing' : `HTTP ${submit.status}`}`)
    } else if (submit.job !== '' && !jobs.some(({ id }) => id === submit.job)) {
      ledger.misnamed.push(`${name}: ${submit.job} instead of ${jobs[0]?.id}`)
    }
  }
  return ledger
}

/** Accepted, and not what a submit makes of a changeset, whatever its suite says then (data-and-runtime §3.1). */
export function wrongStates(evidence: SubmitEvidence): string[] {
  return accepted(evidence).flatMap(({ submit, changeset }) => {
    const told = submit.state !== '' && submit.state !== 'submitted' ? [`its answer says ${submit.state}`] : []
    const stands = changeset.state !== null && changeset.state !== 'submitted' ? [`it is ${changeset.state}`] : []
    return [...told, ...stands].map((what) => `changeset ${changeset.number} (${changeset.id}): ${what}`)
  })
}

/** Handed in once: revision 1, frozen at the commit that its author wrote. */
export function wrongRevisions(evidence: SubmitEvidence): string[] {
  return accepted(evidence).flatMap(({ changeset }) => {
    const { number, id, commit, tip, state, revision, submitted_head } = changeset
    if (state === null) return []
    const problems = [
      ...(revision === 1 ? [] : [`its revision is ${revision}`]),
      ...(submitted_head === commit ? [] : [`it is frozen at ${short(submitted_head)}, written was ${short(commit)}`]),
      ...(!evidence.read_by_git || tip === commit ? [] : [`git has its branch at ${short(tip)}, not ${short(commit)}`]),
    ]
    return problems.map((what) => `changeset ${number} (${id}): ${what}`)
  })
}

/** Accepted ones of which nothing is known in the end. */
export function unread(evidence: SubmitEvidence): string[] {
  return accepted(evidence)
    .filter(({ changeset }) => changeset.state === null)
    .map(({ changeset }) => `changeset ${changeset.number}: ${changeset.problem}`)
}

function accepted(evidence: SubmitEvidence): Entry[] {
  return entriesOf(evidence).filter(({ submit }) => isAccepted(submit))
}

function short(commit: string | null): string {
  return commit === null ? 'nothing' : commit.slice(0, 12)
}
