// What the editing load claims, one finding each: pure. A claim fails only for what the target did; where the harness or
// the machine may be at fault, it is not verified.

import type { Finding, Limits, Measured } from '../../harness/check.ts'
import { fewestSamplesFor } from '../../harness/statistics.ts'
import {
  asPlanned,
  eachWithinFinding,
  generatorComplaints,
  percentileFinding,
  type Requests,
  throttledFinding,
  tooFewForShare,
  wasDistrusted,
} from '../lib/claims.ts'
import type { EditEvidence } from './evidence.ts'
import { eachOnce, reconcileCommits, reconcileFiles } from './ledger.ts'

/** The editing load as the claims of every load see it. */
export function loadOf(evidence: EditEvidence) {
  return {
    generator: evidence.generator,
    exceptions: evidence.exceptions,
    stopped_at_5xx_share: evidence.stopped_at_5xx_share ?? null,
    requests_per_s_max: evidence.rate_bound_per_s ?? null,
    // Not watched while people edit.
    other_cpu_share_max: null,
  }
}

/** The edits that ended. */
function requestsOf({ edits }: EditEvidence): Requests {
  const ended = edits.flatMap(({ started_ms, duration_ms, status, error }) =>
    duration_ms === null ? [] : [{ started_ms: started_ms ?? 0, duration_ms, status: status ?? 0, error }],
  )
  return { what: 'edits', ended }
}

/** Was the load made as planned? When not, nothing below it was verified, whatever the numbers say. */
export function generatorFinding(evidence: EditEvidence): Finding {
  const { edits } = evidence
  const complaints = generatorComplaints(loadOf(evidence), 'edits', edits)
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
  return asPlanned(complaints, `${edits.length} edits attempted, all ended`, edits.length)
}

/** How many edits a user makes in a minute, at most; the specified limit of writes is 30 (E12 §6.4, RL2). */
const EDITS_A_MINUTE = { L1: 5, 'L1.sample': 60, 'L1.open': 60 } as const
const WRITES_A_MINUTE_SPECIFIED = 30

export function editsThrottledFinding({ throttled = 0, scenario }: EditEvidence): Finding {
  const edits = EDITS_A_MINUTE[scenario]
  const beside = edits <= WRITES_A_MINUTE_SPECIFIED ? 'below' : 'above'
  return throttledFinding(
    throttled,
    `${edits} edits a minute and user are ${beside} the specified limit of ${WRITES_A_MINUTE_SPECIFIED} writes`,
  )
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

/** With 250 samples a p99 would say nothing (it takes 299), so the rule is: every one within the limit. */
export function latencyFinding(evidence: EditEvidence, limits: Limits): Finding {
  const claim = 'each edit ends within the limit'
  return eachWithinFinding(claim, requestsOf(evidence), limits.latency_ms_max!, loadOf(evidence))
}

export function p99Finding(evidence: EditEvidence, limits: Limits): Finding {
  const claim = 'the 99th percentile keeps the limit'
  return percentileFinding(claim, requestsOf(evidence), 0.99, limits.latency_ms_p99!, loadOf(evidence))
}

export function failedShareFinding(evidence: EditEvidence, limits: Limits): Finding {
  const claim = 'fewer edits fail than allowed'
  const limit = limits.failed_share_max!
  const ended = endedOf(evidence)
  const failed = ended.filter((edit) => edit.commit === null)
  const n = ended.length
  if (n === 0) return { claim, outcome: 'not-verified', because: 'no edit ended', limit, n }
  if (tooFewForShare(n, loadOf(evidence).stopped_at_5xx_share)) {
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
