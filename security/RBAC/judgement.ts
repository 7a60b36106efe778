// One cell of the matrix, judged: pure. A refusal counts only where the key opens the same door, where the session behind it is
// known to be good, and where a look that would notice saw nothing change.

import type { Finding, Outcome } from '../../harness/check.ts'
import { type ActorName, WORDS } from '../lib/cast.ts'
import { MEANING, receptionOf, told } from '../lib/claims.ts'
import type { Probe } from '../lib/probe.ts'
import type { Cell, RbacEvidence, RowEvidence } from './evidence.ts'
import { askersOf, type Expected, expected, keyOf } from './expected.ts'
import { ROWS, type Row } from './rows.ts'

export interface JudgedCell {
  actor: ActorName
  wanted: Expected
  outcome: Outcome
  because: string
  /** Null: it was not tried. */
  probe: Probe | null
}

export interface JudgedRow {
  row: Row
  taken: RowEvidence | undefined
  /** The target has no such route, and need not have it. */
  absent: boolean
  /** Of the key; undefined where it was not tried. */
  control: Probe | undefined
  cells: JudgedCell[]
  /** Ways around the app in the path, by those who must not find one. */
  crossings: (JudgedCell & { way: Cell['way'] })[]
  /** On what was seen to have changed by the lists alone. */
  lists: Pick<Finding, 'outcome' | 'because'>
}

export function judgeRows(evidence: RbacEvidence): JudgedRow[] {
  const taken = new Map(evidence.rows.map((row) => [row.operation, row]))
  return ROWS.map((row) => judgeRow(row, taken.get(row.operation), evidence))
}

export function cellOf(taken: RowEvidence | undefined, actor: string, way: Cell['way'] = 'own'): Cell | undefined {
  return taken?.cells.find((cell) => cell.actor === actor && cell.way === way)
}

function judgeRow(row: Row, taken: RowEvidence | undefined, evidence: RbacEvidence): JudgedRow {
  const key = keyOf(row)
  const control = key === undefined ? undefined : cellOf(taken, key)?.probe
  const absent =
    row.specifiedOnly === true &&
    control !== undefined &&
    isMissing(control) &&
    taken!.cells.every(
      ({ probe, changed, shows }) => receptionOf(probe) !== 'let in' && changed.length + shows.length === 0,
    )
  const context = { row, taken, evidence, control, absent }
  return {
    row,
    taken,
    absent,
    control,
    cells: askersOf(row).map((actor) => ({ actor, wanted: expected(row, actor), ...judgeOwn(context, actor) })),
    crossings: (taken?.cells ?? [])
      .filter(({ way }) => way === 'through-other')
      .map((cell) => ({
        actor: cell.actor as ActorName,
        way: cell.way,
        wanted: 'refused' as const,
        ...judgeRefusal(context, cell),
      })),
    lists: judgeLists(context),
  }
}

interface Context {
  row: Row
  taken: RowEvidence | undefined
  evidence: RbacEvidence
  control: Probe | undefined
  absent: boolean
}

type Judgement = Pick<JudgedCell, 'outcome' | 'because' | 'probe'>

function judgeOwn(context: Context, actor: ActorName): Judgement {
  const { row, taken, evidence, absent } = context
  const cell = cellOf(taken, actor)
  if (cell === undefined) {
    const why = evidence.absent.find((one) => one.actor === actor)?.because ?? taken?.problem ?? 'it was not tried'
    return { outcome: 'not-verified', because: why, probe: null }
  }
  if (absent) return { outcome: 'not-applicable', because: 'the target has no such route', probe: cell.probe }
  switch (expected(row, actor)) {
    case 'refused':
      return judgeRefusal(context, cell)
    case 'let in':
      return judgeAdmission(context, cell)
    case 'either': {
      const reception = receptionOf(cell.probe)
      const settled = reception === 'let in' || reception === 'refused' || cell.probe.status === 501
      return {
        outcome: settled ? 'pass' : 'not-verified',
        because: settled ? `${cell.probe.said}; either is right` : `${MEANING[reception]}: ${cell.probe.said}`,
        probe: cell.probe,
      }
    }
  }
}

