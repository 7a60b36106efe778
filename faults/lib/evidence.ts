// What one run of a fault leaves behind, beside its history: what was done to the target and when it was seen, who was primary
// when, which processes lived, and what was there at the end. Facts, no judgement.

import { type Static, Type } from 'typebox'
import { FaultRecordSchema } from './injectors/fault.ts'
import { PrimaryChangeSchema } from './injectors/witness.ts'
import { LoadFactsSchema } from './workload/load.ts'
import { ReadingSchema } from './workload/readings.ts'
import { StateChangeSchema } from './workload/state-log.ts'
import { TrailSchema } from './workload/trail.ts'

const Span = Type.Object({ from_ms: Type.Number(), to_ms: Type.Number() }, { additionalProperties: false })
const orNull = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()])

const ProcessesSchema = Type.Array(
  Type.Object(
    { name: Type.String(), pid: Type.Integer(), starts: Type.Integer(), running: Type.Boolean() },
    { additionalProperties: false },
  ),
)

export const EpisodeSchema = Type.Object(
  {
    name: Type.String(),
    began_at: Type.String(),
    /** Null in the control run. */
    fault: orNull(FaultRecordSchema),
    /** The file beside this one with the lines of the history. */
    history: Type.String(),
    /** Of the load. `fault` and `recovery` are null in the control run; `recovery` ends where `settled` begins. */
    spans: Type.Object(
      { baseline: Span, fault: orNull(Span), recovery: orNull(Span), settled: Span },
      { additionalProperties: false },
    ),
    load: LoadFactsSchema,
    /** Shares of all cores that programs took which are no part of the run; empty where it is not known. */
    other_load: Type.Array(
      Type.Object(
        { from_ms: Type.Number(), to_ms: Type.Number(), share: Type.Number() },
        { additionalProperties: false },
      ),
    ),
    /** Null where the database cannot be reached. */
    primaries: orNull(Type.Array(PrimaryChangeSchema)),
    /** Of Conman, where the harness started them: before the load, and after it. */
    processes: orNull(
      Type.Object({ before: ProcessesSchema, after: ProcessesSchema }, { additionalProperties: false }),
    ),
    /** Ids of rows that were there before. */
    there_before: Type.Array(Type.String()),
    /** Whether one more write was acknowledged when all was over. */
    fresh_write: Type.Boolean(),
    readings: Type.Array(ReadingSchema),
    /** Every change of a state; null where they cannot be read, and then why. */
    states: orNull(Type.Array(StateChangeSchema)),
    states_because: orNull(Type.String()),
    trail: orNull(TrailSchema),
  },
  { additionalProperties: false },
)
export type Episode = Static<typeof EpisodeSchema>

export const FaultEvidenceSchema = Type.Object(
  {
    schema: Type.Literal('readiness-fault/1'),
    /** After how long the members of the database elect another primary; null where it is not known. */
    election_timeout_ms: orNull(Type.Number()),
    control: EpisodeSchema,
    episodes: Type.Array(EpisodeSchema),
  },
  { additionalProperties: false },
)
export type FaultEvidence = Static<typeof FaultEvidenceSchema>
