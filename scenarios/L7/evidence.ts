// What a run of the listing load leaves behind: facts, no judgement. `L7` and its open-model twin share it.

import { type Static, Type } from 'typebox'
import { LoadSchema } from '../lib/load.ts'

const IntegerOrNull = Type.Union([Type.Integer(), Type.Null()])

export const ListingEvidenceSchema = Type.Object(
  {
    schema: Type.Literal('readiness-listing/1'),
    scenario: Type.Union([Type.Literal('L7'), Type.Literal('L7.open')]),
    volume: Type.Object(
      {
        made_over: Type.Union([Type.Literal('database'), Type.Literal('http')]),
        queued: Type.Array(Type.String()),
        /** Changesets in all. */
        stored: Type.Integer(),
        /** What the specified volume has and this one does not. */
        missing: Type.Array(Type.String()),
      },
      { additionalProperties: false },
    ),
    users: Type.Integer(),
    page_size: Type.Integer(),
    pages: Type.Integer(),
    listings_planned: IntegerOrNull,
    /** As an answer's headers told it; null: none was told. */
    rate_limit_per_minute: IntegerOrNull,
    load: LoadSchema,
    /** Every listing that ended, in the order of their begin. */
    listings: Type.Array(
      Type.Object(
        {
          user: Type.Integer(),
          page: Type.Integer(),
          started_ms: Type.Number(),
          duration_ms: Type.Number(),
          /** 0: no answer. */
          status: Type.Integer(),
          error: Type.String(),
          /** Null: the answer held no list. */
          rows: IntegerOrNull,
          /** Rows that are not queued. */
          strays: IntegerOrNull,
          total: IntegerOrNull,
          /** MD5 of the ids in their order, joined by commas. */
          ids: Type.String(),
        },
        { additionalProperties: false },
      ),
    ),
    /** All pages, one after the other, by somebody else than the readers: before the load and after it. */
    walks: Type.Array(
      Type.Object(
        {
          when: Type.Union([Type.Literal('before'), Type.Literal('after')]),
          pages: Type.Array(
            Type.Object(
              {
                page: Type.Integer(),
                status: Type.Integer(),
                total: IntegerOrNull,
                rows: Type.Array(
                  Type.Object(
                    { id: Type.String(), state: Type.String(), updated_at: Type.String() },
                    { additionalProperties: false },
                  ),
                ),
              },
              { additionalProperties: false },
            ),
          ),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
)
export type ListingEvidence = Static<typeof ListingEvidenceSchema>
