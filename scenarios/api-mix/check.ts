// What is judged from normal load: GL-P2, SLO1 and SLO2 from the answers, GL-P5 from the database's own log of slow queries, and
// api-mix itself: what was told of each change. Pure: evidence in, verdicts out.

import type { Finding, Limit } from '../../harness/check.ts'
import { ascending, fewestSamplesFor, percentile } from '../../harness/statistics.ts'
import { keeps, verdictOf } from '../../harness/verdict.ts'
import {
  agreementFinding,
  generatorFinding,
  noneFinding,
  type Requests,
  statuses,
  throttledFinding,
  wasDistrusted,
} from '../lib/claims.ts'
import { latencyFinding, shareFinding } from '../lib/gates.ts'
import { checksOf, slowQueryVerdict, trailVerifiedBy } from '../lib/mix.ts'
import { figuresTable, generatorRows, latencyCharts, latencyRows } from '../lib/pictures.ts'
import { primaryChanged } from '../lib/slow-queries.ts'
import { SLOW_QUERY_LIMITS } from '../lib/slow-query-claims.ts'
import { toldFindings } from '../lib/told.ts'
import type { ApiMixEvidence } from './evidence.ts'
import { apiMix } from './gather.ts'
import { GL_P2_LIMITS, SLO1_LIMITS, SLO2_LIMITS } from './limits.ts'
import { MIX } from './mix.ts'

type Request = ApiMixEvidence['requests'][number]

const check = checksOf(apiMix, loadFindings)

export const toldOfChanges = check({
  id: 'api-mix',
  title: 'Under normal load every change is in the audit log, and whom it concerns is mailed once',
  failureTitle: 'Changes go missing from the audit log, or the wrong people are mailed about them',
  source: 'E11 under load (http-api HD113, HD114; decisions C20); loss only as DC5 allows',
  text: 'each acknowledged change has its audit row by E11’s name; each notification goes once to the right people by role, the actor excluded',
  limits: [],
  judge(evidence) {
    const { deeds } = evidence.aftermath
    return verdictOf({
      findings: [...loadFindings(evidence), ...toldFindings(evidence.aftermath, primaryChanged(evidence.queries))],
      whenPassed: `${deeds.length} changes, each with its row in the audit log, and each mailed once to everybody whom it concerns and to nobody else`,
      verifiedBy: trailVerifiedBy(evidence.aftermath),
      remedy: 'the changes, their rows and their mails are in evidence.json: compare them by the id that is named',
    })
  },
})

export const apiLatency = check({
  id: 'GL-P2',
  title: 'With fifty people at work, 99 of 100 answers come within half a second',
  failureTitle: 'Answers are slow or fail with fifty people at work',
  source: 'E12 §10 GL-P2',
  text: 'API p99 < 500 ms with 50 concurrent users',
  limits: GL_P2_LIMITS,
  judge(evidence, limits) {
    const limit = limits.latency_ms_p99!
    const all = requestsOf(evidence.requests)
    const findings = [
      ...loadFindings(evidence),
      usersFinding(evidence, limits.users_min!),
      servedFinding(evidence),
      answeredFinding(evidence),
      noneFinding(
        'answers hold what was asked for',
        evidence.requests.filter((one) => isOk(one) && !one.holds).map(({ kind }) => kind),
        'answers with 2xx held nothing of it',
        evidence.requests.filter(isOk).length,
      ),
      latencyFinding('the 99th percentile keeps the limit', all, limit, evidence.load),
    ]
    return verdictOf({
      findings: [...findings, agreementFinding(evidence.load.generator, findings)],
      whenPassed: `${p99Words(all)} by ${evidence.users} people (limit ${limit.value} ms), none failed`,
      ...headline(all, limit),
      verifiedBy: ['http'],
      charts: latencyCharts(
        'requests',
        evidence.requests.map((one) => ({ ...one, label: `user ${one.user}, ${one.kind}` })),
        { value: limit.value, label: `limit for p99 ${limit.value} ms` },
      ),
      tables: [figuresTable([...classRows(evidence), ...generatorRows(evidence.load)])],
      remedy:
        'see which kind of request is slow or fails (the table, and evidence.json), and the database’s slow queries beside it (GL-P5)',
    })
  },
})

export const availability = check({
  id: 'SLO1',
  title: 'At least 99.9 % of all requests are served',
  failureTitle: 'Too many requests end in a server error',
  source: 'E12 §6.3 SLO1',
  text: 'API availability: non-5xx ÷ all ≥ 99.9 %, rolling 30 days; here the run’s steady window (decisions, ‘windows’)',
  limits: SLO1_LIMITS,
  judge(evidence, limits) {
    const { requests } = evidence
    const bad = requests.filter(isServerError)
    const availability = shareFinding('enough requests are answered without a server error', {
      n: requests.length,
      bad: bad.length,
      what: 'requests',
      badOnes: statuses(bad),
      limit: limits.availability_percent_min!,
    })
    return verdictOf({
      findings: [...loadFindings(evidence), servedFinding(evidence), availability],
      whenPassed: `${availability.because}; ${windowWords(evidence)}`,
      ...(availability.measured
        ? { headline: { measured: availability.measured, limit: limits.availability_percent_min!, n: requests.length } }
        : {}),
      verifiedBy: ['http'],
      remedy: 'which requests failed, and when, is in evidence.json; the target’s log says why',
    })
  },
})

