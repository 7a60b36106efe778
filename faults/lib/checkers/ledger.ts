// Nothing lost, nothing invented, nothing doubled: what was acknowledged, what may have been done, and what was refused, against
// what is there at the end by the API, by the database and by git.

import type { Operation } from '../workload/history.ts'
import type { EffectKind, Reading } from '../workload/readings.ts'
import { failed, type Judgement, passed, told, unverified } from './judgement.ts'

/** What an operation leaves that can be found again by its key. */
const EFFECTS: Readonly<Record<string, readonly EffectKind[]>> = {
  'write-file': ['file', 'commit'],
  comment: ['comment'],
  'begin-changeset': ['changeset'],
}

/** What an operation makes that has an id of its own. */
const MAKES: Readonly<Record<string, string>> = {
  'create-release': 'release',
  deploy: 'deployment',
  promote: 'deployment',
  rollback: 'deployment',
  'create-temp-env': 'temp-env',
}

/** Of a removal: the kind, and by which name its id stands in `on`. */
const REMOVES: Readonly<Record<string, string>> = { 'delete-temp-env': 'temp-env' }

interface Input {
  operations: readonly Operation[]
  readings: readonly Reading[]
  /** One more write was acknowledged before the readings. */
  fresh_write: boolean
  there_before: readonly string[]
}

const SOURCES = { api: 'the API', database: 'the database', git: 'git' }

/** Every attempt of one key: asked for again, it is still one thing. */
interface Attempts {
  kind: EffectKind
  key: string
  ok: Operation[]
  /** Nobody knows whether they were done. */
  open: Operation[]
  all: Operation[]
}

export function ledger(input: Input): Judgement[] {
  const attempts = attemptsOf(input.operations)
  return [lost(input, attempts), invented(input, attempts), doubled(input, attempts)]
}

function lost({ operations, readings, fresh_write, there_before }: Input, attempts: readonly Attempts[]): Judgement {
  const claim = 'no acknowledged write is lost'
  const wrong: { operation: Operation; where: string }[] = []
  let unread = 0
  let n = 0
  for (const { kind, key, ok } of attempts) {
    if (ok.length === 0) continue
    n += 1
    const counts = countsOf(readings, kind, key)
    if (counts.length === 0) unread += 1
    const missing = counts.find(({ count }) => count === 0)
    if (missing !== undefined) wrong.push({ operation: ok[0]!, where: SOURCES[missing.source] })
  }
  for (const { operation, kind, id } of madeIn(operations)) {
    n += 1
    const sources = readings.filter(({ whole_rows }) => whole_rows.includes(kind))
    // What was taken away again may be gone.
    const removed = operations.some(({ f, on }) => REMOVES[f] === kind && on[kind] === id)
    if (sources.length === 0) unread += 1
    const missing = removed
      ? undefined
      : sources.find(({ rows }) => !rows.some((row) => row.kind === kind && row.id === id))
    if (missing !== undefined && !there_before.includes(id)) wrong.push({ operation, where: SOURCES[missing.source] })
  }
  if (wrong.length > 0) {
    const [{ operation, where }] = wrong as [(typeof wrong)[number]]
    return failed(
      claim,
      `${wrong.length} of ${n} acknowledged writes are lost, first ${told(operation)}: ${where} does not have it`,
      wrong.map((one) => one.operation),
      n,
    )
  }
  if (n === 0) return unverified(claim, 'nothing was acknowledged', n)
  if (unread > 0) return unverified(claim, `${unread} of ${n} could not be read again: ${whyUnread(readings)}`, n)
  if (!fresh_write) return unverified(claim, 'what was read may be old: no write was acknowledged when all was over', n)
  const through = readings.map(({ source }) => SOURCES[source]).join(', ')
  return passed(claim, `${n} of ${n} acknowledged writes are there, by ${through}`, n)
}

