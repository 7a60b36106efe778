// What a run of the editing load leaves behind: facts, no judgement. `L1`, its sample and its open-model twin share it.

import { type Static, Type } from 'typebox'
import { GeneratorSchema } from '../../harness/k6.ts'

const Nullable = <T extends ReturnType<typeof Type.String>>(schema: T) => Type.Union([schema, Type.Null()])

export const EditEvidenceSchema = Type.Object(
  {
    schema: Type.Literal('readiness-edits/1'),
    scenario: Type.Union([Type.Literal('L1'), Type.Literal('L1.sample'), Type.Literal('L1.open')]),
    /** Stands in every edit's key, path and commit message. */
    run_key: Type.String(),
    users: Type.Integer(),
    /** Edits that the plan asks for; null where their number follows from the time (sample, open model). */
    edits_planned: Type.Union([Type.Integer(), Type.Null()]),
    generator: GeneratorSchema,
    iterations_finished: Type.Integer(),
    exceptions: Type.Integer(),
    /** Answers of 429, each of which was sent again as the target asked. Absent in runs of earlier versions. */
    throttled: Type.Optional(Type.Integer()),
    /** The bound on requests a second that k6 kept to; null on a stack of our own. Absent in runs of earlier versions. */
    rate_bound_per_s: Type.Optional(Type.Union([Type.Number(), Type.Null()])),
    /** The bound at which the load ended itself; null when it did not. Absent in runs of earlier versions. */
    stopped_at_5xx_share: Type.Optional(Type.Union([Type.Number(), Type.Null()])),
    /** Every edit that was attempted, in the order of its start. */
    edits: Type.Array(
      Type.Object(
        {
          key: Type.String(),
          user: Type.Integer(),
          path: Type.String(),
          /** Of the content that was sent. */
          sha256: Type.String(),
          /** Milliseconds since the first edit's start; null for an attempt that never ended. */
          started_ms: Type.Union([Type.Number(), Type.Null()]),
          duration_ms: Type.Union([Type.Number(), Type.Null()]),
          /**
           * When its last answer was there, in milliseconds since the first edit's start. Later than start and duration say where
           * the edit was held by a bound on the rate, or sent again after a 429. Absent in runs of earlier versions.
           */
          ended_ms: Type.Optional(Type.Union([Type.Number(), Type.Null()])),
          /** 0: no answer. Null: the attempt never ended. */
          status: Type.Union([Type.Integer(), Type.Null()]),
          /** The commit that a 2xx named; null: not acknowledged. */
          commit: Nullable(Type.String()),
          error: Type.String(),
        },
        { additionalProperties: false },
      ),
    ),
    /** The files as the API gave them afterwards, one entry a user and path. */
    read_by_api: Type.Array(
      Type.Object(
        { user: Type.Integer(), path: Type.String(), status: Type.Integer(), sha256: Nullable(Type.String()) },
        { additionalProperties: false },
      ),
    ),
    /** The same files as `git` read them from the repository, and how often each edit's key was committed. Null: no access. */
    read_by_git: Type.Union([
      Type.Null(),
      Type.Object(
        {
          files: Type.Array(
            Type.Object(
              { user: Type.Integer(), path: Type.String(), sha256: Nullable(Type.String()) },
              { additionalProperties: false },
            ),
          ),
          commits: Type.Array(
            Type.Object({ commit: Type.String(), key: Type.String() }, { additionalProperties: false }),
          ),
          fsck: Type.Object({ exit_code: Type.Integer(), output: Type.String() }, { additionalProperties: false }),
        },
        { additionalProperties: false },
      ),
    ]),
    /** Audit rows of file writes by commit. Null: neither the database nor an audit route could be read. */
    audit: Type.Union([
      Type.Null(),
      Type.Object(
        {
          source: Type.Union([Type.Literal('mongo'), Type.Literal('http')]),
          waited_ms: Type.Integer(),
          commits: Type.Array(Type.String()),
        },
        { additionalProperties: false },
      ),
    ]),
  },
  { additionalProperties: false },
)
export type EditEvidence = Static<typeof EditEvidenceSchema>
