// One step of a walk: what was asked of the API, when, and what came back.

import { type Static, Type } from 'typebox'

export const StepSchema = Type.Object(
  {
    kind: Type.Union([
      Type.Literal('list'),
      Type.Literal('detail'),
      Type.Literal('change'),
      Type.Literal('health'),
      Type.Literal('wait'),
    ]),
    /** Method and path; `{changeset}` stands for an id. */
    name: Type.String(),
    /** Where the thing that it is about is stored, by data-and-runtime §1.2. */
    collection: Type.Union([Type.String(), Type.Null()]),
    /** 0: no answer. Null: not asked, because an id that it needs was never made. */
    status: Type.Union([Type.Integer(), Type.Null()]),
    from_ms: Type.Number(),
    to_ms: Type.Number(),
  },
  { additionalProperties: false },
)
export type Step = Static<typeof StepSchema>
