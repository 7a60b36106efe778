/** `page` and `limit`: strict about their form, forgiving about their size. */
import { type Static, Type } from 'typebox'
import { validation } from './errors.ts'

export const PageQuery = Type.Object({
  page: Type.Optional(Type.String({ description: 'From 1; the default is 1.' })),
  limit: Type.Optional(Type.String({ description: 'Clamped to 1…100; the default is 20.' })),
})

export interface Page {
  page: number
  limit: number
  skip: number
}

export interface Paginated<T> {
  data: T[]
  pagination: { page: number; limit: number; total: number }
}

const DEFAULT_LIMIT = 20
const MAX_LIMIT = 100
/** MongoDB skips at most this many documents; a page beyond it is empty, as any page past the end. */
const MAX_SKIP = 2 ** 31 - 1

export function pageOf(query: Static<typeof PageQuery>): Page {
  const page = unsigned('page', query.page, 1)
  if (page < 1) throw validation('page must be 1 or higher')
  const limit = Math.min(Math.max(unsigned('limit', query.limit, DEFAULT_LIMIT), 1), MAX_LIMIT)
  return { page, limit, skip: Math.min((page - 1) * limit, MAX_SKIP) }
}

export function paginated<T>(page: Page, total: number, data: T[]): Paginated<T> {
  return { data, pagination: { page: page.page, limit: page.limit, total } }
}

function unsigned(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback
  if (!/^\d{1,20}$/.test(text)) throw validation(`${name} must be a whole number`)
  return Number(text)
}
