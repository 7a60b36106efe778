// L7: fifty people list the queued changesets at once. Pure: evidence in, verdicts out.

import type { Check, Finding, Limit, Limits } from '../../harness/check.ts'
import { ascending, fewestSamplesFor, percentile } from '../../harness/statistics.ts'
import { keeps, verdictOf } from '../../harness/verdict.ts'
import {
  agreementFinding,
  answeredFinding,
  generatorFinding,
  noneFinding,
  percentileFinding,
  type Requests,
  throttledFinding,
} from '../lib/claims.ts'
import { figuresTable, generatorRows, latencyCharts, latencyRows } from '../lib/pictures.ts'
import type { ListingEvidence } from './evidence.ts'
import { listingGatherer } from './gather.ts'
import { changedPages, coverage, outOfOrder, strays, unread, wrongTotals } from './ledger.ts'
import { L7_LIMITS } from './limits.ts'

export const queuedListing = listingCheck({
  id: 'L7',
  level: 'MUST',
  title: 'Fifty people listing the queue at once get the right pages within half a second',
  failureTitle: 'Listing the queue is slow, fails or shows the wrong changesets when many do it at once',
  source: 'E12 §6.1 L7',
  text: '50 concurrent GET …/changesets?state=queued with 500 changesets stored: p99 < 500 ms, no time-outs',
  gathererTitle: '50 users list 500 queued changesets of 1,000',
})

export const openListing = listingCheck({
  id: 'L7.open',
  level: 'SHOULD',
  title: 'Listings that arrive at a steady rate are answered as fast, however slow the server gets',
  failureTitle: 'Listings queue up when they arrive faster than they are answered',
  source: 'guides: load, open-model twin of L7',
  text: 'the same listings as an open model, free of coordinated omission: p99 < 500 ms, no time-outs',
  gathererTitle: 'the same listings as an open model: they arrive however slow the server is',
})

function listingCheck(input: {
  id: ListingEvidence['scenario']
  level: 'MUST' | 'SHOULD'
  title: string
  failureTitle: string
  source: string
  text: string
  gathererTitle: string
}): Check<ListingEvidence> {
  return {
    id: input.id,
    title: input.title,
    failureTitle: input.failureTitle,
    requirement: { level: input.level, source: input.source, text: input.text },
    gatherer: listingGatherer(input.id, input.gathererTitle),
    profiles: ['smoke', 'standard', 'golive'],
    limits: L7_LIMITS,
    evaluate,
  }
}

function evaluate(evidence: ListingEvidence, limits: Limits) {
  const limit = limits.latency_ms_p99!
  const { load, listings, volume } = evidence
  const { generator } = load
  const requests: Requests = { what: 'listings', ended: listings }
  const findings = [
    generatorFinding(load, requests, evidence.listings_planned),
    throttledFinding(load.throttled),
    ...volumeFindings(evidence, limits),
    answeredFinding(requests),
    percentileFinding('the 99th percentile keeps the limit', requests, 0.99, limit, load),
    ...pageFindings(evidence),
  ]
  const durations = ascending(listings.map(({ duration_ms }) => duration_ms))
  const p99 = durations.length >= fewestSamplesFor(0.99) ? percentile(durations, 0.99) : undefined
  return verdictOf({
    findings: [...findings, agreementFinding(generator, findings)],
    whenPassed: `p99 ${p99?.toFixed(0)} ms of ${listings.length} listings by ${evidence.users} users (limit ${limit.value} ms), none failed; each page right: ${volume.queued.length} queued of ${volume.stored} stored; ${rateLimitWords(evidence)}`,
    ...(p99 === undefined
      ? {}
      : { headline: { measured: { value: p99, unit: 'ms', label: 'p99' }, limit, n: listings.length } }),
    verifiedBy: ['http'],
    charts: latencyCharts(
      'listings',
      listings.map(({ user, page, ...listing }) => ({ ...listing, label: `user ${user}, page ${page}` })),
      { value: limit.value, label: `limit for p99 ${limit.value} ms` },
    ),
    tables: [
      figuresTable([
        ...latencyRows('Listings', listings),
        ['Volume', `${volume.queued.length} queued of ${volume.stored} stored, seeded over ${volume.made_over}`],
        ['Rate limits', rateLimitWords(evidence)],
        ...generatorRows(load),
      ]),
    ],
    remedy:
      volume.missing.length > 0
        ? `the volume is smaller than specified; it lacks ${volume.missing.join('; ')}. Hand over CONMAN_SERVER_CMD for a stack where it can be made`
        : 'look at the plan of the list query (explain) and at how many queries one listing makes; the pages are in evidence.json',
  })
}

/** Decisions C6: on in golive's L7, off elsewhere on a stack of our own, and said either way. */
function rateLimitWords({ rate_limit_per_minute }: ListingEvidence): string {
  return rate_limit_per_minute === null
    ? 'rate limits were off or not told'
    : `rate limits were on: ${rate_limit_per_minute} requests a minute for each user`
}

/** Less than what is specified may be fast for that reason alone: it passes nothing. */
function volumeFindings({ volume, users }: ListingEvidence, limits: Limits): Finding[] {
  const enough = (claim: string, value: number, limit: Limit): Finding => {
    const kept = keeps(value, limit)
    return {
      claim,
      outcome: kept ? 'pass' : 'not-verified',
      because: kept ? `${value} ${limit.unit}` : `${value} ${limit.unit}, ${limit.value} are specified`,
      measured: { value, unit: limit.unit, label: claim },
      limit,
    }
  }
  return [
    enough('as many changesets are queued as specified', volume.queued.length, limits.queued_min!),
    enough('as many users list as specified', users, limits.users_min!),
  ]
}

/** Right, not only fast. */
function pageFindings(evidence: ListingEvidence): Finding[] {
  const { walks, listings, volume } = evidence
  const answered = listings.filter(({ status }) => status >= 200 && status <= 299)
  const rows = walks.flatMap((walk) => walk.pages.flatMap((page) => page.rows)).length
  const unreadPages = walks.flatMap(unread)
  const covered = walks.map((walk) => coverage(walk, volume.queued))
  const findings = [
    noneFinding(
      'the answers to a listing are lists',
      answered.filter((listing) => listing.rows === null).map(({ user, page }) => `page ${page} for user ${user}`),
      'answers with 200 held no list',
      answered.length,
    ),
    noneFinding('the filter is applied: every row is queued', strays(evidence), 'rows are not queued', rows),
    noneFinding(
      'every page tells the total of what is queued',
      wrongTotals(evidence),
      'pages tell another total',
      answered.length,
    ),
    noneFinding(
      'no row stands on two pages',
      covered.flatMap(({ repeated }) => repeated),
      'rows stand on two pages',
      rows,
    ),
    noneFinding('newest first', walks.flatMap(outOfOrder), 'rows stand in the wrong order', rows),
    noneFinding(
      'under load each page holds what it held before and after',
      changedPages(evidence),
      'pages held something else under load',
      answered.length,
    ),
  ]
  const skipped = covered.flatMap((one) => one.skipped)
  // What could not be read may hold what is missing.
  findings.push(
    unreadPages.length > 0
      ? {
          claim: 'no queued changeset is skipped',
          outcome: 'not-verified',
          because: `${unreadPages.length} pages could not be read beside the load, first ${unreadPages[0]}`,
          n: rows,
        }
      : noneFinding('no queued changeset is skipped', skipped, 'queued changesets stand on no page', rows),
  )
  return findings
}
