// What the editing load claims, one finding each: pure. A claim fails only for what the target did; where the harness or
// the machine may be at fault, it is not verified.

import type { Finding, Limits, Measured } from '../../harness/check.ts'
import { ascending, fewestSamplesFor, percentile, percentileInterval } from '../../harness/statistics.ts'
import { keeps } from '../../harness/verdict.ts'
import { wasHeld } from '../lib/manners-settings.ts'
import type { EditEvidence } from './evidence.ts'
import { eachOnce, reconcileCommits, reconcileFiles } from './ledger.ts'

/** Was the load made as planned? When not, nothing below it was verified, whatever the numbers say. */
export function generatorFinding(evidence: EditEvidence): Finding {
  const claim = 'the load was made as planned, and its generator was sound'
  const { generator, edits } = evidence
  const complaints: string[] = []
  if (generator.signal !== null) complaints.push(`k6 was ended by ${generator.signal}`)
  // 99: a threshold was missed, which is a measurement; every other code is a fault of the generator.
  else if (generator.exit_code !== 0 && generator.exit_code !== 99) {
    complaints.push(`k6 ended with exit code ${generator.exit_code}: ${generator.log_tail.at(-1) ?? 'no message'}`)
  }
  const stopped = evidence.stopped_at_5xx_share
  if (stopped != null) complaints.push(`it ended itself once ${stopped * 100} % of the answers were 5xx or none`)
  const bound = evidence.rate_bound_per_s
  const starts = edits.flatMap(({ started_ms }) => started_ms ?? [])
  if (bound != null && wasHeld(starts, bound)) {
    complaints.push(`it was held at ${bound} requests/s, the bound for this target (CONMAN_LOAD_REQUESTS_PER_S_MAX)`)
  }
  const distrusted = edits.filter(wasDistrusted).length
  if (distrusted > 0) {
    complaints.push(
      `k6 does not know the authority of the target's certificate (${distrusted} edits), which the harness itself does: have the system trust it`,
    )
  }
  if (!generator.summary_fresh) complaints.push('k6 wrote no summary')
  if (generator.thresholds.length === 0) complaints.push('k6 evaluated no threshold')
  if (evidence.exceptions > 0) complaints.push(`${evidence.exceptions} iterations of the script threw`)
  if (evidence.edits_planned !== null) {
    if (edits.length !== evidence.edits_planned) {
      complaints.push(`${edits.length} of ${evidence.edits_planned} planned edits were attempted`)
    }
    if (evidence.iterations_finished !== evidence.users) {
      complaints.push(`${evidence.iterations_finished} of ${evidence.users} iterations finished`)
    }
  } else if (edits.length < fewestSamplesFor(0.99)) {
    complaints.push(`${edits.length} edits are too few for a p99 (at least ${fewestSamplesFor(0.99)})`)
  }
  const open = edits.filter((edit) => edit.duration_ms === null).length
  if (open > 0) complaints.push(`${open} attempts were cut off before they ended`)
  if (new Set(edits.map((edit) => edit.key)).size !== edits.length) complaints.push('an edit was attempted twice')
  return complaints.length === 0
    ? { claim, outcome: 'pass', because: `${edits.length} edits attempted, all ended`, n: edits.length }
    : {
        claim,
        outcome: 'not-verified',
        because: `the load was not made as planned: ${complaints.join(', ')}`,
        n: edits.length,
      }
}

/** How many edits a user makes in a minute, at most; the specified limit of writes is 30 (E12 §6.4, RL2). */
const EDITS_A_MINUTE = { L1: 5, 'L1.sample': 60, 'L1.open': 60 } as const
const WRITES_A_MINUTE_SPECIFIED = 30

/**
 * A load that a rate limit slows down is not the one that the requirement names: its figures say nothing. That is no failure
 * of what is measured here; the limits have checks of their own (RL1–RL3).
 */
