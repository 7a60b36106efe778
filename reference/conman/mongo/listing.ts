/**
 * Lists in pages: how many rows there are, and those of one page, seen by a member that has the reader's own writes.
 *
 * Readers who ask for the same page at the same time share one look at the database (coalescer.ts).
 */
import { BSON, type Collection, type Document, type Filter, type ObjectId, type Sort } from 'mongodb'
import { createCoalescer } from '../coalescer.ts'
import type { Page } from '../http/pagination.ts'
import type { Documents } from './documents.ts'
import type { Store } from './store.ts'

export interface Listed<T> {
  total: number
  found: T[]
}

/** What is found is shared between readers and must not be changed. */
export type Lister<T> = (readerId: ObjectId, query: Filter<T>, page: Page) => Promise<Listed<T>>

export function createLister<Name extends keyof Documents>(
  store: Store,
  name: Name,
  sort: Sort,
): Lister<Documents[Name]> {
  type Asked = { readerId: ObjectId; query: Filter<Documents[Name]>; page: Page; key: string }

  const ask = createCoalescer(
    ({ key }: Asked) => key,
    async (asked: readonly Asked[]): Promise<Listed<Documents[Name]>> => {
      const [{ query, page }] = asked as readonly [Asked]
      const readers = asked.map(({ readerId }) => readerId.toHexString())
      // The compiler cannot follow a collection that is named by a parameter.
      const rows = store.lists[name] as unknown as Collection
      return store.causality.read(readers, async (session) => {
        const filter = query as Filter<Document>
        const total = await rows.countDocuments(filter, { session })
        const found = rows.find(filter, { session }).sort(sort).skip(page.skip).limit(page.limit)
        return { total, found: (await found.toArray()) as unknown as Documents[Name][] }
      })
    },
  )

  return (readerId, query, page) => {
    const key = BSON.EJSON.stringify([query, page.skip, page.limit])
    return ask({ readerId, query, page, key })
  }
}
