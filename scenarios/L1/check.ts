// L1: 50 users edit files at once, five each, each in a workspace of their own. Pure: evidence in, verdicts out.

import type { Capability } from '../../harness/capabilities.ts'
import type { Check, Finding } from '../../harness/check.ts'
import { ascending, fewestSamplesFor, percentile } from '../../harness/statistics.ts'
import { verdictOf } from '../../harness/verdict.ts'
import { agreementFinding } from '../lib/claims.ts'
import {
  acknowledgedFinding,
  editsThrottledFinding,
  failedShareFinding,
  generatorFinding,
  latencyFinding,
  ledgerFindings,
  p99Finding,
} from './claims.ts'
import type { EditEvidence } from './evidence.ts'
import { editGatherer } from './gather.ts'
import { L1_LIMITS, SAMPLE_LIMITS } from './limits.ts'
import { charts, figures } from './pictures.ts'

const L1 = editGatherer('L1', '50 users × 5 files, each in a workspace of its own')
const SAMPLE = editGatherer('L1.sample', "the specification's sample as written: 50 VUs, 2 min, 1 s pause")
const OPEN = editGatherer('L1.open', 'the same rate as an open model: edits arrive however slow the server is')

export const concurrentEdits: Check<EditEvidence> = {
  id: 'L1',
  title: 'Fifty people editing at once all keep every edit, each within two seconds',
  failureTitle: 'People who edit at the same time wait too long, get errors or lose their edits',
  requirement: {
    level: 'MUST',
    source: 'E12 §6.1 L1',
    text: '50 users editing 5 files each concurrently, each in own workspace: all 250 edits succeed, each within 2 s',
  },
  gatherer: L1,
  profiles: ['smoke', 'standard', 'golive'],
  limits: L1_LIMITS,
  evaluate(evidence, limits) {
    const limit = limits.latency_ms_max!
    const durations = ascending(evidence.edits.flatMap((edit) => edit.duration_ms ?? []))
    const slowest = durations.at(-1)
    const findings = [
      generatorFinding(evidence),
      editsThrottledFinding(evidence),
      acknowledgedFinding(evidence),
      latencyFinding(evidence, limits),
      ...ledgerFindings(evidence),
    ]
    return verdictOf({
      findings: [...findings, agreementFinding(evidence.generator, findings)],
      whenPassed:
        `all ${evidence.edits.length} edits were acknowledged, the slowest after ${slowest?.toFixed(0)} ms (limit ${limit.value} ms), ` +
        `and each is there exactly once, unaltered, ${witnesses(evidence)}`,
      ...(slowest === undefined
        ? {}
        : {
            headline: {
              measured: { value: slowest, unit: 'ms', label: `slowest of ${durations.length}` },
              limit,
              n: durations.length,
            },
          }),
      verifiedBy: verifiedBy(evidence),
      charts: charts(evidence, limit.value, `limit ${limit.value} ms`),
      tables: [figures(evidence)],
      remedy: remedyOf(evidence),
    })
  },
}

export const editsAudited: Check<EditEvidence> = {
  id: 'L1.audit',
  title: 'Every acknowledged edit left its row in the audit log',
  failureTitle: 'Edits are missing from the audit log',
  requirement: {
    level: 'SHOULD',
    source: 'E11; http-api HD113',
    text: 'file writes are audited; without a fault none is missing',
  },
  gatherer: L1,
  profiles: ['smoke', 'standard', 'golive'],
  limits: [],
  evaluate(evidence) {
    const acknowledged = evidence.edits.filter((edit) => edit.commit !== null)
    const finding = (outcome: Finding['outcome'], because: string): Finding => ({
      claim: 'one audit row for each acknowledged edit',
      outcome,
      because,
      n: acknowledged.length,
    })
    const { audit } = evidence
    if (audit === null) {
      return verdictOf({
        findings: [finding('not-verified', 'neither the database nor an audit route could be read')],
        whenPassed: '',
        verifiedBy: [],
        remedy: 'hand over CONMAN_MONGO_URI (a read-only user suffices), or use a target with GET …/audit',
      })
    }
    const rows = new Map<string, number>()
    for (const commit of audit.commits) rows.set(commit, (rows.get(commit) ?? 0) + 1)
    const missing = acknowledged.filter((edit) => !rows.has(edit.commit!))
    const doubled = acknowledged.filter((edit) => (rows.get(edit.commit!) ?? 0) > 1)
    const findings =
      acknowledged.length === 0
        ? [finding('not-verified', 'no edit was acknowledged, so none can be looked for')]
        : missing.length > 0
          ? [
              finding(
                'fail',
                `${missing.length} of ${acknowledged.length} acknowledged edits have no audit row after ${audit.waited_ms} ms, first ${missing[0]!.key}`,
              ),
            ]
          : doubled.length > 0
            ? [finding('fail', `${doubled.length} edits have more than one audit row, first ${doubled[0]!.key}`)]
            : [finding('pass', `${acknowledged.length} of ${acknowledged.length} found`)]
    return verdictOf({
      findings,
      whenPassed: `each of ${acknowledged.length} acknowledged edits has its audit row, by its commit`,
      headline: {
        measured: { value: acknowledged.length - missing.length, unit: 'rows', label: 'edits with an audit row' },
        n: acknowledged.length,
      },
      verifiedBy: [audit.source],
      remedy:
        'compare the audit rows with the commits in evidence.json; audit writes use w:1 and may be lost only in a failover (DC5)',
    })
  },
}