function judgeRefusal(context: Context, { actor, probe, changed, shows }: Cell): Judgement {
  const { row, evidence, control, absent } = context
  const judged = (outcome: Outcome, because: string): Judgement => ({ outcome, because, probe })
  const reception = receptionOf(probe)
  if (reception === 'let in') return judged('fail', `${probe.as} was let in: ${probe.said}`)
  if (changed.length > 0) {
    return judged('fail', `${probe.as} was answered ${probe.said}, and yet it changed: ${changed.join(', ')}`)
  }
  if (shows.length > 0) return judged('fail', `${probe.as} was answered ${probe.said}, and shown ${shows.join(', ')}`)
  if (absent) return judged('not-applicable', 'the target has no such route')
  if (reception !== 'refused') return judged('not-verified', `${MEANING[reception]}: ${probe.said}`)
  const session = actor === 'anonymous' ? undefined : evidence.sessions.find((one) => one.actor === actor)?.probe
  if (actor !== 'anonymous' && (session === undefined || receptionOf(session) !== 'let in')) {
    return judged(
      'not-verified',
      `refused, but nothing shows that the session is good: ${session?.said ?? 'not tried'}`,
    )
  }
  if (control === undefined || !opens(control)) {
    const why = control === undefined ? 'it was not tried' : `${control.as} got ${control.said}`
    return judged('not-verified', `refused, but the key does not open it either: ${why}`)
  }
  if (isBlind(row, context.taken, control)) {
    return judged(
      'not-verified',
      'refused, but no look noticed what the key did: what a refusal changes would not show',
    )
  }
  return judged('pass', `${probe.said}; ${control.as}: ${control.said}`)
}

function judgeAdmission({ taken, control, row }: Context, { probe }: Cell): Judgement {
  const judged = (outcome: Outcome, because: string): Judgement => ({ outcome, because, probe })
  if (opens(probe)) return judged('pass', probe.said)
  // The key itself has opened: asking once more for what only asks is the same request in the same state.
  const sameAgain = row.operation.startsWith('GET ') && control !== undefined && receptionOf(control) === 'let in'
  const turnedAway = probe.status === 401 || probe.status === 403
  const isKey = taken !== undefined && cellOf(taken, keyOf(row) ?? '')?.probe === probe
  if (turnedAway && sameAgain && !isKey)
    return judged('fail', `${probe.as} is refused what the role allows: ${probe.said}`)
  return judged('not-verified', `${probe.as} was to be let in: ${probe.said}`)
}

/** Rows of the database come from the primary and decide; lists alone decide only where there are none. */
function judgeLists({ taken, evidence, absent }: Context): JudgedRow['lists'] {
  if (taken === undefined || absent) return { outcome: 'not-applicable', because: 'nothing was asked' }
  const { lists_changed: changed, lists_unread: unread } = taken
  if (changed.length > 0) {
    return {
      outcome: evidence.rows_read ? 'not-verified' : 'fail',
      because: `after those who are refused had asked, lists showed something else: ${changed.join(', ')}`,
    }
  }
  return unread.length > 0
    ? { outcome: 'not-verified', because: `what it changes could not be read: ${unread.join(', ')}` }
    : { outcome: 'pass', because: 'the lists show what they showed before' }
}

/** Let in, or stopped by nothing but the state of things: the same request was refused to others in the same state. */
export function opens(probe: Probe): boolean {
  if (receptionOf(probe) === 'let in' || probe.status === 501) return true
  return receptionOf(probe) === 'refused' && probe.status !== 401 && probe.status !== 403 && !isMissing(probe)
}

function isMissing({ status }: Probe): boolean {
  return status === 404 || status === 405
}

function isBlind(row: Row, taken: RowEvidence | undefined, control: Probe): boolean {
  if (row.operation.startsWith('GET ') || row.unseen === true || receptionOf(control) !== 'let in') return false
  const { noticed } = taken ?? {}
  return noticed == null || !(noticed.rows === true || noticed.lists)
}

/** A cell as a claim, with what is needed to ask it again. */
export function findingOf(claim: string, { outcome, because, probe, wanted }: JudgedCell, remedy: string): Finding {
  return {
    claim,
    outcome,
    because,
    n: 1,
    ...(outcome === 'pass' || probe === null ? {} : told(probe, WANTED[wanted], remedy)),
  }
}

const WANTED: Readonly<Record<Expected, string>> = {
  'let in': 'let in',
  refused: 'refused (401 without a good token, else 403 or 404), and nothing changed',
  either: 'an answer',
}

export function nameOf(actor: ActorName): string {
  return WORDS[actor]
}
