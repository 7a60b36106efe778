// What a run of the reading load leaves behind: facts, no judgement.

import { type Static, Type } from 'typebox'
import { LoadSchema } from '../lib/load.ts'

const Kind = Type.Union([Type.Literal('tree'), Type.Literal('file'), Type.Literal('diff')])
const Temperature = Type.Union([Type.Literal('cold'), Type.Literal('warm')])

export const ReadingEvidenceSchema = Type.Object(
  {
    schema: Type.Literal('readiness-readings/1'),
    /** Null: none of that size could be made. */
    repository: Type.Union([
      Type.Null(),
      Type.Object(
        {
          files: Type.Integer(),
          directories: Type.Integer(),
          bytes: Type.Integer(),
          commits: Type.Integer(),
          branches: Type.Integer(),
        },
        { additionalProperties: false },
      ),
    ]),
    /** What the cold readings were the first of. */
    cold_means: Type.String(),
    readers: Type.Integer(),
    /** What can be read, with what git itself says of it. */
    subjects: Type.Array(
      Type.Object(
        {
          kind: Kind,
          label: Type.String(),
          /** Entries of a tree, bytes of a file, files of a diff. */
          count: Type.Integer(),
          /** Of a file's bytes SHA-256, of the sorted lines of a tree or a diff MD5. */
          digest: Type.String(),
        },
        { additionalProperties: false },
      ),
    ),
    loads: Type.Array(
      Type.Object(
        {
          temperature: Temperature,
          planned: Type.Integer(),
          load: LoadSchema,
          /** Every reading that ended, in the order of their begin. */
          readings: Type.Array(
            Type.Object(
              {
                /** Index among the subjects. */
                subject: Type.Integer(),
                started_ms: Type.Number(),
                duration_ms: Type.Number(),
                /** 0: no answer. */
                status: Type.Integer(),
                error: Type.String(),
                /** Null: the answer held nothing of the kind. */
                count: Type.Union([Type.Integer(), Type.Null()]),
                digest: Type.String(),
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
export type ReadingEvidence = Static<typeof ReadingEvidenceSchema>
