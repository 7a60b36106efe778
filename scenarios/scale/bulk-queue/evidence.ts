// What a run of bulk-queue leaves behind: facts, no judgement.

import { type Static, Type } from 'typebox'
import { LoadSchema } from '../../lib/load.ts'

const Strict = { additionalProperties: false } as const
const IntegerOrNull = Type.Union([Type.Integer(), Type.Null()])

/** What the target says of itself: null where it does not. */
const Totals = Type.Object({ stored: IntegerOrNull, queued: IntegerOrNull }, Strict)

export const BulkEvidenceSchema = Type.Object(
  {
    schema: Type.Literal('readiness-bulk-queue/1'),
    /** What an order of nothing was answered before the load: 404 or 405 where there is no such route. */
    route_status: Type.Integer(),
    volume: Type.Object(
      { made_over: Type.Union([Type.Literal('database'), Type.Literal('http')]), changesets_asked_for: Type.Integer() },
      Strict,
    ),
    managers: Type.Integer(),
    rate_per_s: Type.Integer(),
    duration_s: Type.Integer(),
    /** Ids in the order of the queue, page by page as they stood there, by somebody else than those who change it. */
    before: Type.Array(Type.String()),
    after: Type.Array(Type.String()),
    totals_before: Totals,
    totals_after: Totals,
    /** Null: there was nothing to load. */
    load: Type.Union([LoadSchema, Type.Null()]),
    /** Every bulk operation that ended, in the order of their begin. */
    operations: Type.Array(
      Type.Object(
        {
          user: Type.Integer(),
          started_ms: Type.Number(),
          duration_ms: Type.Number(),
          /** 0: no answer; 409: overtaken by another order. */
          status: Type.Integer(),
          error: Type.String(),
          /** It asks for `before`, turned by so many places. */
          rotation: Type.Integer(),
          /** How many changesets the answer says were put into order; null: it does not say. */
          count: IntegerOrNull,
        },
        Strict,
      ),
    ),
    /** The first page of the queue, after each operation, by who made it. */
    listings: Type.Array(
      Type.Object(
        {
          user: Type.Integer(),
          started_ms: Type.Number(),
          duration_ms: Type.Number(),
          status: Type.Integer(),
          error: Type.String(),
          /** Null: the answer held no list. */
          rows: IntegerOrNull,
        },
        Strict,
      ),
    ),
  },
  Strict,
)
export type BulkEvidence = Static<typeof BulkEvidenceSchema>