function invented({ operations, readings, there_before }: Input, attempts: readonly Attempts[]): Judgement {
  const claim = 'nothing is there that was refused or that nobody wrote'
  const known = new Map(attempts.map((one) => [`${one.kind} ${one.key}`, one]))
  const strange: { what: string; operation?: Operation }[] = []
  let n = 0
  for (const { source, effects } of readings) {
    for (const { kind, key, count } of effects) {
      n += 1
      const one = known.get(`${kind} ${key}`)
      if (count === 0 || (one !== undefined && one.ok.length + one.open.length > 0)) continue
      strange.push({
        what: `the ${kind} ${key} in ${SOURCES[source]}${one === undefined ? '' : ', which was refused'}`,
        ...(one === undefined ? {} : { operation: one.all[0]! }),
      })
    }
  }
  for (const { kind, extra, open, source, first } of unexplainedRows(operations, readings, there_before)) {
    n += 1
    if (extra > open)
      strange.push({
        what: `${extra} ${kind} rows in ${SOURCES[source]} that ${open} unanswered requests can have made, first ${first}`,
      })
  }
  if (strange.length > 0) {
    return failed(
      claim,
      `${strange.length} are there, first ${strange[0]!.what}`,
      strange.flatMap(({ operation }) => operation ?? []),
      n,
    )
  }
  return n === 0 ? unverified(claim, 'nothing was read', n) : passed(claim, `0 of ${n} that were found`, n)
}

function doubled({ readings }: Input, attempts: readonly Attempts[]): Judgement {
  const claim = 'nothing is done twice'
  const wrong: { operation: Operation; count: number; of: number; where: string; kind: EffectKind }[] = []
  let n = 0
  for (const { kind, key, ok, open } of attempts) {
    const may = ok.length + open.length
    if (may === 0) continue
    n += 1
    const most = countsOf(readings, kind, key).sort((a, b) => b.count - a.count)[0]
    if (most !== undefined && most.count > may) {
      wrong.push({ operation: ok[0] ?? open[0]!, count: most.count, of: may, where: SOURCES[most.source], kind })
    }
  }
  if (wrong.length > 0) {
    const [{ operation, count, of, where, kind }] = wrong as [(typeof wrong)[number]]
    return failed(
      claim,
      `${wrong.length} of ${n} writes were done more often than they were asked for, first ${told(operation)}: ${where} has ${count} of the ${kind}, asked for ${of} ${of === 1 ? 'time' : 'times'}`,
      wrong.map((one) => one.operation),
      n,
    )
  }
  return n === 0 ? unverified(claim, 'nothing was written', n) : passed(claim, `0 of ${n}`, n)
}

function attemptsOf(operations: readonly Operation[]): Attempts[] {
  const found = new Map<string, Attempts>()
  for (const operation of operations) {
    for (const kind of operation.key === null ? [] : (EFFECTS[operation.f] ?? [])) {
      const key = operation.key!
      const one = found.get(`${kind} ${key}`) ?? { kind, key, ok: [], open: [], all: [] }
      found.set(`${kind} ${key}`, one)
      one.all.push(operation)
      if (operation.type === 'ok') one.ok.push(operation)
      if (operation.type === 'info') one.open.push(operation)
    }
  }
  return [...found.values()]
}

/** What each source that tells says of one key. A kind that was read whole has none of what it does not name. */
function countsOf(
  readings: readonly Reading[],
  kind: EffectKind,
  key: string,
): { source: Reading['source']; count: number }[] {
  return readings.flatMap(({ source, effects, whole }) => {
    const entry = effects.find((one) => one.kind === kind && one.key === key)
    if (entry !== undefined) return [{ source, count: entry.count }]
    return whole.includes(kind) ? [{ source, count: 0 }] : []
  })
}

function madeIn(operations: readonly Operation[]): { operation: Operation; kind: string; id: string }[] {
  return operations.flatMap((operation) => {
    const kind = MAKES[operation.f]
    const id = kind === undefined ? undefined : operation.made[kind]
    return kind === undefined || id === undefined || operation.type !== 'ok' ? [] : [{ operation, kind, id }]
  })
}

/** Rows that are new and that no answer named, beside how many requests without an answer may have made them. */
function unexplainedRows(
  operations: readonly Operation[],
  readings: readonly Reading[],
  there_before: readonly string[],
) {
  const before = new Set(there_before)
  const named = new Set(madeIn(operations).map(({ id }) => id))
  return readings.flatMap(({ source, rows, whole_rows }) =>
    [...new Set(Object.values(MAKES))]
      .filter((kind) => whole_rows.includes(kind))
      .map((kind) => {
        const extra = rows.filter((row) => row.kind === kind && !before.has(row.id) && !named.has(row.id))
        const open = operations.filter(({ f, type }) => MAKES[f] === kind && type === 'info').length
        return { source, kind, extra: extra.length, open, first: extra[0]?.id }
      }),
  )
}

function whyUnread(readings: readonly Reading[]): string {
  return readings.flatMap(({ unread }) => unread)[0] ?? 'no source tells of them'
}
