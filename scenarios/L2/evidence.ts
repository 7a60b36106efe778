// What a storm of submits leaves behind: facts, no judgement.

import { type Static, Type } from 'typebox'
import { JobWatchSchema } from '../lib/job-watch.ts'
import { LoadSchema } from '../lib/load.ts'

const TextOrNull = Type.Union([Type.String(), Type.Null()])
const NumberOrNull = Type.Union([Type.Number(), Type.Null()])

export const SubmitEvidenceSchema = Type.Object(
  {
    schema: Type.Literal('readiness-submits/1'),
    planned: Type.Integer(),
    load: LoadSchema,
    /** How the target's clock stands against ours, as its answers told it; null: they did not. */
    clock: Type.Union([
      Type.Null(),
      Type.Object(
        {
          /** Both run on this machine. */
          same: Type.Boolean(),
          ahead_ms: Type.Number(),
          uncertainty_ms: Type.Number(),
        },
        { additionalProperties: false },
      ),
    ]),
    /** Of the first submit, in milliseconds since the epoch by our clock. */
    began_at_ms: Type.Number(),
    /** Every submit that ended, by the number of its changeset. */
    submits: Type.Array(
      Type.Object(
        {
          number: Type.Integer(),
          /** Since the first one began. */
          started_ms: Type.Number(),
          duration_ms: Type.Number(),
          /** Since the first one began; k6 itself may have been kept waiting in between. */
          ended_ms: Type.Number(),
          /** 0: no answer. */
          status: Type.Integer(),
          error: Type.String(),
          /** As the answer told them; empty where it did not. */
          state: Type.String(),
          job: Type.String(),
        },
        { additionalProperties: false },
      ),
    ),
    /** The jobs `msuite_submit` of these changesets, from before the storm until they were over. */
    jobs: JobWatchSchema,
    /** Every changeset as it was made, and as it stood in the end. */
    changesets: Type.Array(
      Type.Object(
        {
          number: Type.Integer(),
          id: Type.String(),
          /** The commit that its author's write was acknowledged with. */
          commit: Type.String(),
          /** Where its branch stood in the end, by git itself; null where git was not asked, or knows no such branch. */
          tip: TextOrNull,
          /** Null where it could not be read; `problem` says why. */
          state: TextOrNull,
          revision: NumberOrNull,
          submitted_head: TextOrNull,
          problem: Type.String(),
        },
        { additionalProperties: false },
      ),
    ),
    /** Whether git itself was asked. */
    read_by_git: Type.Boolean(),
  },
  { additionalProperties: false },
)
export type SubmitEvidence = Static<typeof SubmitEvidenceSchema>
export type Submit = SubmitEvidence['submits'][number]