export const sampleAsWritten = steady({
  id: 'L1.sample',
  gatherer: SAMPLE,
  title: "Fifty people editing for two minutes stay within the sample's limits",
  failureTitle: 'Editing slows down or fails under two minutes of steady use',
  source: 'E12 §9.1',
  text: '50 VUs for 2 min with a pause of 1 s: p(99)<2000 ms, failures below 1 %',
})

export const openModel = steady({
  id: 'L1.open',
  gatherer: OPEN,
  title: 'Edits that arrive at a steady rate are served as fast, however slow the server gets',
  failureTitle: 'Edits queue up when they arrive faster than they are served',
  source: 'guides: load, open-model twin of L1',
  text: 'the same rate as an open model, free of coordinated omission: p99 < 2 s, failures below 1 %',
})

function steady(input: {
  id: 'L1.sample' | 'L1.open'
  gatherer: typeof SAMPLE
  title: string
  failureTitle: string
  source: string
  text: string
}): Check<EditEvidence> {
  return {
    id: input.id,
    title: input.title,
    failureTitle: input.failureTitle,
    requirement: { level: 'SHOULD', source: input.source, text: input.text },
    gatherer: input.gatherer,
    profiles: ['golive'],
    limits: SAMPLE_LIMITS,
    evaluate(evidence, limits) {
      const limit = limits.latency_ms_p99!
      const durations = ascending(evidence.edits.flatMap((edit) => edit.duration_ms ?? []))
      const p99 = durations.length >= fewestSamplesFor(0.99) ? percentile(durations, 0.99) : undefined
      const findings = [
        generatorFinding(evidence),
        editsThrottledFinding(evidence),
        p99Finding(evidence, limits),
        failedShareFinding(evidence, limits),
        ...ledgerFindings(evidence),
      ]
      return verdictOf({
        findings: [...findings, agreementFinding(evidence.generator, findings)],
        whenPassed: `p99 ${p99?.toFixed(0)} ms of ${durations.length} edits (limit ${limit.value} ms), none lost, ${witnesses(evidence)}`,
        ...(p99 === undefined
          ? {}
          : { headline: { measured: { value: p99, unit: 'ms', label: 'p99' }, limit, n: durations.length } }),
        verifiedBy: verifiedBy(evidence),
        charts: charts(evidence, limit.value, `limit for p99 ${limit.value} ms`),
        tables: [figures(evidence)],
        remedy: remedyOf(evidence),
      })
    },
  }
}

function witnesses(evidence: EditEvidence): string {
  return evidence.read_by_git === null ? 'read back through the API' : 'read back through the API and by git itself'
}

function verifiedBy(evidence: EditEvidence): Capability[] {
  return evidence.read_by_git === null ? ['http'] : ['http', 'git-storage']
}

function remedyOf(evidence: EditEvidence): string {
  if ((evidence.throttled ?? 0) > 0) {
    return 'raise the limits of a deployment that is there to be tested (CONMAN_RATE_LIMIT_USER_PER_MINUTE and …_WRITE_PER_MINUTE; CONMAN_HTTP_RATE_LIMIT_PER_SECOND), and run again'
  }
  return evidence.read_by_git === null
    ? 'read evidence.json by the edit keys above; git itself was not asked: hand over access to the repositories for that half'
    : 'read evidence.json and the logs beside it by the edit keys above'
}
