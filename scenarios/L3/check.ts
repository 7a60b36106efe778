// L3: a release is taken from a long queue, and the rest is revalidated. Pure: evidence in, verdicts out.

import type { Chart, Check, Finding, Limits } from '../../harness/check.ts'
import { ascending, percentile } from '../../harness/statistics.ts'
import { verdictOf } from '../../harness/verdict.ts'
import {
  agreementFinding,
  answeredFinding,
  eachWithinFinding,
  generatorFinding,
  noneFinding,
  type Requests,
  throttledFinding,
} from '../lib/claims.ts'
import { figuresTable, generatorRows, latencyCharts, latencyRows } from '../lib/pictures.ts'
import type { QueueEvidence } from './evidence.ts'
import { queueGatherer } from './gather.ts'
import {
  displaced,
  mistaken,
  reconcileJobs,
  reconcileStates,
  remaining,
  type Turnaround,
  turnarounds,
  wrongInGit,
} from './ledger.ts'
import { L3_LIMITS, SPECIFIED } from './limits.ts'

export const longQueue: Check<QueueEvidence> = {
  id: 'L3',
  title: 'What stays queued after a release is revalidated within ten minutes, each change once and rightly',
  failureTitle: 'After a release, queued changes wait too long, are forgotten, or end in the wrong state',
  requirement: {
    level: 'MUST',
    source: 'E12 §6.1 L3',
    text: '150 queued, release 10: remaining 140 revalidated within 10 min',
  },
  gatherer: queueGatherer,
  profiles: ['smoke', 'standard', 'golive'],
  limits: L3_LIMITS,
  evaluate,
}

export const listedMeanwhile: Check<QueueEvidence> = {
  id: 'L3.listings',
  title: 'The queue can be listed while it is revalidated',
  failureTitle: 'The queue cannot be listed while it is revalidated',
  requirement: {
    level: 'SHOULD',
    source: 'guides: load, background reader of L3',
    text: 'while the queue drains, listings of it keep answering',
  },
  gatherer: queueGatherer,
  profiles: ['smoke', 'standard', 'golive'],
  limits: [],
  evaluate: evaluateListings,
}

function evaluate(evidence: QueueEvidence, limits: Limits) {
  const limit = limits.revalidated_ms_max!
  const took = turnarounds(evidence, limit)
  const slowest = ascending(took.map(({ ms }) => ms)).at(-1)
  const rest = remaining(evidence).length
  const byGit = evidence.git === null ? '' : '; tag, branch and content are right by git'
  return verdictOf({
    findings: [
      seedFinding(evidence),
      publishedFinding(evidence),
      ...jobFindings(evidence),
      eachWithinFinding(
        'each is revalidated within the limit after the release',
        {
          what: 'revalidations',
          ended: took.map(({ ms }) => ({ started_ms: 0, duration_ms: ms, status: 200, error: '' })),
        },
        limit,
        evidence.load,
      ),
      ...stateFindings(evidence),
      orderFinding(evidence),
      ...gitFindings(evidence),
    ],
    whenPassed:
      `${sizeWords(evidence)}: each of the remaining ${rest} was revalidated once, the last ${seconds(slowest ?? 0)} after publishing began ` +
      `(limit ${seconds(limit.value)}; one drain, n = 1); ${evidence.planned.conflicting} conflicted, ${rest - evidence.planned.conflicting} still queued in their order${byGit}`,
    ...(slowest === undefined
      ? {}
      : {
          headline: {
            measured: { value: slowest, unit: 'ms', label: `the last of ${took.length}, one drain` },
            limit,
            n: took.length,
          },
        }),
    verifiedBy: [
      'http',
      ...(evidence.jobs.source === 'mongo' ? (['mongo'] as const) : []),
      ...(evidence.git === null ? [] : (['git-storage'] as const)),
    ],
    charts: took.length === 0 ? [] : [drainChart(took, limit.value)],
    tables: [figuresTable([...drainRows(evidence, took), ...listingRows(evidence), ...generatorRows(evidence.load)])],
    remedy:
      'read evidence.json by the changesets above: each with its jobs and where it stood before and after; the log of the worker tells what each job did',
  })
}

