// IX1 to IX28: each row of E12's table of indexes is served by an index of the target. Pure.

import type { Check, Finding, Table } from '../../harness/check.ts'
import { verdictOf } from '../../harness/verdict.ts'
import type { Index, IndexEvidence } from './evidence.ts'
import { indexes } from './gather.ts'
import { shortfall } from './match.ts'
import { described, INDEX_ROWS, type IndexRow } from './rows.ts'

type Collection = IndexEvidence['collections'][number]

export const requiredIndexes: readonly Check<IndexEvidence>[] = INDEX_ROWS.map((row) => ({
  id: row.id,
  title: `${row.collection} ${row.unique ? 'are told apart' : 'are found'} by ${spoken(row)}: ${row.purpose}`,
  failureTitle: row.unique
    ? `Nothing keeps two ${row.collection} from having the same ${spoken(row)}`
    : `Every look for ${row.purpose} reads ${row.collection} that it does not need`,
  requirement: {
    level: 'MUST',
    source: `E12 §4.1 ${row.id}`,
    text: `${row.collection} ${described(row)}: ${row.purpose}`,
  },
  gatherer: indexes,
  profiles: ['smoke', 'standard', 'golive'],
  limits: [],
  evaluate: (evidence) => {
    const collection = evidence.collections.find(({ name }) => name === row.collection)
    const finding = findingOf(row, evidence, collection)
    return verdictOf({
      findings: [finding],
      whenPassed: finding.because,
      verifiedBy: ['mongo'],
      tables: collection === undefined ? [] : [indexTable(collection, evidence)],
      remedy: `create an index of ${row.collection} on ${described(row)}`,
    })
  },
}))

/** What Conman keeps elsewhere (data-and-runtime §1.2). Every other collection is there once it has been used. */
const MAY_BE_LACKING: ReadonlySet<string> = new Set(['changeset_reviews', 'release_changesets'])

function findingOf(row: IndexRow, { collections, database }: IndexEvidence, found: Collection | undefined): Finding {
  const claim = `${row.collection} has an index on ${described(row)}`
  if (!collections.some(({ name }) => INDEX_ROWS.some((one) => one.collection === name))) {
    return {
      claim,
      outcome: 'not-verified',
      because: `the database ${database} has none of Conman's collections: is CONMAN_MONGO_DB right?`,
    }
  }
  if (found === undefined) {
    return MAY_BE_LACKING.has(row.collection)
      ? { claim, outcome: 'not-applicable', because: `the target has no collection ${row.collection}` }
      : { claim, outcome: 'not-verified', because: `there is no collection ${row.collection} yet` }
  }
  const judged = found.indexes.map((index) => ({ index, short: shortfall(row, index) }))
  const serving = judged.find(({ short }) => short === null)
  if (serving !== undefined) return { claim, outcome: 'pass', because: `served by ${named(serving.index)}` }
  const uncertain = judged.find(({ short }) => short?.uncertain)
  if (uncertain !== undefined) {
    return {
      claim,
      outcome: 'not-verified',
      because: `${named(uncertain.index)} ${uncertain.short!.because}: whether its queries ask for the same cannot be seen here`,
    }
  }
  const near = judged.filter(({ short }) => short!.because !== 'begins with other fields')
  const nearly = near.map(({ index, short }) => `${named(index)} ${short!.because}`).join('; ')
  return {
    claim,
    outcome: 'fail',
    because: `no index of ${row.collection} serves ${described(row)}${nearly === '' ? '' : `: ${nearly}`}`,
  }
}

function indexTable({ name, documents, indexes: all }: Collection, { use_counted_on }: IndexEvidence): Table {
  return {
    title: `Indexes of ${name} (${documents} documents; uses counted on ${use_counted_on.length} members since their start)`,
    columns: ['name', 'keys', 'kind', 'uses'],
    rows: all.map((index) => [
      index.name,
      keysOf(index),
      [
        index.unique ? 'unique' : '',
        index.partial === null ? '' : `partial: ${index.partial.join(', ')}`,
        index.sparse ? 'sparse' : '',
      ]
        .filter((word) => word !== '')
        .join(', '),
      index.uses === null ? 'not known' : index.uses === 0 ? '0 (unused)' : String(index.uses),
    ]),
  }
}

function named(index: Index): string {
  return `${index.name} ${keysOf(index)}`
}

function keysOf({ key }: Index): string {
  return `{${key.map(({ field, order }) => `${field}: ${order}`).join(', ')}}`
}

function spoken({ keys, sort }: IndexRow): string {
  const fields = sort === undefined ? keys : [...keys, sort]
  return fields.length === 1 ? fields[0]! : `${fields.slice(0, -1).join(', ')} and ${fields.at(-1)}`
}
