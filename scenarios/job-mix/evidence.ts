// What a run of the steady job load leaves behind: what was asked for, the jobs that it became, how the deployments ended, and
// what was told of it. Facts, no judgement: job-mix, GL-P3 and SLO3 to SLO5 are judged from it.

import { type Static, Type } from 'typebox'
import { AftermathSchema } from '../lib/deeds.ts'
import { SlowQueriesSchema } from '../lib/slow-queries.ts'

const TextOrNull = Type.Union([Type.String(), Type.Null()])

export const JobMixSchema = Type.Object(
  {
    schema: Type.Literal('readiness-job-mix/1'),
    /** Of changesets that are handed in, and of deployments. */
    planned_of_each: Type.Integer(),
    rate_per_minute: Type.Number(),
    started_at: Type.String(),
    /** The steady window: from the first beginning to the last. */
    duration_s: Type.Number(),
    /** In the order of their beginning. */
    attempts: Type.Array(
      Type.Object(
        {
          kind: Type.Union([Type.Literal('standard'), Type.Literal('deploy')]),
          started_ms: Type.Number(),
          /** So much later than the steady rate wanted. */
          late_ms: Type.Number(),
          /** Of the answer that decides: the first that was no 2xx, or else the last. 0: no answer. */
          status: Type.Integer(),
          /** Empty: acknowledged. Otherwise what the target said, and to what. */
          error: Type.String(),
          /** The changeset or the deployment; null where it was not acknowledged. */
          entity: TextOrNull,
          /** From the acknowledgement to the last look at its job. */
          watched_ms: Type.Number(),
        },
        { additionalProperties: false },
      ),
    ),
    /** By the job documents, or over HTTP where there is no database: `msuite_submit` and `deploy_release` of the attempts. */
    jobs: Type.Object(
      {
        source: Type.Union([Type.Literal('mongo'), Type.Literal('http')]),
        rows: Type.Array(
          Type.Object(
            {
              id: Type.String(),
              kind: Type.Union([Type.Literal('standard'), Type.Literal('deploy')]),
              state: Type.String(),
              entity: Type.String(),
              created_at: TextOrNull,
              finished_at: TextOrNull,
              error: TextOrNull,
            },
            { additionalProperties: false },
          ),
        ),
      },
      { additionalProperties: false },
    ),
    /** Of the attempts. */
    deployments: Type.Array(Type.Object({ id: Type.String(), state: Type.String() }, { additionalProperties: false })),
    /** Answers of 429, each of which was sent again as the target asked. */
    throttled: Type.Integer(),
    /** Largest delay of a timer of the driver's, and the largest share of the processors that others took for half a minute. */
    pulse_lag_ms_max: Type.Number(),
    other_cpu_share_max: Type.Union([Type.Number(), Type.Null()]),
    aftermath: AftermathSchema,
    queries: SlowQueriesSchema,
  },
  { additionalProperties: false },
)
export type JobMixEvidence = Static<typeof JobMixSchema>
