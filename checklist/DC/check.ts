// DC1 to DC5: what each kind of operation asks of the database. Pure: what was watched in, verdicts out.

import type { Check, Finding, Requirement, Verdict } from '../../harness/check.ts'
import { verdictOf } from '../../harness/verdict.ts'
import {
  arrivalFinding,
  auditFinding,
  claimFinding,
  decisionFinding,
  durableFinding,
  pingFinding,
  pollFinding,
  spelled,
  spreadFinding,
  walkedFinding,
  watchedFinding,
} from './claims.ts'
import type { DatabaseUse, Watched } from './evidence.ts'
import { databaseUse } from './gather.ts'

interface Concern {
  id: string
  title: string
  failureTitle: string
  /** §6.1's row. */
  text: string
  claims(watched: Watched): Finding[]
  whenPassed: string
  remedy: string
}

const CONCERNS: readonly Concern[] = [
  {
    id: 'DC1',
    title: 'The health ping survives a failover of the database',
    failureTitle: 'Health cannot be asked while the database has no primary',
    text: 'health ping: read preference primaryPreferred',
    claims: (watched) => [walkedFinding(watched, ['health']), pingFinding(watched)],
    whenPassed: 'each ping of a health request asks with primaryPreferred',
    remedy: 'ping with the read preference primaryPreferred',
  },
  {
    id: 'DC2',
    title: 'Lists and details may be read from secondaries, and decisions never are',
    failureTitle: 'Reads burden the primary, or decisions rest on what a secondary still believes',
    text: 'reads (lists, details): read preference secondaryPreferred; decisions C24: whatever decides reads the primary',
    claims: (watched) => [
      walkedFinding(watched, ['list', 'detail', 'change']),
      spreadFinding(watched),
      arrivalFinding(watched),
      decisionFinding(watched),
    ],
    whenPassed:
      'lists and details ask with secondaryPreferred and arrive at secondaries; what decides asks the primary',
    remedy:
      'give lists and details the read preference secondaryPreferred, and everything that is read before a change the primary',
  },
  {
    id: 'DC3',
    title: 'What is acknowledged is stored by the majority, in the journal',
    failureTitle: 'Acknowledged changes can be lost when the database fails over',
    text: 'mutations: write concern {w: "majority", j: true}',
    claims: (watched) => [walkedFinding(watched, ['change']), durableFinding(watched)],
    whenPassed: 'every write of the walk and of its jobs waits for the majority and its journal',
    remedy: 'write with {w: "majority", j: true}',
  },
  {
    id: 'DC4',
    title: 'Workers claim jobs on the primary, acknowledged by the majority',
    failureTitle: 'A job can be picked up twice in a failover',
    text: 'job polling: read preference primary, write concern {w: "majority"}',
    claims: (watched) => [claimFinding(watched), pollFinding(watched)],
    whenPassed: 'the queue is looked at on the primary, and each claim waits for the majority',
    remedy: 'look for jobs on the primary, and claim them with {w: "majority"}',
  },
  {
    id: 'DC5',
    title: 'Audit rows are acknowledged',
    failureTitle: 'Audit rows are lost without anybody knowing',
    text: 'audit writes: write concern {w: 1, j: false}; rare loss is accepted',
    claims: (watched) => [walkedFinding(watched, ['change']), auditFinding(watched)],
    whenPassed: 'each write to the audit log is acknowledged by one member or more',
    remedy: 'write audit rows with {w: 1} or more',
  },
]

const NOT_SET_BY_HAND =
  'started by the harness on its own stack: give CONMAN_SERVER_CMD; on a URL nothing is turned on to watch it'

export const databaseConcerns: readonly Check<DatabaseUse>[] = CONCERNS.map((concern) => ({
  id: concern.id,
  title: concern.title,
  failureTitle: concern.failureTitle,
  requirement: requirement(`E12 §4.2 ${concern.id}`, concern.text),
  gatherer: databaseUse,
  profiles: ['smoke', 'standard', 'golive'],
  limits: [],
  evaluate: (evidence) => judged(evidence, concern),
}))

function requirement(source: string, text: string): Requirement {
  return { level: 'MUST', source, text }
}

/** For every check on this evidence: what could not be watched is not verified. */
export function judged(
  { watched, because }: DatabaseUse,
  { claims, whenPassed, remedy }: Pick<Concern, 'claims' | 'whenPassed' | 'remedy'>,
): Verdict {
  if (watched === null) {
    return verdictOf({
      findings: [
        { claim: 'commands were watched', outcome: 'not-verified', because: because ?? 'nothing was watched' },
      ],
      whenPassed: '',
      verifiedBy: [],
      remedy: NOT_SET_BY_HAND,
    })
  }
  return verdictOf({
    findings: [watchedFinding(watched), ...claims(watched)],
    whenPassed,
    verifiedBy: ['http', 'mongo'],
    tables: [commandTable(watched)],
    remedy,
  })
}

/** Every kind of command that was seen, with what it asked for, most frequent first. */
function commandTable({ commands }: Watched): Verdict['tables'][number] {
  const counts = new Map<string, number>()
  for (const { command, collection, on, read_preference, write_concern, transaction } of commands) {
    const concern =
      transaction !== null && write_concern === null ? 'of its transaction' : write_concern && spelled(write_concern)
    const row = [command, collection ?? '', on, read_preference ?? '', concern ?? '']
    const key = JSON.stringify(row)
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return {
    title: 'What the database was asked during the walk',
    columns: ['command', 'collection', 'arrived at', 'read preference', 'write concern', 'times'],
    rows: [...counts]
      .sort((a, b) => b[1] - a[1])
      .map(([key, count]) => [...(JSON.parse(key) as string[]), String(count)]),
  }
}
