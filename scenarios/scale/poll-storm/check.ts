// poll-storm: the clients of 5,000 users poll jobs and changesets, 167 times a second. Pure: evidence in, verdict out.

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
import { figuresTable, generatorRows, latencyRows } from '../../lib/pictures.ts'
import { arrivedFinding, enoughFinding, errorShareFinding, unthrottled } from '../lib/claims.ts'
import { answersIn } from '../lib/columns.ts'
import { thinnedCharts } from '../lib/pictures.ts'
import type { PollEvidence } from './evidence.ts'
import { pollGatherer } from './gather.ts'
import { POLL_LIMITS } from './limits.ts'
import { PAGE_SIZE } from './settings.ts'

export const pollStorm: Check<PollEvidence> = {
  id: 'scale.poll-storm',
  title: 'The clients of thousands of users can poll, and each is answered at once',
  failureTitle: 'Polling clients are answered late, wrongly or not at all',
  requirement: {
    level: 'SHOULD',
    source: 'scale tier: poll-storm',
    text: '5,000 users poll jobs and listings, 167 requests/s together for 5 min: p95 < 500 ms, p99 < 1 s, errors < 0.1 %',
  },
  gatherer: pollGatherer,
  profiles: ['smoke', 'standard', 'golive'],
  onlyByName: true,
  limits: POLL_LIMITS,
  evaluate,
}

function evaluate(evidence: PollEvidence, limits: Limits): Verdict {
  const { load, lists, users, users_asked_for, rate_per_s, duration_s, made_over } = evidence
  const answers = lists
    .flatMap((columns) => answersIn(columns).map((answer) => ({ ...answer, list: columns.list })))
    .sort((a, b) => a.started_ms - b.started_ms)
  const polls: Requests = { what: 'polls', ended: answers }
  const p95 = limits.latency_ms_p95!
  const findings = [
    generatorFinding(load, polls, null),
    throttledFinding(load.throttled),
    enoughFinding('as many users poll as are asked for', users, users_asked_for, 'users'),
    arrivedFinding(answers.length, { rate_per_s, duration_s }, 'polls'),
    errorShareFinding('few polls fail', unthrottled(polls), limits.error_share_max!, load),
    percentileFinding('the 95th percentile keeps the limit', polls, 0.95, p95, load),
    percentileFinding('the 99th percentile keeps the limit', polls, 0.99, limits.latency_ms_p99!, load),
    ...lists.flatMap(contentFindings),
  ]
  const durations = ascending(answers.map(({ duration_ms }) => duration_ms))
  const value = durations.length >= fewestSamplesFor(0.95) ? percentile(durations, 0.95) : undefined
  return verdictOf({
    findings: [...findings, agreementFinding(load.generator, findings)],
    whenPassed: `p95 ${value?.toFixed(0)} ms of ${answers.length} polls by ${users} users, ${rate_per_s} a second (limit ${p95.value} ms); each told what there is`,
    ...(value === undefined
      ? {}
      : { headline: { measured: { value, unit: 'ms', label: 'p95' }, limit: p95, n: answers.length } }),
    verifiedBy: ['http'],
    charts: thinnedCharts(
      'polls',
      answers.map(({ started_ms, duration_ms, status, user, list }) => ({
        started_ms,
        duration_ms,
        status,
        label: `user ${user}, ${list}`,
      })),
      { value: p95.value, label: `limit for p95 ${p95.value} ms` },
    ),
    tables: [
      figuresTable([
        ...latencyRows('Polls', answers),
        ...lists.flatMap((columns) => latencyRows(`Polls of ${columns.list}`, answersIn(columns))),
        ['Users', `${users}, seeded over ${made_over}`],
        ...generatorRows(load),
      ]),
    ],
    remedy:
      made_over === 'http'
        ? 'over HTTP only as many users join as a target lets in a reasonable time: hand over CONMAN_SERVER_CMD for a stack with all of them'
        : 'look at what each request reads before its own query (token, user, membership), and at the plans of both lists',
  })
}

/** Fast, and empty, would be no answer: each page is as full as there are rows, and tells how many there are. */
function contentFindings(columns: PollEvidence['lists'][number]): Finding[] {
  const { list, total_before, total_after, status, rows, total, user } = columns
  const claim = `each poll of ${list} tells how many there are, on a page as full as that`
  if (total_before === null || total_after === null) {
    return [
      { claim, outcome: 'not-verified', because: `the target did not say beside the load how many ${list} there are` },
    ]
  }
  // Others may add some meanwhile.
  const [fewest, most] = [Math.min(total_before, total_after), Math.max(total_before, total_after)]
  const answered = status.flatMap((code, at) => (code >= 200 && code <= 299 ? [at] : []))
  const wrong = answered.filter((at) => {
    const full = rows[at]! >= Math.min(PAGE_SIZE, fewest) && rows[at]! <= PAGE_SIZE
    return !full || total[at]! < fewest || total[at]! > most
  })
  return [
    noneFinding(
      claim,
      wrong.map((at) => `${shown(rows[at]!)} rows and a total of ${shown(total[at]!)} for user ${user[at]}`),
      `polls of ${list} told something else than ${fewest === most ? fewest : `${fewest} to ${most}`}`,
      answered.length,
    ),
  ]
}

function shown(count: number): string {
  return count < 0 ? 'no' : String(count)
}