function evaluateListings(evidence: QueueEvidence) {
  const { load, listings } = evidence
  const requests: Requests = { what: 'listings', ended: listings }
  const meanwhile = during(evidence)
  const findings = [
    generatorFinding(load, requests, null),
    throttledFinding(load.throttled),
    {
      ...noneFinding('the queue was listed while it was revalidated', [], '', meanwhile.length),
      because:
        meanwhile.length === 0 ? 'no listing began while anything was revalidated' : `${meanwhile.length} listings`,
    },
    answeredFinding(requests),
    noneFinding(
      'every answer is a list',
      listings
        .filter(({ status, rows }) => status >= 200 && status <= 299 && rows === null)
        .map(({ started_ms }) => `${seconds(started_ms)} after publishing began`),
      'answers with 2xx held no list',
      listings.length,
    ),
  ]
  return verdictOf({
    findings: [...findings, agreementFinding(load.generator, findings)],
    whenPassed: `all ${listings.length} listings were answered, ${meanwhile.length} of them while ${remaining(evidence).length} changesets were revalidated; their times are shown, and judged by L7`,
    verifiedBy: ['http'],
    charts: latencyCharts(
      'listings',
      listings.map((listing) => ({ ...listing, label: 'the queue' })),
      { value: LISTING_LIMIT_MS, label: `L7’s limit ${LISTING_LIMIT_MS} ms, not judged here` },
    ),
    tables: [figuresTable([...listingRows(evidence), ...generatorRows(load)])],
    remedy: 'look at the API’s log for the moments of the failed listings in evidence.json',
  })
}

/** E12 §6.1 L7: shown in the picture, judged there. */
const LISTING_LIMIT_MS = 500

/** Is what stands in the queue what was meant to? */
function seedFinding(evidence: QueueEvidence): Finding {
  const claim = 'the queue is as planned, and what conflicts is what was meant to'
  const { changesets, planned } = evidence
  const n = changesets.length
  const wrong = mistaken(evidence)
  const parts = (part: string) => changesets.filter((one) => one.part === part).length
  const asPlanned =
    n === planned.queued && parts('released') === planned.released && parts('conflicting') === planned.conflicting
  if (!asPlanned || planned.queued <= planned.released + planned.conflicting) {
    return { claim, outcome: 'not-verified', because: `the queue was not made as planned: ${n} changesets`, n }
  }
  return wrong.length > 0
    ? {
        claim,
        outcome: 'not-verified',
        because: `git merges otherwise than the seed meant: ${wrong.length}, first ${wrong[0]}`,
        n,
      }
    : { claim, outcome: 'pass', because: sizeWords(evidence), n }
}

function publishedFinding({ release }: QueueEvidence): Finding {
  const claim = 'the release is published'
  return release.state === 'published'
    ? { claim, outcome: 'pass', because: `${release.tag} is published`, n: 1 }
    : {
        claim,
        outcome: 'fail',
        because: `publishing was answered with success, and ${release.tag} is ${release.state}`,
      }
}

function jobFindings(evidence: QueueEvidence): Finding[] {
  const { jobs } = evidence
  const n = remaining(evidence).length
  if (jobs.problem !== null) {
    const because = `the jobs could not be read in the end: ${jobs.problem}`
    return [{ claim: 'each is revalidated exactly once', outcome: 'not-verified', because, n }]
  }
  const { missing, doubled, unended, unseen } = reconcileJobs(evidence)
  const waited = seconds(jobs.ended_at_ms - evidence.publish.ended_at_ms)
  return [
    noneFinding('none is forgotten', missing, `changesets have no revalidation ${waited} after the release`, n),
    noneFinding('none is revalidated twice', doubled, 'changesets were revalidated more than once', n),
    noneFinding('every revalidation ends', unended, `revalidations have not ended ${waited} after the release`, n),
    noneFinding('every revalidation has looked', unseen, 'changesets were not looked at by their revalidation', n),
  ]
}

function stateFindings(evidence: QueueEvidence): Finding[] {
  const { unread, leftQueued, wrongly, suite, halfWay, unreleased } = reconcileStates(evidence)
  const { released, conflicting, queued } = evidence.planned
  const free = queued - released - conflicting
  const findings = [
    noneFinding(
      'what no longer merges is conflicted',
      leftQueued,
      'changesets that do not merge are queued',
      conflicting,
    ),
    noneFinding('what merges stays queued', wrongly, 'changesets that merge are conflicted', free),
    noneFinding('none is left half-way', halfWay, 'changesets are left half-way', queued - released),
    noneFinding('what was released says so', unreleased, 'released changesets are not released', released),
  ]
  const unknown = (claim: string, because: string, n: number) =>
    findings.push({ claim, outcome: 'not-verified', because, n })
  if (unread.length > 0) {
    unknown(
      'every changeset can be read afterwards',
      `${unread.length} changesets could not be read afterwards, first ${unread[0]}`,
      queued,
    )
  }
  if (suite.length > 0) {
    // A suite of the target's own may dislike what was queued: that is no matter of load.
    unknown('the suite says yes', `the suite said no to ${suite.length} changesets that merge, first ${suite[0]}`, free)
  }
  return findings
}

