// Whether an index does what a row of the table asks for (decisions, 'indexes'): by an equivalent key pattern with the
// right uniqueness, whatever its name. A longer index serves a row that asks for no uniqueness, if it begins alike.

import type { Index } from './evidence.ts'
import { type IndexRow, OTHER_NAMES } from './rows.ts'

/** Null: it serves. Otherwise why it does not, or that this cannot be told. */
export type Shortfall = { because: string; uncertain?: boolean } | null

export function shortfall(row: IndexRow, index: Index): Shortfall {
  const fields = index.key.map(({ field }) => field)
  const wanted = row.sort === undefined ? row.keys : [...row.keys, row.sort]
  const beginsAlike = sameFields(row.keys, fields.slice(0, row.keys.length)) && followsSort(row, fields)
  if (!beginsAlike) return { because: `begins with other fields` }
  if (index.key.slice(0, wanted.length).some(({ order }) => typeof order === 'string'))
    return { because: 'is of a kind that keeps no order' }
  if (index.hidden) return { because: 'is hidden from queries' }
  if (index.collation) return { because: 'compares by the rules of a language', uncertain: true }
  const partialAsAsked = row.partialWhere !== undefined && index.partial?.includes(row.partialWhere) === true
  if (index.partial !== null && !partialAsAsked) return { because: 'covers only a part of the documents' }
  if (!row.unique) return null
  if (!index.unique) return { because: 'is not unique' }
  // The filter's own field may stand at the end of the key: it has one value there.
  const extra = fields.slice(wanted.length).filter((field) => !(partialAsAsked && field === row.partialWhere))
  return extra.length > 0 ? { because: `is unique only together with ${extra.join(', ')}` } : null
}

function sameFields(wanted: readonly string[], found: readonly string[]): boolean {
  return wanted.length === found.length && wanted.every((field) => found.some((name) => isName(name, field)))
}

function followsSort({ keys, sort }: IndexRow, fields: readonly string[]): boolean {
  return sort === undefined || isName(fields[keys.length] ?? '', sort)
}

function isName(found: string, wanted: string): boolean {
  return found === wanted || OTHER_NAMES[wanted]?.includes(found) === true
}
