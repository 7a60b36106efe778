// What `./readiness plan --json` prints: what a run would find, before anything runs. Public, like the run's own files.

import { type Static, Type } from 'typebox'
import { FingerprintSchema, Level, Profile, Reach } from './result.ts'

const Effect = Type.Union([Type.Literal('reads'), Type.Literal('writes'), Type.Literal('disrupts')])
const OptionalText = Type.Union([Type.String(), Type.Null()])
const OptionalNumber = Type.Union([Type.Number(), Type.Null()])

export const ForecastSchema = Type.Object(
  {
    schema: Type.Literal('readiness-forecast/1'),
    profile: Profile,
    target: Type.Object(
      {
        kind: FingerprintSchema.properties.kind,
        address: Type.String(),
        /** Null where it cannot be seen. */
        processes: Type.Union([Type.Literal('single'), Type.Literal('split'), Type.Null()]),
        /** The most that may be done to it. */
        allowed: Effect,
        /** Null for a stack of our own, which is not started to be looked at. */
        fingerprint: Type.Union([FingerprintSchema, Type.Null()]),
      },
      { additionalProperties: false },
    ),
    reach: Type.Array(Reach),
    checks: Type.Array(
      Type.Object(
        {
          id: Type.String(),
          title: Type.String(),
          level: Level,
          gatherer: Type.String(),
          outlook: Type.Union([Type.Literal('will-run'), Type.Literal('cannot-run'), Type.Literal('not-applicable')]),
          /** Why it will not run; null when it will. */
          because: OptionalText,
          remedy: OptionalText,
        },
        { additionalProperties: false },
      ),
    ),
    gatherers: Type.Array(
      Type.Object(
        {
          id: Type.String(),
          title: Type.String(),
          will_run: Type.Boolean(),
          effect: Effect,
          /** Nothing else may be done to the target meanwhile: it would change what is measured. */
          alone: Type.Boolean(),
          leaves: OptionalText,
          breaks: OptionalText,
          expected_s: Type.Number(),
        },
        { additionalProperties: false },
      ),
    ),
    time: Type.Object(
      {
        /** Everything that takes time, in its order; about, on a machine like the one of docs/benchmarks.md. */
        steps: Type.Array(
          Type.Object({ what: Type.String(), expected_s: Type.Number() }, { additionalProperties: false }),
        ),
        total_s: Type.Number(),
        /** What decides how long it takes: nothing else needs to become quicker. */
        critical_path: Type.Array(Type.String()),
        critical_path_s: Type.Number(),
        /** How long seeding takes where the target's limits are on as specified; null where they are ours, or none matters. */
        seeding_limited_s: OptionalNumber,
      },
      { additionalProperties: false },
    ),
    tools: Type.Array(
      Type.Object(
        {
          name: Type.String(),
          version: OptionalText,
          /** How a tool that is not there yet comes; null when it is there. */
          comes_by: OptionalText,
        },
        { additionalProperties: false },
      ),
    ),
    /** Ids that GO needs and this version has no check for. */
    required_without_check: Type.Array(Type.String()),
    go: Type.Object({ possible: Type.Boolean(), because: Type.Array(Type.String()) }, { additionalProperties: false }),
    /** What `./readiness plan` ends with: 0 when every MUST of the selection would be verified, 2 when one could not. */
    exit_code: Type.Integer(),
  },
  { additionalProperties: false, $id: 'https://conman-readiness.invalid/schemas/forecast.schema.json' },
)
export type Forecast = Static<typeof ForecastSchema>
