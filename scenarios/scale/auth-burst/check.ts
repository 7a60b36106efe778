// auth-burst: 200 virtual users log in, ask for a new password and use their tokens at once. Rate limits are part of it: who is
// refused is refused fast, in the specified shape, and for his own requests only. Pure: evidence in, verdict out.

import type { Check, Finding, Limits, Verdict } from '../../../harness/check.ts'
import { verdictOf } from '../../../harness/verdict.ts'
import { agreementFinding, generatorFinding, noneFinding, type Requests, statuses } from '../../lib/claims.ts'
import { figuresTable, generatorRows, latencyRows } from '../../lib/pictures.ts'
import { enoughFinding, errorShareFinding, percentileOrEachFinding } from '../lib/claims.ts'
import { type Answer, answersIn } from '../lib/columns.ts'
import { thinnedCharts } from '../lib/pictures.ts'
import { mostThatPass, refusedForOthers } from './buckets.ts'
import type { AuthEvidence } from './evidence.ts'
import { authGatherer } from './gather.ts'
import { AUTH_LIMITS } from './limits.ts'
import type { Endpoint } from './settings.ts'

export const authBurst: Check<AuthEvidence> = {
  id: 'scale.auth-burst',
  title: 'A burst of logins and forgotten passwords is served or throttled as specified, and harms nobody else',
  failureTitle: 'Under a burst of logins users wait, meet errors, or are throttled otherwise than specified',
  requirement: {
    level: 'SHOULD',
    source: 'scale tier: auth-burst',
    text: '200 virtual users on login, reset and token use for 5 min: per-endpoint p95 of 300–800 ms, throttled answers of the exact shape, 5xx < 0.1 %',
  },
  gatherer: authGatherer,
  profiles: ['smoke', 'standard', 'golive'],
  onlyByName: true,
  limits: AUTH_LIMITS,
  evaluate,
}

const NAMES: Record<Endpoint, string> = {
  token: 'uses of a token',
  login: 'logins',
  reset: 'requests for a new password',
}

type Named = Answer & { endpoint: Endpoint; limit: number }

const isServed = ({ status }: { status: number }) => status >= 200 && status <= 299
const isServerError = ({ status }: { status: number }) => status === 0 || status >= 500

function evaluate(evidence: AuthEvidence, limits: Limits): Verdict {
  const { load, users, accounts, limits_set, made_over } = evidence
  const answers = evidence.endpoints
    .flatMap((columns) =>
      answersIn(columns).map(
        (answer, at): Named => ({
          ...answer,
          endpoint: columns.endpoint,
          limit: columns.limit[at]!,
        }),
      ),
    )
    .sort((a, b) => a.started_ms - b.started_ms)
  const all: Requests = { what: 'requests', ended: answers }
  const findings = [
    generatorFinding(load, all, null),
    enoughFinding('every virtual user had a round', load.iterations_finished, users, 'rounds'),
    errorShareFinding('few requests meet a 5xx', all, limits.server_error_share_max!, load, isServerError),
    ...latencyFindings(evidence, limits),
    othersFinding(answers),
    ...throttleFindings(evidence, answers, limits),
  ]
  const logins = answers.filter((answer) => answer.endpoint === 'login' && isServed(answer))
  const throttled = answers.filter(({ status }) => status === 429).length
  // The figure of what most requests are.
  const own = findings.find(({ measured }) => measured?.label.endsWith(`served ${NAMES.token}`))
  return verdictOf({
    findings: [...findings, agreementFinding(load.generator, findings)],
    whenPassed: `${answers.length} requests by ${users} virtual users: ${throttled} throttled, all of the specified shape and for their own requests; of the others uses of a token ${own?.because}, ${logins.length} logins in time; rate limits ${limitWords(evidence)}`,
    ...(own?.measured && own.limit ? { headline: { measured: own.measured, limit: own.limit, n: own.n ?? 0 } } : {}),
    verifiedBy: limits_set === null ? ['http'] : ['http', 'configuration'],
    charts: thinnedCharts(
      'requests',
      answers.map(({ started_ms, duration_ms, status, user, endpoint }) => ({
        started_ms,
        duration_ms,
        status,
        label: `user ${user}, ${endpoint}`,
        failed: !isServed({ status }) && status !== 429,
      })),
      { value: limits.login_ms_p95!.value, label: `limit for p95 of logins ${limits.login_ms_p95!.value} ms` },
    ),
    tables: [
      figuresTable([
        ...evidence.endpoints.flatMap((columns) => {
          const own = answersIn(columns)
          return [
            ...latencyRows(`Served ${NAMES[columns.endpoint]}`, own.filter(isServed)),
            [`Throttled ${NAMES[columns.endpoint]}`, String(own.filter(({ status }) => status === 429).length)],
          ]
        }),
        [
          'Throttled, by a counter of its own',
          `${evidence.counted.throttled}, ${evidence.counted.as_specified} of the specified shape`,
        ],
        ['Accounts', `${accounts} for ${users} virtual users, seeded over ${made_over}`],
        ['Rate limits', limitWords(evidence)],
        ...generatorRows(load),
      ]),
    ],
    remedy:
      limits_set === null
        ? 'the target was met with the limits that it has; hand over CONMAN_SERVER_CMD for a process with the specified ones'
        : 'look at what a refused request costs before it is refused, and at what a limit is counted by; every request is in evidence.json',
  })
}

function limitWords({ limits_set }: AuthEvidence): string {
  return limits_set === null ? 'as the target has them' : 'as specified, on a process of its own beside'
}

