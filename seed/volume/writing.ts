// Rows into the database: only those that are not there, a few at a time, counted.

import type { Db } from 'mongodb'
import { HarnessError } from '../../harness/errors.ts'
import type { Run } from '../../harness/run.ts'
import type { Rows } from '../rows.ts'

const BATCH = 1_000

/** Answers how many rows were new. */
export async function writeMissing(run: Run, db: Db, rows: Rows): Promise<number> {
  let added = 0
  for (const [collection, wanted] of rows) {
    const there = await db
      .collection(collection)
      .find({ _id: { $in: wanted.map((row) => row._id) } }, { projection: { _id: 1 } })
      .toArray()
    const known = new Set(there.map((row) => row._id.toHexString()))
    const missing = wanted.filter((row) => !known.has(row._id.toHexString()))
    for (let start = 0; start < missing.length; start += BATCH) {
      run.signal.throwIfAborted()
      const batch = missing.slice(start, start + BATCH)
      const inserted = await run.target.fixtures!.insert(collection, batch)
      if (inserted !== batch.length) {
        throw new HarnessError(
          `${inserted} of ${batch.length} rows of ${collection} were inserted`,
          'look at the database’s log',
        )
      }
      added += inserted
      run.progress.update(`seeding rows into the database: ${added} more`)
    }
  }
  return added
}
