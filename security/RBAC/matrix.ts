// The matrix for the report: a row a route, a column for everybody who asked; what came in words, how it was judged beside it.

import type { Outcome, Table } from '../../harness/check.ts'
import type { ActorName } from '../lib/cast.ts'
import { type Reception, receptionOf } from '../lib/claims.ts'
import type { RbacEvidence } from './evidence.ts'
import { COLUMNS } from './expected.ts'
import { cellOf, type JudgedRow } from './judgement.ts'

const HEADS: Readonly<Record<ActorName, string>> = {
  anonymous: 'no token',
  expired: 'expired token',
  non_member: 'non-member',
  other_admin: 'other app’s admin',
  removed: 'removed member',
  lowered: 'admin made user',
  user: 'user (the owner)',
  both: 'user, admin elsewhere',
  reviewer: 'reviewer',
  config_manager: 'config manager',
  app_admin: 'app admin',
  bystander: 'bystander',
}

const WORDS: Readonly<Record<Reception, string>> = {
  'let in': 'let in',
  refused: 'refused',
  limited: 'limited',
  broken: 'error',
  silent: 'no answer',
}

export function matrixOf(evidence: RbacEvidence, rows: readonly JudgedRow[]): Table {
  const lines = rows.map((row) => lineOf(evidence, row))
  return {
    title:
      'Who is let in where; a status of 4xx for somebody who may is an answer of the state of things, not of the role',
    columns: ['Route', 'Lowest', ...COLUMNS.map((actor) => HEADS[actor]), 'by way of another app'],
    rows: lines.map((line) => line.map(([text]) => text)),
    outcomes: lines.map((line) => line.map(([, outcome]) => outcome)),
  }
}

type Line = [text: string, outcome: Outcome | null][]

function lineOf(_: RbacEvidence, judged: JudgedRow): Line {
  const { row, taken, cells, crossings, absent } = judged
  const asked = COLUMNS.map((actor): Line[number] => {
    const cell = cells.find((one) => one.actor === actor)
    if (cell === undefined) return ['', null]
    if (cell.probe === null) return ['not asked', cell.outcome]
    const { status } = cell.probe
    if (absent) return [`not there, ${status}`, 'not-applicable']
    const word = cell.wanted === 'let in' && cell.outcome === 'pass' ? 'let in' : WORDS[receptionOf(cell.probe)]
    return [`${word}, ${status}`, cell.outcome]
  })
  const worst =
    crossings.find(({ outcome }) => outcome === 'fail') ??
    crossings.find(({ outcome }) => outcome !== 'pass') ??
    crossings[0]
  const crossed: Line[number] =
    worst === undefined || cellOf(taken, worst.actor, 'through-other') === undefined
      ? ['', null]
      : [`${WORDS[receptionOf(worst.probe!)]}, ${worst.probe!.status}`, worst.outcome]
  return [[row.operation, null], [`${row.lowest}${row.own === undefined ? '' : ', own'}`, null], ...asked, crossed]
}
