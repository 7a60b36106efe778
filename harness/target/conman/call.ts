// One request to a Conman as data: how it is sent, how its answer is read, what it makes. The files beside this one have
// one function a route that gives such a call; `Conman` sends them. Nothing else in the harness knows a route.

import type { Dispatcher } from 'undici'
import { Fields } from './fields.ts'
import type { MadeKind } from './made.ts'

export interface Call<T> {
  /** For people, as the beginning of `…: HTTP 403`. */
  readonly what: string
  readonly method: Extract<Dispatcher.HttpMethod, 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'>
  /** As the contract writes it: `/api/apps/{appId}/members`. */
  readonly route: string
  /** The route with its ids. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  /** Names of Conman and, beside them, those of its specification: what is unknown is ignored (http-api, ch. 6). */
  readonly body?: unknown
  /** In place of `body`, as it is: for a request that is wrong on purpose. */
  readonly rawBody?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Reads `data` of a 2xx answer, undefined where the answer has none. Throws Undecodable, and nothing else. */
  decode(data: unknown): T
  readonly makes?: readonly Making<T>[]
  /** Finds what was made when the answer has no body (204, HD15). */
  lookUp?(all: <R>(list: ListCall<R>) => Promise<R[]>): Promise<T | undefined>
  /** The loser of two writes at once gets 502 from some targets (HD62), and may try again. */
  readonly retriesBadGateway?: boolean
}

/** A list of rows, page by page where the target has pages. */
export interface ListCall<T> extends Call<T[]> {
  /** What the filter in the query asks for, asked again of each row: some targets ignore filters (HD73). */
  keeps?(row: T): boolean
}

export interface Making<T> {
  kind: MadeKind
  /** Name, e-mail or title: what it can be found again by. */
  name: string | null
  app_id: string | null
  idOf(made: T): string | null
}

type Ids = Readonly<Record<string, string>>

/** `at('/api/apps/{appId}', { appId })`: the route and, with the ids in their places, the path. */
export function at(route: string, ids: Ids = {}): { route: string; path: string } {
  return { route, path: route.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(ids[name] ?? '')) }
}

/** For an answer of which nothing is read. */
export function nothing(): void {}

/** `decode` for one object. */
export function one<T>(what: string, of: (row: Fields) => T): (data: unknown) => T {
  return (data) => of(new Fields(data, what))
}

/** `decode` for a list of objects; a list that stands under a name of its own is found too. */
export function many<T>(what: string, of: (row: Fields) => T, under?: string): (data: unknown) => T[] {
  return (data) =>
    under !== undefined && !Array.isArray(data)
      ? new Fields(data, what).list(under, of)
      : new Fields({ rows: data }, what).list('rows', of)
}

/** The filters that were given; those that were not are left out. */
export function filters(given: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined))
}