export function throttledFinding({ throttled = 0, scenario }: EditEvidence): Finding {
  const claim = 'no rate limit stands in the way of the load'
  if (throttled === 0) return { claim, outcome: 'pass', because: 'no answer was 429', n: throttled }
  const edits = EDITS_A_MINUTE[scenario]
  const beside = edits <= WRITES_A_MINUTE_SPECIFIED ? 'below' : 'above'
  return {
    claim,
    outcome: 'not-verified',
    because: `${throttled} answers were 429: a rate limit of the target kept the load from being made as specified (${edits} edits a minute and user are ${beside} the specified limit of ${WRITES_A_MINUTE_SPECIFIED} writes)`,
    n: throttled,
  }
}

/**
 * k6's 1310, 'x509: unknown authority'. The harness itself verified the same certificate when it seeded, so the edit was refused by
 * the generator; where it does not read the file of authorities that it is given (macOS), it asks the system alone.
 */
function wasDistrusted({ status, error }: EditEvidence['edits'][number]): boolean {
  return status === 0 && error.startsWith('1310 ')
}

/** Edits that ended. One that a rate limit or the generator refused to its end was never the target's to acknowledge. */
function endedOf({ edits }: EditEvidence): EditEvidence['edits'] {
  return edits.filter((edit) => edit.duration_ms !== null && edit.status !== 429 && !wasDistrusted(edit))
}

export function acknowledgedFinding(evidence: EditEvidence): Finding {
  const claim = 'every edit is acknowledged'
  const ended = endedOf(evidence)
  const refused = ended.filter((edit) => edit.commit === null)
  const measured: Measured = { value: ended.length - refused.length, unit: 'edits', label: 'acknowledged' }
  const n = ended.length
  if (refused.length > 0) {
    return {
      claim,
      outcome: 'fail',
      because: `${refused.length} of ${n} edits were not acknowledged: ${statuses(refused)}${untilThen(evidence)}`,
      measured,
      n,
    }
  }
  return n === 0
    ? { claim, outcome: 'not-verified', because: 'no edit ended', n }
    : { claim, outcome: 'pass', because: `${n} of ${n} edits were acknowledged`, measured, n }
}

