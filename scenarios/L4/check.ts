// L4: five releases a minute apart. Pure: evidence in, verdicts out.

import type { Check, Finding, Limit, Limits } from '../../harness/check.ts'
import { keeps, verdictOf } from '../../harness/verdict.ts'
import { asPlanned, noneFinding } from '../lib/claims.ts'
import type { ReleasesEvidence } from './evidence.ts'
import { releasesGatherer } from './gather.ts'
import {
  type ContentLedger,
  contentAtTags,
  contentByApi,
  jobsOf,
  lineOf,
  notOnceReleased,
  notReleased,
  ofPublished,
  publishedOf,
  sharedTags,
  unnamed,
  unpublished,
  wrongTags,
} from './ledger.ts'
import { L4_LIMITS } from './limits.ts'
import { releaseChart, releaseTable } from './pictures.ts'

export const rapidReleases: Check<ReleasesEvidence> = {
  id: 'L4',
  title: 'Releases in quick succession each bring exactly their own changes, and leave no work behind',
  failureTitle: 'Releases in quick succession lose or mix up changes, or leave jobs behind',
  requirement: {
    level: 'MUST',
    source: 'E12 §6.1 L4',
    text: '5 releases, 60 s apart, 5 changesets each: no corruption, every revalidation finishes, no orphaned jobs',
  },
  gatherer: releasesGatherer,
  profiles: ['smoke', 'standard', 'golive'],
  limits: L4_LIMITS,
  evaluate(evidence, limits) {
    const published = publishedOf(evidence)
    const jobs = jobsOf(evidence)
    return verdictOf({
      findings: [
        planFinding(evidence, limits),
        ...publishedFindings(evidence),
        ...gitFindings(evidence),
        ...apiFindings(evidence),
        ...changesetFindings(evidence),
        ...jobFindings(evidence),
      ],
      whenPassed: `${published.length} of ${evidence.releases_planned} releases of ${evidence.changesets_each} changesets are published, ${apart(evidence, limits)}; each brought exactly its own, ${witnesses(evidence)}; ${jobs.revalidations} revalidations and all other jobs ended, none is left, lost or doubled`,
      headline: {
        measured: { value: published.length, unit: 'releases', label: 'published, each as planned' },
        limit: limits.releases_min!,
        n: evidence.releases.length,
      },
      verifiedBy: evidence.git === null ? ['http'] : ['http', 'git-storage'],
      charts: releaseChart(evidence),
      tables: [releaseTable(evidence)],
      remedy:
        evidence.git === null
          ? 'read the steps of each release in evidence.json; git itself was not asked: hand over CONMAN_GIT_STORAGE for tags and what is there'
          : 'read the steps of each release in evidence.json, and the logs of the worker at their time',
    })
  },
}

export const releasesAudited: Check<ReleasesEvidence> = {
  id: 'L4.audit',
  title: 'Every release left its rows in the audit log',
  failureTitle: 'Releases are missing from the audit log',
  requirement: {
    level: 'SHOULD',
    source: 'E11; data-and-runtime §3.7 AE13',
    text: 'a release is audited when it is created and when it is published; without a fault no row is missing',
  },
  gatherer: releasesGatherer,
  profiles: ['smoke', 'standard', 'golive'],
  limits: [],
  evaluate(evidence) {
    const { audit } = evidence
    if (audit === null) {
      return verdictOf({
        findings: [
          {
            claim: 'each release has its audit rows',
            outcome: 'not-verified',
            because: 'neither the database nor an audit route could be read',
          },
        ],
        whenPassed: '',
        verifiedBy: [],
        remedy: 'hand over CONMAN_MONGO_URI (a read-only user suffices), or use a target with GET …/audit',
      })
    }
    const published = publishedOf(evidence)
    const rowsOf = (id: string | null, action: string) =>
      audit.rows.filter((row) => row.release_id === id && row.action === action).length
    const findings = ['created', 'published'].map((action) =>
      noneFinding(
        `each published release has one audit row ‘${action}’`,
        published
          .filter(({ id }) => rowsOf(id, action) !== 1)
          .map(({ id, seen }) => `${seen.tag} with ${rowsOf(id, action)}`),
        `releases do not have one audit row ‘${action}’ after ${audit.waited_ms.toFixed(0)} ms`,
        published.length,
      ),
    )
    return verdictOf({
      findings,
      whenPassed: `each of ${published.length} published releases has one row for its creation and one for its publication`,
      verifiedBy: [audit.source],
      remedy:
        'compare the rows in evidence.json with the releases; audit writes use w:1 and may be lost only in a failover (DC5)',
    })
  },
}

/** Shortened waits are allowed outside golive, and said (decisions). */
function apart({ interval_s }: ReleasesEvidence, limits: Limits): string {
  const limit = limits.interval_s!
  return keeps(interval_s, limit)
    ? `${interval_s} s apart`
    : `${interval_s} s apart instead of ${limit.value} s, which this profile shortens`
}

function witnesses({ git }: ReleasesEvidence): string {
  return git === null
    ? 'read back through the API after the last; their tags were not looked at, for the repositories are out of reach'
    : 'read by git itself at each tag, and through the API after the last'
}

