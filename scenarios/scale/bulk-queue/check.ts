// bulk-queue: the whole queue of an app with 10,000 changesets is put into another order, five times a second. Pure: evidence
// in, verdict out.

import type { Check, Finding, Limits, Verdict } from '../../../harness/check.ts'
import { ascending, fewestSamplesFor, percentile } from '../../../harness/statistics.ts'
import { verdictOf } from '../../../harness/verdict.ts'
import {
  agreementFinding,
  generatorFinding,
  noneFinding,
  percentileFinding,
  type Requests,
  throttledFinding,
} from '../../lib/claims.ts'
import type { Load } from '../../lib/load.ts'
import { figuresTable, generatorRows, latencyRows } from '../../lib/pictures.ts'
import { arrivedFinding, enoughFinding, errorShareFinding, unthrottled } from '../lib/claims.ts'
import { thinnedCharts } from '../lib/pictures.ts'
import type { BulkEvidence } from './evidence.ts'
import { bulkGatherer } from './gather.ts'
import { added, doubled, lost, refusedAlone, standsInOrder } from './ledger.ts'
import { BULK_LIMITS } from './limits.ts'

export const bulkQueue: Check<BulkEvidence> = {
  id: 'scale.bulk-queue',
  title: 'A long queue can be put into another order again and again, and stays whole',
  failureTitle: 'Putting a long queue into another order is slow, fails or damages the queue',
  requirement: {
    level: 'SHOULD',
    source: 'scale tier: bulk-queue',
    text: '10,000 changesets; 5 bulk operations/s for 5 min: p95 < 2 s, p99 < 5 s, errors < 1 %',
  },
  gatherer: bulkGatherer,
  profiles: ['smoke', 'standard', 'golive'],
  onlyByName: true,
  limits: BULK_LIMITS,
  evaluate,
}

function evaluate(evidence: BulkEvidence, limits: Limits): Verdict {
  const { load, operations, listings, route_status } = evidence
  if (load === null) return withoutRoute(route_status)
  const bulk: Requests = { what: 'bulk operations', ended: operations }
  const all: Requests = { what: 'requests', ended: [...operations, ...listings] }
  const p95 = limits.latency_ms_p95!
  const findings = [
    generatorFinding(load, all, null),
    throttledFinding(load.throttled),
    ...enough(evidence),
    errorShareFinding('few bulk operations fail', unthrottled(bulk), limits.error_share_max!, load, isError),
    errorShareFinding(
      'few looks at the queue fail',
      unthrottled({ what: 'listings of the queue', ended: listings }),
      limits.error_share_max!,
      load,
    ),
    percentileFinding('the 95th percentile keeps the limit', bulk, 0.95, p95, load),
    percentileFinding('the 99th percentile keeps the limit', bulk, 0.99, limits.latency_ms_p99!, load),
    ...queueFindings(evidence),
  ]
  const durations = ascending(operations.map(({ duration_ms }) => duration_ms))
  const value = durations.length >= fewestSamplesFor(0.95) ? percentile(durations, 0.95) : undefined
  const shown = operations.map(({ started_ms, duration_ms, status, user, rotation }) => ({
    started_ms,
    duration_ms,
    status,
    label: `manager ${user}, turned by ${rotation}`,
    failed: isError({ status }),
  }))
  return verdictOf({
    findings: [...findings, agreementFinding(load.generator, findings)],
    whenPassed: `p95 ${value?.toFixed(0)} ms of ${operations.length} bulk operations on ${evidence.before.length} queued of ${evidence.totals_before.stored ?? 'an unknown number of'} changesets (limit ${p95.value} ms); nothing lost or doubled, and the last order stands`,
    ...(value === undefined
      ? {}
      : { headline: { measured: { value, unit: 'ms', label: 'p95' }, limit: p95, n: operations.length } }),
    verifiedBy: ['http'],
    charts: thinnedCharts('bulk operations', shown, { value: p95.value, label: `limit for p95 ${p95.value} ms` }),
    tables: [figuresTable(rowsOf(evidence, load))],
    remedy:
      evidence.volume.made_over === 'http'
        ? 'over HTTP only a smaller queue can be made, by one manager: hand over CONMAN_SERVER_CMD for a stack with the whole volume'
        : 'look at how many statements one order takes, and what it locks meanwhile; every operation is in evidence.json',
  })
}

/** Who is told that others were quicker was answered as specified: the queue changed between the server's reading and writing. */
function isError({ status }: { status: number }): boolean {
  return status !== 409 && (status < 200 || status > 299)
}

