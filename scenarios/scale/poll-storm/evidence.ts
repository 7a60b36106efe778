// What a run of poll-storm leaves behind: facts, no judgement.

import { type Static, Type } from 'typebox'
import { LoadSchema } from '../../lib/load.ts'
import { ColumnsSchema } from '../lib/columns.ts'

const Strict = { additionalProperties: false } as const
/** Null: the target did not say. */
const Total = Type.Union([Type.Integer(), Type.Null()])

export const PollEvidenceSchema = Type.Object(
  {
    schema: Type.Literal('readiness-poll-storm/1'),
    made_over: Type.Union([Type.Literal('database'), Type.Literal('http')]),
    /** Whose tokens were to be had, and how many the profile asks for. */
    users: Type.Integer(),
    users_asked_for: Type.Integer(),
    rate_per_s: Type.Integer(),
    duration_s: Type.Integer(),
    load: LoadSchema,
    lists: Type.Array(
      Type.Object(
        {
          list: Type.Union([Type.Literal('jobs'), Type.Literal('changesets')]),
          /** How many there are, as told to somebody else before and after the load. */
          total_before: Total,
          total_after: Total,
          ...ColumnsSchema,
          /** −1: the answer held no list. */
          rows: Type.Array(Type.Integer()),
          /** −1: the answer told none. */
          total: Type.Array(Type.Integer()),
        },
        Strict,
      ),
    ),
  },
  Strict,
)
export type PollEvidence = Static<typeof PollEvidenceSchema>