function planFinding(evidence: ReleasesEvidence, limits: Limits): Finding {
  const complaints: string[] = []
  const few = (value: number, limit: Limit) => {
    if (!keeps(value, limit)) complaints.push(`${value} ${limit.unit} instead of ${limit.value}`)
  }
  few(evidence.releases.length, limits.releases_min!)
  for (const { number } of evidence.releases) {
    few(evidence.changesets.filter(({ release }) => release === number).length, limits.changesets_each_min!)
  }
  const late_ms = Math.max(0, ...evidence.releases.map(({ due_ms, began_ms }) => began_ms - due_ms))
  if (!keeps(late_ms / 1_000, limits.late_s_max!)) {
    complaints.push(`a release was begun ${(late_ms / 1_000).toFixed(1)} s after it was due`)
  }
  return asPlanned(
    complaints,
    `${evidence.releases.length} releases of ${evidence.changesets_each} changesets, ${apart(evidence, limits)}; the latest began ${late_ms.toFixed(0)} ms after it was due`,
    evidence.releases.length,
  )
}

function publishedFindings(evidence: ReleasesEvidence): Finding[] {
  const { broken, throttled } = unpublished(evidence)
  const n = evidence.releases.length
  const published = noneFinding('every release is published', broken, 'releases are not published', n)
  if (broken.length === 0 && throttled.length > 0) {
    published.outcome = 'not-verified'
    published.because = `the target's rate limit kept ${throttled.length} releases from being published, first ${throttled[0]}`
  }
  return [published, noneFinding('every release has a tag of its own', sharedTags(evidence), 'releases share a tag', n)]
}

function gitFindings(evidence: ReleasesEvidence): Finding[] {
  const { git } = evidence
  if (git === null) return []
  const n = publishedOf(evidence).length
  const tags = noneFinding(
    'every tag exists and names the commit that was published',
    wrongTags(evidence, git),
    'tags are missing or name another commit',
    n,
  )
  const nameless = unnamed(evidence)
  if (tags.outcome === 'pass' && nameless.length > 0) {
    tags.outcome = 'not-verified'
    tags.because = `of ${nameless.length} releases the target does not say which commit was published, first ${nameless[0]}`
  }
  const line = lineOf(evidence, git)
  return [
    tags,
    ...contentFindings('at each tag', contentAtTags(evidence, git)),
    noneFinding(
      'the integration branch has each changeset once',
      line.notOnce,
      'paths did not come once for each changeset',
      line.looked,
    ),
    noneFinding(
      'along first parents changesets come in the order of the publications',
      line.outOfOrder,
      'pairs of changesets stand in the wrong order',
      line.pairs,
    ),
    {
      claim: 'the repository is sound (git fsck)',
      outcome: git.fsck.exit_code === 0 ? 'pass' : 'fail',
      because:
        git.fsck.exit_code === 0
          ? 'git fsck found nothing'
          : `git fsck ended with ${git.fsck.exit_code}: ${git.fsck.output.split('\n')[0]}`,
    },
  ]
}

function apiFindings(evidence: ReleasesEvidence): Finding[] {
  const { read_by_api, git } = evidence
  if (read_by_api !== null)
    return contentFindings('through the API, after the last release', contentByApi(evidence, read_by_api))
  // Where git itself was asked, nothing rests on a second look.
  if (git !== null) return []
  return [
    {
      claim: 'what is there is what was released',
      outcome: 'not-verified',
      because: 'no workspace could be made to read it through the API, and the repositories are out of reach',
    },
  ]
}

function contentFindings(where: string, { files, lacking, surplus, unknown }: ContentLedger): Finding[] {
  const findings = [
    noneFinding(
      `nothing that was released is lacking, ${where}`,
      lacking,
      `files lack what was released, ${where}`,
      files,
    ),
    noneFinding(`nothing else is there, ${where}`, surplus, `files hold what was not released, ${where}`, files),
  ]
  if (unknown.length > 0) {
    findings.push({
      claim: `everything was looked at, ${where}`,
      outcome: 'not-verified',
      because: `${unknown.length} could not be told, ${where}, first ${unknown[0]}`,
      n: files,
    })
  }
  return findings
}

function changesetFindings(evidence: ReleasesEvidence): Finding[] {
  const n = ofPublished(evidence).length
  return [
    noneFinding(
      'every changeset of a published release is in the state released',
      notReleased(evidence),
      'changesets of published releases are not released',
      n,
    ),
    noneFinding(
      'every changeset is released exactly once, with its own release',
      notOnceReleased(evidence),
      'changesets are not in exactly their own release',
      n,
    ),
  ]
}

function jobFindings(evidence: ReleasesEvidence): Finding[] {
  const jobs = jobsOf(evidence)
  const { still_ms, gave_up, rows } = evidence.jobs
  const left = noneFinding('no job is left queued or running', jobs.left, 'jobs never ended', rows.length)
  if (left.outcome === 'fail') {
    left.because += `: ${gave_up ? 'the time to wait was over' : `nothing had moved for ${((still_ms ?? 0) / 1_000).toFixed(0)} s`}`
    // They were still being worked on: slow, and perhaps because of others.
    if (gave_up) left.outcome = 'not-verified'
  }
  const doubled = noneFinding(
    'no changeset is revalidated twice after one release',
    jobs.doubled,
    'revalidations are doubled',
    jobs.told,
  )
  if (jobs.told === 0) doubled.because = 'no revalidation tells which release it follows'
  return [
    left,
    noneFinding('every job is about something that is there', jobs.orphaned, 'jobs are about nothing', rows.length),
    noneFinding('every revalidation succeeds', jobs.wrong, 'revalidations did not succeed', jobs.revalidations),
    doubled,
    noneFinding(
      'whatever was queued while a release was published is revalidated',
      jobs.missed,
      'changesets were not revalidated though a release before theirs was published',
      jobs.awaited,
    ),
  ]
}