export const sloLatency = check({
  id: 'SLO2',
  title: 'People wait less than half a second for 99 of 100 answers',
  failureTitle: 'People wait too long for their answers',
  source: 'E12 §6.3 SLO2',
  text: 'API latency p99 < 500 ms, non-background endpoints, rolling 30 days; here the run’s steady window (decisions, ‘windows’)',
  limits: SLO2_LIMITS,
  judge(evidence, limits) {
    const limit = limits.latency_ms_p99!
    // Health is asked by monitors; everything else of the mix has somebody waiting.
    const waited = requestsOf(evidence.requests.filter(({ kind }) => kind !== 'health'))
    return verdictOf({
      findings: [
        ...loadFindings(evidence),
        servedFinding(evidence),
        latencyFinding('the 99th percentile keeps the limit', waited, limit, evidence.load),
      ],
      whenPassed: `${p99Words(waited)} (limit ${limit.value} ms); ${windowWords(evidence)}`,
      ...headline(waited, limit),
      verifiedBy: ['http'],
      tables: [figuresTable([...classRows(evidence), ...generatorRows(evidence.load)])],
      remedy: 'see which kind of request is slow: the table, and evidence.json',
    })
  },
})

export const quickQueries = check({
  id: 'GL-P5',
  title: 'Under normal load no query of the database takes longer than 100 ms',
  failureTitle: 'Some queries are slow under normal load',
  source: 'E12 §10 GL-P5',
  text: 'no MongoDB query > 100 ms under normal load (slow-query log)',
  limits: SLOW_QUERY_LIMITS,
  judge(evidence, limits) {
    return slowQueryVerdict(evidence.queries, limits.query_ms_max!, evidence.load, loadFindings(evidence))
  },
})

export const apiMixChecks = [toldOfChanges, apiLatency, quickQueries, availability, sloLatency]

function requestsOf(ended: readonly Request[]): Requests {
  return { what: 'requests', ended }
}

/** Was it normal load at all? When not, nothing below it was verified. */
function loadFindings({ load, requests, planned }: ApiMixEvidence): Finding[] {
  const n = requests.length
  // The rate and the time make one request more or less; a hundredth is none of the generator's doing.
  const enough = n >= planned * ENOUGH
  const dropped = load.generator.dropped_iterations
  return [
    generatorFinding(load, requestsOf(requests), null),
    {
      claim: 'as many requests as planned',
      outcome: enough ? 'pass' : 'not-verified',
      because: enough
        ? `${n} of ${planned}`
        : `only ${n} of ${planned} requests were sent, ${dropped} were never begun because all virtual users were busy: that is less than normal load`,
      n,
    },
    throttledFinding(load.throttled),
  ]
}

const ENOUGH = 0.99

function usersFinding({ users }: ApiMixEvidence, limit: Limit): Finding {
  const kept = keeps(users, limit)
  return {
    claim: 'as many people as specified',
    outcome: kept ? 'pass' : 'not-verified',
    because: kept ? `${users} ${limit.unit}` : `${users} ${limit.unit}, ${limit.value} are specified`,
    limit,
  }
}

/** So many refusals may be of the moment; with more of them the load was another one than normal load. */
const REFUSED_SHARE_MAX = 0.01

/** What is refused is answered quickly, and is nobody's service. Whether it had to be is not what is asked here. */
function servedFinding({ requests }: ApiMixEvidence): Finding {
  const claim = 'the target does what the mix asks for'
  const n = requests.length
  const refused = requests.filter(({ status }) => status >= 300 && status <= 499)
  const kinds = [...new Set(refused.map(({ kind }) => kind))].join(', ')
  if (n > 0 && refused.length / n <= REFUSED_SHARE_MAX) {
    return { claim, outcome: 'pass', because: `${refused.length} of ${n} were refused`, n }
  }
  return {
    claim,
    outcome: 'not-verified',
    because:
      n === 0
        ? 'no request ended'
        : `${refused.length} of ${n} requests were refused (${kinds}): ${statuses(refused)}; this was not the load that is meant`,
    n,
  }
}

/** Time-outs and server errors are the target's; what it refused is `servedFinding`'s. */
function answeredFinding({ requests }: ApiMixEvidence): Finding {
  const claim = 'no request ends in a server error or without an answer'
  const n = requests.length
  const failed = requests.filter(isServerError)
  if (failed.length > 0) {
    return { claim, outcome: 'fail', because: `${failed.length} of ${n} requests failed: ${statuses(failed)}`, n }
  }
  return noneFinding(claim, [], '', n)
}

function isOk({ status }: Request): boolean {
  return status >= 200 && status <= 299
}

/** No answer is none that was served; what k6 itself refused to send is the generator's. */
function isServerError(request: Request): boolean {
  return request.status >= 500 || (request.status === 0 && !wasDistrusted(request))
}

function p99Words({ ended }: Requests): string {
  const durations = ascending(ended.map(({ duration_ms }) => duration_ms))
  return durations.length >= fewestSamplesFor(0.99)
    ? `p99 ${percentile(durations, 0.99).toFixed(0)} ms of ${durations.length} requests`
    : `all ${durations.length} requests within ${(durations.at(-1) ?? 0).toFixed(0)} ms`
}

function headline({ ended }: Requests, limit: Limit) {
  const durations = ascending(ended.map(({ duration_ms }) => duration_ms))
  const n = durations.length
  if (n < fewestSamplesFor(0.99)) return {}
  return { headline: { measured: { value: percentile(durations, 0.99), unit: 'ms', label: 'p99' }, limit, n } }
}

function windowWords({ duration_s, load }: ApiMixEvidence): string {
  return `over the run's steady window of ${duration_s} s at ${load.generator.started_at}, which are not 30 days`
}

function classRows({ requests }: ApiMixEvidence): string[][] {
  const classes = Map.groupBy(requests, ({ kind }) => MIX[kind].of)
  return [...classes].flatMap(([name, of]) => latencyRows(name, of))
}