/** Those who are served and those who are refused, each: thousands of quick refusals would hide a slow login. */
function latencyFindings({ endpoints, load }: AuthEvidence, limits: Limits): Finding[] {
  return endpoints.flatMap((columns) => {
    const name = NAMES[columns.endpoint]
    const limit = limits[`${columns.endpoint}_ms_p95`]!
    const own = answersIn(columns)
    const served: Requests = { what: `served ${name}`, ended: own.filter(isServed) }
    const refused: Requests = { what: `throttled ${name}`, ended: own.filter(({ status }) => status === 429) }
    return [served, refused]
      .filter((requests) => requests === served || requests.ended.length > 0)
      .map((requests) => percentileOrEachFinding(`${requests.what} are answered in time`, requests, 0.95, limit, load))
  })
}

function othersFinding(answers: readonly Named[]): Finding {
  const claim = 'who is neither throttled nor met by a 5xx gets what he asks for'
  const judged = answers.filter((answer) => answer.status !== 429 && !isServerError(answer))
  const wrong = judged.filter((answer) => !isServed(answer) || answer.error !== '')
  const n = judged.length
  return wrong.length === 0
    ? noneFinding(claim, [], '', n)
    : {
        claim,
        outcome: 'fail',
        because: `${wrong.length} of ${n} requests that should have been served were not: ${wrong[0]!.error || statuses(wrong)}, first one of the ${NAMES[wrong[0]!.endpoint]}`,
        n,
      }
}

function throttleFindings(evidence: AuthEvidence, answers: readonly Named[], limits: Limits): Finding[] {
  const { endpoints, counted, limits_set } = evidence
  const refused = answers.filter(({ status }) => status === 429)
  const n = refused.length
  const shapes = endpoints.flatMap(({ endpoint, misshapen }) => misshapen.map(({ text }) => ({ endpoint, text })))
  const silent = endpoints.reduce((sum, columns) => sum + columns.without_retry_after, 0)
  const shapeClaim = 'each throttled answer has the specified shape'
  const counters = {
    claim: 'the counters of throttled answers agree with the record',
    n,
    because: `${counted.throttled} counted, ${counted.as_specified} of them of the specified shape; ${n} on record, ${shapes.length} of another`,
  }
  return [
    n === 0
      ? { claim: shapeClaim, outcome: 'not-verified', because: 'no answer was 429: there was no shape to look at', n }
      : noneFinding(
          shapeClaim,
          shapes.map(({ endpoint, text }) => `among the ${NAMES[endpoint]}: ${text}`),
          'throttled answers have another shape',
          n,
        ),
    noneFinding(
      'each throttled answer says when to come again',
      Array.from({ length: silent }, () => 'without a Retry-After'),
      'throttled answers do not say when to come again',
      n,
    ),
    {
      ...counters,
      outcome:
        counted.throttled === n && counted.misshapen === shapes.length && counted.as_specified === n - shapes.length
          ? 'pass'
          : 'not-verified',
    },
    ...othersLimitFindings(answers, limits_set !== null),
    passedFinding(answers, limits, limits_set !== null),
  ]
}

/** Independent buckets: by the user, and by the address for what is below /api/auth/. */
function othersLimitFindings(answers: readonly Named[], own: boolean): Finding[] {
  const byUser = answers.filter(({ endpoint }) => endpoint === 'token')
  const below = answers.filter(({ endpoint }) => endpoint !== 'token')
  const claim = (text: string, what: string, judged: readonly Named[], bucket: (answer: Named) => string): Finding => {
    const wrong = refusedForOthers(judged.map((answer) => ({ ...answer, bucket: bucket(answer) })))
    return noneFinding(
      text,
      wrong.map(
        ({ bucket: whose, own: sent, limit, started_ms }) =>
          `${whose} after ${(started_ms / 1_000).toFixed(1)} s, with ${sent} ${what} of his own in the minute before and a limit of ${limit}`,
      ),
      `${what} were throttled for others' requests`,
      judged.length,
    )
  }
  return [
    claim('a user is throttled for his own requests only', 'requests', byUser, ({ user }) => `user ${user}`),
    // From an address that others share, others' requests count as well.
    ...(own
      ? [
          claim(
            'requests below /api/auth/ are throttled for requests below /api/auth/ only',
            'requests to /api/auth/',
            below,
            () => 'our address',
          ),
        ]
      : []),
  ]
}

function passedFinding(answers: readonly Named[], limits: Limits, own: boolean): Finding {
  const claim = 'no more logins and resets pass than the limit for an address lets'
  const limit = limits.auth_per_minute_max!
  const below = answers.filter(({ endpoint }) => endpoint !== 'token')
  const passed = below.filter(({ status }) => status !== 429 && status !== 0).length
  const n = below.length
  const ends = below.map(({ started_ms, duration_ms }) => started_ms + duration_ms)
  const span_ms = below.reduce((last, _, at) => Math.max(last, ends[at]!), 0) - (below[0]?.started_ms ?? 0)
  const most = mostThatPass(limit.value, span_ms, own)
  if (n <= most) {
    return { claim, outcome: 'not-verified', because: `${n} logins and resets are no more than may pass`, limit, n }
  }
  const words = `${passed} of ${n} passed in ${(span_ms / 1_000).toFixed(0)} s, at most ${most} may`
  return { claim, outcome: passed <= most ? 'pass' : 'fail', because: words, limit, n }
}