function orderFinding(evidence: QueueEvidence): Finding {
  const claim = 'what stays queued keeps its order'
  const n = evidence.changesets.filter(({ part }) => part === 'free').length
  const moved = displaced(evidence)
  return moved === null
    ? { claim, outcome: 'not-verified', because: 'the target does not tell where in the queue a changeset stands', n }
    : noneFinding(claim, moved, 'changesets have lost their place', n)
}

/** Left out where git's storage is out of reach: then the API alone is the witness, and the verdict says so. */
function gitFindings(evidence: QueueEvidence): Finding[] {
  return evidence.git === null
    ? []
    : [
        noneFinding(
          'tag, integration branch and content are what was released',
          wrongInGit(evidence),
          'things are wrong in git',
          evidence.changesets.length,
        ),
      ]
}

function sizeWords({ planned, others_queued }: QueueEvidence): string {
  const smaller =
    planned.queued < SPECIFIED.queued
      ? ` (this profile is smaller than specified: ${SPECIFIED.queued} and ${SPECIFIED.released})`
      : ''
  const others = others_queued > 0 ? `, beside ${others_queued} of others` : ''
  return `${planned.queued} queued${others}, ${planned.released} released${smaller}`
}

/** Listings that began between the publishing and the last revalidation. */
function during({ listings, jobs, publish }: QueueEvidence) {
  const last = Math.max(0, ...jobs.jobs.map(({ over_at_ms }) => (over_at_ms ?? jobs.ended_at_ms) - publish.began_at_ms))
  return listings.filter(({ started_ms }) => started_ms >= 0 && started_ms <= last)
}

function drainRows(evidence: QueueEvidence, took: readonly Turnaround[]): string[][] {
  const { jobs, publish, release } = evidence
  const sorted = ascending(took.map(({ ms }) => ms))
  const written = jobs.jobs.flatMap(({ finished_at_ms }) => finished_at_ms ?? [])
  return [
    ['Queue', sizeWords(evidence)],
    ['Publishing, its gate included', `${seconds(publish.ended_at_ms - publish.began_at_ms)}`],
    [
      'Revalidated after publishing began, by our clock',
      sorted.length === 0
        ? 'none'
        : `half within ${seconds(percentile(sorted, 0.5))}, the last after ${seconds(sorted.at(-1)!)} (n = ${sorted.length} of one drain)`,
    ],
    [
      'Publication to the last finished job, by the target’s clock',
      release.published_at_ms === null || written.length === 0
        ? 'not told'
        : seconds(Math.max(...written) - release.published_at_ms),
    ],
    ['Workers', `${evidence.workers}; at most ${busiest(jobs.jobs)} revalidations at the same time`],
    ['Jobs: how they were seen', `${jobs.looks} looks ${jobs.source === 'mongo' ? 'at the database' : 'at the list'}`],
  ]
}

/** How many ran at the same time, by the moments that the target wrote down. */
function busiest(jobs: QueueEvidence['jobs']['jobs']): string {
  const spans = jobs.flatMap(({ started_at_ms: from, finished_at_ms: to }) =>
    from === null || to === null ? [] : [{ from, to }],
  )
  if (spans.length === 0) return 'an unknown number of'
  return String(Math.max(...spans.map(({ from }) => spans.filter((one) => one.from <= from && one.to > from).length)))
}

function listingRows(evidence: QueueEvidence): string[][] {
  const { listings } = evidence
  const failed = listings.filter(({ status }) => status < 200 || status > 299).length
  return [
    ...latencyRows('Listings meanwhile', listings),
    ['Listings during the drain', `${during(evidence).length} of ${listings.length}; ${failed} failed in all`],
  ]
}

function drainChart(took: readonly Turnaround[], limit_ms: number): Chart {
  const values = ascending(took.map(({ ms }) => ms / 1_000))
  return {
    kind: 'distribution',
    title: 'How long after publishing began each changeset was revalidated',
    unit: 's',
    values,
    limit: { value: limit_ms / 1_000, label: `limit ${limit_ms / 1_000} s` },
    marks: [{ value: values.at(-1)!, label: 'the last' }],
  }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}
