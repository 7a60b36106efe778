// What a run of the mix leaves behind: every request, what was told of its changes, and what the database called slow. Facts, no
// judgement: api-mix, GL-P2, GL-P5, SLO1 and SLO2 are judged from it.

import { type Static, Type } from 'typebox'
import { AftermathSchema } from '../lib/deeds.ts'
import { LoadSchema } from '../lib/load.ts'
import { SlowQueriesSchema } from '../lib/slow-queries.ts'
import { KINDS, type Kind } from './mix.ts'

export const ApiMixSchema = Type.Object(
  {
    schema: Type.Literal('readiness-api-mix/1'),
    users: Type.Integer(),
    rate_per_s: Type.Number(),
    /** The steady window. */
    duration_s: Type.Number(),
    planned: Type.Integer(),
    load: LoadSchema,
    /** Every request that ended, in the order of their begin. */
    requests: Type.Array(
      Type.Object(
        {
          /** Of the plan: no request is sent twice. */
          index: Type.Integer(),
          kind: Type.Unsafe<Kind>(Type.Union(KINDS.map((kind) => Type.Literal(kind)))),
          user: Type.Integer(),
          started_ms: Type.Number(),
          duration_ms: Type.Number(),
          /** 0: no answer. */
          status: Type.Integer(),
          error: Type.String(),
          /** The answer has the envelope, or for health its components. */
          holds: Type.Boolean(),
        },
        { additionalProperties: false },
      ),
    ),
    aftermath: AftermathSchema,
    queries: SlowQueriesSchema,
  },
  { additionalProperties: false },
)
export type ApiMixEvidence = Static<typeof ApiMixSchema>
