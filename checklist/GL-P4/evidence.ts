// How a target's listing queries are planned: which it asks (or would be asked, where they cannot be watched), and what the
// database says it does to answer each.

import { type Static, Type } from 'typebox'
import { StepSchema } from '../lib/step.ts'

const Count = Type.Union([Type.Integer(), Type.Null()])

export const QueryPlanSchema = Type.Object(
  {
    /** The request that asks it, or what it is for. */
    asked_by: Type.String(),
    collection: Type.String(),
    command: Type.String(),
    /** Fields and operators, without values. */
    shape: Type.String(),
    /** How often it was seen; 0 for one that is only believed to be asked. */
    seen: Type.Integer(),
    /** The winning plan's stages, outermost first, by `explain`; null: it could not be explained. */
    stages: Type.Union([Type.Array(Type.String()), Type.Null()]),
    indexes: Type.Array(Type.String()),
    /** The plan as the log of the real query had it; null where it was not watched. */
    logged_plan: Type.Union([Type.String(), Type.Null()]),
    keys_examined: Count,
    documents_examined: Count,
    returned: Count,
    sorted_in_memory: Type.Boolean(),
    error: Type.String(),
  },
  { additionalProperties: false },
)
export type QueryPlan = Static<typeof QueryPlanSchema>

export const QueryPlanEvidenceSchema = Type.Object(
  {
    schema: Type.Literal('readiness-query-plans/1'),
    /** `observed`: what the server really asked. `table`: the specified lists' queries, as far as documents were there. */
    source: Type.Union([Type.Literal('observed'), Type.Literal('table')]),
    /** The collections that grow for ever, and how many documents they had. */
    volume: Type.Array(
      Type.Object(
        { collection: Type.String(), documents: Type.Integer(), wanted: Type.Integer() },
        { additionalProperties: false },
      ),
    ),
    steps: Type.Array(StepSchema),
    plans: Type.Array(QueryPlanSchema),
    /** Whole scans of the large collections by whatever else was running: the worker, the metrics. */
    other_scans: Type.Array(
      Type.Object(
        {
          collection: Type.String(),
          command: Type.String(),
          shape: Type.String(),
          app: Type.Union([Type.String(), Type.Null()]),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
)
export type QueryPlanEvidence = Static<typeof QueryPlanEvidenceSchema>
