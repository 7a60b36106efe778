// Lists the indexes of every collection, and asks each member how often it used them. Reads only.

import type { Gatherer } from '../../harness/check.ts'
import type { Run } from '../../harness/run.ts'
import { type Database, openDatabase } from '../lib/members.ts'
import { type Index, type IndexEvidence, IndexEvidenceSchema } from './evidence.ts'

export const indexes: Gatherer<IndexEvidence> = {
  id: 'IX',
  title: 'the indexes of all collections, and how often each was used',
  schema: IndexEvidenceSchema,
  needs: ['mongo'],
  effect: 'reads',
  expected_s: () => 2,
  gather,
}

async function gather(run: Run): Promise<IndexEvidence> {
  await using database = await openDatabase(run.target)
  const db = database.client.db(database.name)
  const names = (await db.listCollections({ type: 'collection' }, { nameOnly: true }).toArray())
    .map(({ name }) => name)
    .filter((name) => !name.startsWith('system.'))
    .sort()
  const counted = new Set<string>()
  const collections: IndexEvidence['collections'] = []
  for (const name of names) {
    run.signal.throwIfAborted()
    const listed = await db.collection(name).listIndexes().toArray()
    const uses = await usesOf(database, name, counted)
    collections.push({
      name,
      documents: await db.collection(name).estimatedDocumentCount(),
      indexes: listed.map((index): Index => {
        const filter: unknown = index.partialFilterExpression
        return {
          name: String(index.name),
          key: Object.entries(index.key as Record<string, number | string>).map(([field, order]) => ({ field, order })),
          unique: index.unique === true || index.name === '_id_',
          sparse: index.sparse === true,
          hidden: index.hidden === true,
          partial: filter === undefined ? null : fieldsOf(filter),
          collation: index.collation !== undefined,
          uses: uses?.get(String(index.name)) ?? null,
        }
      }),
    })
  }
  return { schema: 'readiness-indexes/1', database: database.name, collections, use_counted_on: [...counted].sort() }
}

/** Each member counts for itself. A user who may only read may not ask: then nothing is known of their use. */
async function usesOf(
  database: Database,
  collection: string,
  counted: Set<string>,
): Promise<Map<string, number> | null> {
  const sums = new Map<string, number>()
  for (const { host, client } of database.members) {
    try {
      const stats = await client
        .db(database.name)
        .collection(collection)
        .aggregate([{ $indexStats: {} }], { readPreference: 'nearest' })
        .toArray()
      for (const { name, accesses } of stats) sums.set(name, (sums.get(name) ?? 0) + Number(accesses.ops))
      counted.add(host)
    } catch {
      // Its counts are missing, and `use_counted_on` says so.
    }
  }
  return counted.size === 0 ? null : sums
}

/** The fields that a filter names, at whatever depth of `$and` and `$or`. */
function fieldsOf(filter: unknown): string[] {
  if (Array.isArray(filter)) return filter.flatMap(fieldsOf)
  if (filter === null || typeof filter !== 'object') return []
  return Object.entries(filter).flatMap(([key, value]) => (key.startsWith('$') ? fieldsOf(value) : [key]))
}