/** `HTTP 500 × 6, no answer × 1`. */
function statuses(edits: readonly { status: number | null; error: string }[]): string {
  const counts = new Map<string, number>()
  for (const { status, error } of edits) {
    const name =
      status === 0 || status === null
        ? `no answer${error ? ` (${error})` : ''}`
        : status < 300
          ? `HTTP ${status} without a commit`
          : `HTTP ${status}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return [...counts].map(([name, count]) => `${name} × ${count}`).join(', ')
}

/**
 * With 250 samples a p99 would say nothing (it takes 299), so the rule is: every one within the limit.
 * An excess that is no longer than this machine kept ready processes waiting may be the harness's own.
 */
export function latencyFinding(evidence: EditEvidence, limits: Limits): Finding {
  const claim = 'each edit ends within the limit'
  const limit = limits.latency_ms_max!
  const durations = ascending(evidence.edits.flatMap((edit) => edit.duration_ms ?? []))
  const slowest = durations.at(-1)
  const n = durations.length
  if (slowest === undefined) return { claim, outcome: 'not-verified', because: 'no edit ended', limit, n: 0 }
  const measured: Measured = { value: slowest, unit: 'ms', label: `slowest of ${n}` }
  if (keeps(slowest, limit)) {
    return { claim, outcome: 'pass', because: `slowest ${slowest.toFixed(0)} ms of ${n}`, measured, limit, n }
  }
  const late = durations.filter((duration) => !keeps(duration, limit))
  const lag = evidence.generator.pulse_lag_ms_max
  if (keeps(slowest - lag, limit)) {
    return {
      claim,
      outcome: 'not-verified',
      because: `${late.length} of ${n} edits took longer than ${limit.value} ms, the slowest ${slowest.toFixed(0)} ms, but this machine kept ready processes waiting for up to ${lag.toFixed(0)} ms meanwhile`,
      measured,
      limit,
      n,
    }
  }
  return {
    claim,
    outcome: 'fail',
    because: `${late.length} of ${n} edits took longer than ${limit.value} ms, the slowest ${slowest.toFixed(0)} ms`,
    measured,
    limit,
    n,
  }
}

export function percentileFinding(evidence: EditEvidence, limits: Limits): Finding {
  const claim = 'the 99th percentile keeps the limit'
  const limit = limits.latency_ms_p99!
  const durations = ascending(evidence.edits.flatMap((edit) => edit.duration_ms ?? []))
  const n = durations.length
  const interval = percentileInterval(durations, 0.99)
  if (interval === null) {
    return {
      claim,
      outcome: 'not-verified',
      because: `${n} samples are too few for a p99 (at least ${fewestSamplesFor(0.99)})`,
      limit,
      n,
    }
  }
  const p99 = percentile(durations, 0.99)
  const measured: Measured = { value: p99, unit: 'ms', label: 'p99' }
  const dropped = evidence.generator.dropped_iterations
  const figure = `p99 ${p99.toFixed(0)} ms (95 % interval ${interval.low.toFixed(0)}–${interval.high.toFixed(0)} ms) of ${n}`
  // Edits that were never started would have been the slowest: the figure is printed as the bound that it is.
  const shown =
    dropped === 0
      ? figure
      : `${figure} is a lower bound: ${dropped} edits were never started because all virtual users were busy`
  if (!keeps(p99, limit)) {
    const lag = evidence.generator.pulse_lag_ms_max
    return keeps(p99 - lag, limit)
      ? {
          claim,
          outcome: 'not-verified',
          because: `${shown}, but this machine kept ready processes waiting for up to ${lag.toFixed(0)} ms meanwhile`,
          measured,
          limit,
          n,
        }
      : { claim, outcome: 'fail', because: `${shown}, limit ${limit.value} ms`, measured, limit, n }
  }
  if (dropped > 0) {
    return {
      claim,
      outcome: 'not-verified',
      because: shown,
      measured,
      limit,
      n,
    }
  }
  return { claim, outcome: 'pass', because: shown, measured, limit, n }
}

/** So many answers a load that ended itself must have got before a share of them is one of the load. */
const ANSWERS_MIN = 20

export function failedShareFinding(evidence: EditEvidence, limits: Limits): Finding {
  const claim = 'fewer edits fail than allowed'
  const limit = limits.failed_share_max!
  const ended = endedOf(evidence)
  const failed = ended.filter((edit) => edit.commit === null)
  const n = ended.length
  if (n === 0) return { claim, outcome: 'not-verified', because: 'no edit ended', limit, n }
  // One of three is a third, but not of the thousands that the whole load would have made.
  if (evidence.stopped_at_5xx_share != null && n < ANSWERS_MIN) {
    return { claim, outcome: 'not-verified', because: `${n} answers are too few for a share`, limit, n }
  }
  const share = failed.length / n
  const measured: Measured = { value: share, unit: '', label: 'share of failed edits' }
  // The sample says 'rate<0.01': the limit itself is already too many.
  return share < limit.value
    ? { claim, outcome: 'pass', because: `${failed.length} of ${n} failed`, measured, limit, n }
    : {
        claim,
        outcome: 'fail',
        because: `${failed.length} of ${n} edits failed: ${statuses(failed)}${untilThen(evidence)}`,
        measured,
        limit,
        n,
      }
}

/** Said beside what failed: a smaller number of edits than was planned. */
function untilThen({ stopped_at_5xx_share }: EditEvidence): string {
  return stopped_at_5xx_share == null ? '' : '; the load ended itself at that'
}

/** Correct, not only fast: what was acknowledged is there, once, unaltered; and nothing is there that nobody wrote. */
export function ledgerFindings(evidence: EditEvidence): Finding[] {
  const findings: Finding[] = []
  const acknowledged = evidence.edits.filter((edit) => edit.commit !== null).length
  const claim = (text: string, broken: readonly string[], unread: readonly string[], what: string, n: number) => {
    const outcome = broken.length > 0 ? 'fail' : unread.length > 0 || n === 0 ? 'not-verified' : 'pass'
    const because =
      broken.length > 0
        ? `${broken.length} ${what}, first ${broken[0]}`
        : unread.length > 0
          ? `${unread.length} files could not be read back, first ${unread[0]}`
          : n === 0
            ? 'no edit was acknowledged, so none can be looked for'
            : `0 of ${n}`
    findings.push({ claim: text, outcome, because, n })
  }
  const api = reconcileFiles(evidence.edits, evidence.read_by_api)
  claim(
    'no acknowledged edit is lost (read through the API)',
    eachOnce(api.lost),
    api.unread,
    'acknowledged edits are lost',
    api.files,
  )
  claim(
    'no edit is altered (read through the API)',
    api.altered,
    api.unread,
    'files hold bytes that nobody sent',
    api.files,
  )
  if (evidence.read_by_git === null) return findings
  const git = reconcileFiles(evidence.edits, evidence.read_by_git.files)
  const commits = reconcileCommits(evidence.edits, evidence.read_by_git.commits)
  claim(
    'no acknowledged edit is missing from git (read by git itself)',
    eachOnce([...git.lost, ...commits.lost]),
    git.unread,
    'acknowledged edits are missing from git',
    acknowledged,
  )
  claim('no edit is altered in git', git.altered, git.unread, 'files in git hold bytes that nobody sent', git.files)
  claim('no edit is committed twice', commits.doubled, [], 'edits were committed more than once', acknowledged)
  // Where the load script's own record is incomplete, a commit without an attempt may just be an attempt without a record.
  const incomplete = ledgerIsComplete(evidence) ? [] : ['the record of attempts, which is incomplete']
  claim(
    'no commit is invented',
    incomplete.length > 0 ? [] : commits.invented,
    incomplete,
    'commits carry edits that nobody attempted',
    acknowledged,
  )
  claim(
    'each acknowledgement names the commit that was made',
    commits.misnamed,
    [],
    'acknowledgements name another commit than the one made',
    acknowledged,
  )
  const { fsck } = evidence.read_by_git
  findings.push({
    claim: 'the repository is sound (git fsck)',
    outcome: fsck.exit_code === 0 ? 'pass' : 'fail',
    because:
      fsck.exit_code === 0
        ? 'git fsck found nothing'
        : `git fsck ended with ${fsck.exit_code}: ${fsck.output.split('\n')[0]}`,
  })
  return findings
}

/** Did k6 end in order, so that every attempt it made is on record? */
function ledgerIsComplete({ generator, edits, edits_planned }: EditEvidence): boolean {
  const inOrder = generator.signal === null && (generator.exit_code === 0 || generator.exit_code === 99)
  return inOrder && (edits_planned === null || edits.length === edits_planned)
}

/**
 * k6's thresholds and the judge come from one constant, so they must agree: where k6 missed a threshold that the judge
 * did not see broken, the instrument is wrong and nothing is passed.
 */
export function agreementFinding(evidence: EditEvidence, findings: readonly Finding[]): Finding {
  const claim = "k6's own thresholds agree with the judge"
  const missed = evidence.generator.thresholds.filter((threshold) => !threshold.ok)
  const allPassed = findings.every((finding) => finding.outcome === 'pass')
  return missed.length > 0 && allPassed
    ? {
        claim,
        outcome: 'not-verified',
        because: `k6 missed ${missed.map(({ metric, threshold }) => `${metric} ${threshold}`).join(', ')}, which the samples do not show`,
      }
    : { claim, outcome: 'pass', because: `${evidence.generator.thresholds.length} thresholds, ${missed.length} missed` }
}
