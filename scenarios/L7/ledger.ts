// What the pages held against what they must hold: pure. Filter, total, order, and that no page repeats or skips a row.

import { createHash } from 'node:crypto'
import type { ListingEvidence } from './evidence.ts'

type Walk = ListingEvidence['walks'][number]

export function digestOf(ids: readonly string[]): string {
  return createHash('md5').update(ids.join(',')).digest('hex')
}

/** Pages that could not be read: nothing is known of them. */
export function unread(walk: Walk): string[] {
  return walk.pages.filter(({ status }) => status !== 200).map(({ page, status }) => `page ${page}: HTTP ${status}`)
}

/** Rows in the answers to `?state=queued` that are not queued. */
export function strays({ walks, listings }: ListingEvidence): string[] {
  const seen = walks.flatMap((walk) =>
    walk.pages.flatMap(({ page, rows }) =>
      rows.filter(({ state }) => state !== 'queued').map(({ id, state }) => `${id} on page ${page}, which is ${state}`),
    ),
  )
  const loaded = listings
    .filter((listing) => (listing.strays ?? 0) > 0)
    .map(({ user, page, strays }) => `${strays} rows of page ${page}, as user ${user} got it under load`)
  return [...new Set([...seen, ...loaded])]
}

/** Answers that tell another total than there are queued changesets. */
export function wrongTotals({ walks, listings, volume }: ListingEvidence): string[] {
  const wanted = volume.queued.length
  const told = (total: number | null) => (total === null ? 'none' : String(total))
  return [
    ...walks.flatMap((walk) =>
      walk.pages
        .filter(({ status, total }) => status === 200 && total !== wanted)
        .map(({ page, total }) => `page ${page}: ${told(total)} instead of ${wanted}`),
    ),
    ...listings
      .filter(({ status, total }) => status === 200 && total !== wanted)
      .map(({ user, page, total }) => `page ${page} for user ${user}: ${told(total)} instead of ${wanted}`),
  ]
}

/** Over all pages of a walk: rows that stand on two pages, and queued ones that stand on none. */
export function coverage(walk: Walk, queued: readonly string[]): { repeated: string[]; skipped: string[] } {
  const at = new Map<string, number>()
  const repeated: string[] = []
  for (const { page, rows } of walk.pages) {
    for (const { id } of rows) {
      const before = at.get(id)
      if (before !== undefined) repeated.push(`${id} on pages ${before} and ${page}`)
      at.set(id, page)
    }
  }
  return { repeated, skipped: queued.filter((id) => !at.has(id)) }
}

/** Neighbours in the wrong order: newest `updated_at` first (http-api §2.10). */
export function outOfOrder(walk: Walk): string[] {
  const rows = walk.pages.flatMap(({ page, rows }) => rows.map((row) => ({ page, ...row })))
  return rows.flatMap((row, index) => {
    const before = rows[index - 1]
    return before !== undefined && Date.parse(before.updated_at) < Date.parse(row.updated_at)
      ? [`${row.id} of ${row.updated_at} on page ${row.page} after ${before.id} of ${before.updated_at}`]
      : []
  })
}

/** Pages that held something else under load than before it and after it, when nothing changed. */
export function changedPages({ walks, listings }: ListingEvidence): string[] {
  const allowed = new Map<number, Set<string>>()
  for (const { pages } of walks) {
    for (const { page, status, rows } of pages) {
      if (status !== 200) continue
      allowed.set(page, (allowed.get(page) ?? new Set()).add(digestOf(rows.map(({ id }) => id))))
    }
  }
  return listings
    .filter(({ status, page, ids }) => status === 200 && allowed.has(page) && !allowed.get(page)!.has(ids))
    .map(({ user, page }) => `page ${page} for user ${user}`)
}