function rowsOf(evidence: BulkEvidence, load: Load): string[][] {
  const { operations, listings, before, totals_before, managers, volume } = evidence
  const overtaken = operations.filter(({ status }) => status === 409).length
  return [
    ...latencyRows('Bulk operations', operations),
    ['Bulk operations that others overtook (HTTP 409)', `${overtaken} of ${operations.length}`],
    ...latencyRows('First pages of the queue', listings),
    [
      'Volume',
      `${before.length} queued of ${totals_before.stored ?? 'an unknown number of'} changesets, ${managers} managers, seeded over ${volume.made_over}`,
    ],
    ...generatorRows(load),
  ]
}

function withoutRoute(status: number): Verdict {
  return verdictOf({
    findings: [
      {
        claim: 'the queue can be put into another order',
        outcome: 'not-applicable',
        because: `the target has no route that puts the queue into another order (HTTP ${status}; contract HD75): there is no bulk operation to measure`,
      },
    ],
    whenPassed: '',
    verifiedBy: ['http'],
  })
}

function enough({ before, totals_before, volume, operations, rate_per_s, duration_s }: BulkEvidence): Finding[] {
  return [
    enoughFinding(
      'as many changesets are stored as are asked for',
      totals_before.stored ?? 0,
      volume.changesets_asked_for,
      'changesets',
    ),
    enoughFinding('there is a queue to put into another order', before.length, QUEUED_MIN, 'queued changesets'),
    arrivedFinding(operations.length, { rate_per_s, duration_s }, 'bulk operations'),
    // Where nearly all overtake each other, what is measured is how fast they are refused.
    enoughFinding(
      'enough of them were done, and not overtaken',
      operations.filter(({ status }) => status >= 200 && status <= 299).length,
      fewestSamplesFor(0.95),
      'bulk operations that were done',
    ),
  ]
}

/** Orders of fewer tell little apart. */
const QUEUED_MIN = 20

/** Right, not only fast. */
function queueFindings(evidence: BulkEvidence): Finding[] {
  const { before, after, operations, listings, totals_before, totals_after } = evidence
  const acknowledged = operations.filter(({ status }) => status >= 200 && status <= 299)
  const told = acknowledged.filter(({ count }) => count !== null)
  const seen = listings.filter(({ status }) => status === 200)
  const findings: Finding[] = [
    noneFinding('no queued changeset is lost', lost(evidence), 'queued changesets are lost', before.length),
    noneFinding(
      'no queued changeset is doubled',
      doubled(evidence),
      'changesets stand in the queue twice',
      after.length,
    ),
    noneFinding('nothing gets into the queue', added(evidence), 'changesets got into the queue', after.length),
    standsFinding(evidence, acknowledged.length),
    noneFinding(
      'who is told to be overtaken was',
      refusedAlone(evidence).map(({ user, started_ms }) => `the one of manager ${user} after ${started_ms} ms`),
      'operations were refused with 409 while nobody else changed the queue',
      operations.length,
    ),
    noneFinding(
      'a look at the queue shows a list of changesets',
      seen.filter(({ rows }) => (rows ?? 0) === 0).map(({ user }) => `the one of manager ${user}`),
      'answers with 200 held no changeset',
      seen.length,
    ),
    totalsFinding(totals_before, totals_after),
  ]
  // Some targets do not say it: then there is nothing to hold it against.
  if (told.length > 0) {
    findings.push(
      noneFinding(
        'each answer tells how many changesets were put into order',
        told.filter(({ count }) => count !== before.length).map(({ count }) => `${count} instead of ${before.length}`),
        'answers tell another number',
        told.length,
      ),
    )
  }
  return findings
}

function standsFinding(evidence: BulkEvidence, acknowledged: number): Finding {
  const claim = 'the order in the end is the last one that was acknowledged'
  const n = acknowledged
  if (n === 0) return { claim, outcome: 'not-verified', because: 'no order was acknowledged', n }
  return standsInOrder(evidence)
    ? { claim, outcome: 'pass', because: `it is, of ${n} acknowledged ones`, n }
    : {
        claim,
        outcome: 'fail',
        because: `the queue does not stand in the order that was acknowledged last, of ${n}`,
        n,
      }
}

function totalsFinding(before: BulkEvidence['totals_before'], after: BulkEvidence['totals_after']): Finding {
  const claim = 'there are as many changesets as before, and as many of them are queued'
  const words = ({ stored, queued }: BulkEvidence['totals_before']) => `${stored} changesets, ${queued} of them queued`
  if ([before, after].some(({ stored, queued }) => stored === null || queued === null)) {
    return { claim, outcome: 'not-verified', because: 'the target does not say how many there are' }
  }
  return before.stored === after.stored && before.queued === after.queued
    ? { claim, outcome: 'pass', because: words(after) }
    : { claim, outcome: 'fail', because: `${words(before)} before the load, ${words(after)} after it` }
}
