// The shape of a query: which fields are asked for, by which operators, sorted by what. Values are left out, for they may
// be secrets, and because queries of one shape are planned alike.

import { recordOf } from '../../harness/target/conman.ts'

/** Long `$or`s and pipelines are cut: the shape names a query in a table, and need not be run from it. */
const LONGEST = 400

export function shapeOf(command: Record<string, unknown>): string {
  const [name = ''] = Object.keys(command)
  const parts: string[] = []
  const filter = command.filter ?? command.query
  if (filter !== undefined) parts.push(fields(filter))
  if (Array.isArray(command.pipeline)) parts.push(command.pipeline.map(fields).join(', '))
  for (const statement of listOf(command.updates)) parts.push(fields(recordOf(statement)?.q))
  for (const statement of listOf(command.deletes)) parts.push(fields(recordOf(statement)?.q))
  if (name === 'findAndModify' || name === 'update') parts.push(`set ${statesIn(command)}`)
  const sort = recordOf(command.sort)
  if (sort && Object.keys(sort).length > 0) parts.push(`sort ${JSON.stringify(sort).replaceAll('"', '')}`)
  if (command.limit !== undefined) parts.push(`limit ${String(command.limit)}`)
  const text = parts.filter((part) => part !== 'set ').join(' ')
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text
}

/** States that a change writes: the one value that tells a claim from any other change. */
function statesIn(command: Record<string, unknown>): string {
  const written = [command.update, ...listOf(command.updates).map((statement) => recordOf(statement)?.u)]
  const states = [...JSON.stringify(written).matchAll(/"state":"([a-z_]+)"/g)].map((match) => match[1])
  return states.length === 0 ? '' : `state=${[...new Set(states)].join('|')}`
}

function fields(value: unknown): string {
  if (Array.isArray(value)) return `[${[...new Set(value.map(fields))].join(', ')}]`
  const record = recordOf(value)
  if (record === undefined || isExtendedValue(record)) return '?'
  return `{${Object.entries(record)
    .map(([key, inner]) => `${key}: ${fields(inner)}`)
    .join(', ')}}`
}

/** `{"$oid": …}`, `{"$date": …}`: a value, as the log spells it. */
function isExtendedValue(record: Record<string, unknown>): boolean {
  return Object.keys(record).some((key) =>
    /^\$(oid|date|uuid|binary|timestamp|number[A-Z]\w*|regularExpression)$/.test(key),
  )
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}
