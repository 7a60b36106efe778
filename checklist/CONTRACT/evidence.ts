// What the walk brings home: each step with the request that stands for it, how it ended, and what differs.

import { type Static, Type } from 'typebox'

const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(type: T) => Type.Union([type, Type.Null()])

export const DifferenceSchema = Type.Object(
  {
    /** A row of http-api chapter 6 (`HD15`), or a section of it (`§2.4`). */
    id: Type.String(),
    wanted: Type.String(),
    /** Hostile text, cut. */
    got: Type.String(),
  },
  { additionalProperties: false },
)
export type Difference = Static<typeof DifferenceSchema>

export const StepSchema = Type.Object(
  {
    id: Type.String(),
    part: Type.String(),
    name: Type.String(),
    /** Part of what a user walks through; the others look at how something is refused, or at what only the specification has. */
    of_flow: Type.Boolean(),
    method: Nullable(Type.String()),
    route: Nullable(Type.String()),
    /** 0: no answer. */
    status: Nullable(Type.Integer()),
    /** Of all requests of the step, waits for jobs included. */
    duration_ms: Nullable(Type.Number()),
    outcome: Type.Union([
      Type.Literal('worked'),
      Type.Literal('differs'),
      Type.Literal('refused'),
      Type.Literal('no answer'),
      Type.Literal('skipped'),
    ]),
    /** What the step is for was reached, whatever differs: later steps can stand on it. */
    reached: Type.Boolean(),
    /** Why it was refused, not answered or skipped, or a note; null where there is nothing to say. */
    because: Nullable(Type.String()),
    differences: Type.Array(DifferenceSchema),
  },
  { additionalProperties: false },
)
export type TakenStep = Static<typeof StepSchema>

export const ContractEvidenceSchema = Type.Object(
  {
    schema: Type.Literal('readiness-contract/1'),
    /** The name of the app that was made, or used again; null where there was none. */
    app: Nullable(Type.String()),
    steps: Type.Array(StepSchema),
  },
  { additionalProperties: false },
)
export type ContractEvidence = Static<typeof ContractEvidenceSchema>
