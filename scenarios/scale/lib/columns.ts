// Many answers as evidence, column by column: rows would name each field tens of thousands of times.

import { type Static, Type } from 'typebox'
import type { K6Sample } from '../../../harness/k6.ts'
import type { Requests } from '../../lib/claims.ts'
import { rounded, startOf } from '../../lib/load.ts'

/** In the order of their begin; the nth of each column belongs to the nth answer. */
export const ColumnsSchema = {
  started_ms: Type.Array(Type.Number()),
  duration_ms: Type.Array(Type.Number()),
  /** 0: no answer. */
  status: Type.Array(Type.Integer()),
  /** Number of the user, from 1. */
  user: Type.Array(Type.Integer()),
  /** Why there is no answer, for those that have none. */
  errors: Type.Array(Type.Object({ at: Type.Integer(), text: Type.String() }, { additionalProperties: false })),
}

const Columns = Type.Object(ColumnsSchema)
export type Columns = Static<typeof Columns>

export type Answer = Requests['ended'][number] & { user: number }

export function columnsOf(samples: readonly K6Sample[], began_ms: number): Columns {
  return {
    started_ms: samples.map((sample) => rounded(startOf(sample) - began_ms)),
    duration_ms: samples.map(({ value }) => rounded(value)),
    status: samples.map(({ tags }) => Number(tags.status)),
    user: samples.map(({ tags }) => Number(tags.user)),
    errors: textsIn(samples, 'error'),
  }
}

/** A tag as a column of whole numbers; −1 where a sample has none. */
export function numbersIn(samples: readonly K6Sample[], tag: string): number[] {
  return samples.map(({ tags }) => (tags[tag] === undefined || tags[tag] === '' ? -1 : Number(tags[tag])))
}

/** A tag that most samples do not have. */
export function textsIn(samples: readonly K6Sample[], tag: string): Columns['errors'] {
  return samples.flatMap(({ tags }, at) => (tags[tag] ? [{ at, text: tags[tag] }] : []))
}

export function answersIn({ started_ms, duration_ms, status, user, errors }: Columns): Answer[] {
  const texts = new Map(errors.map(({ at, text }) => [at, text]))
  return started_ms.map((started, at) => ({
    started_ms: started,
    duration_ms: duration_ms[at]!,
    status: status[at]!,
    user: user[at]!,
    error: texts.get(at) ?? '',
  }))
}
