// What a run leaves for its readers: the plan, the verdicts and their JSON schemas. The report, `judge` and other
// programs read these files and nothing else, so their shapes are the harness's public interface.

import { type Static, Type } from 'typebox'

export const Outcome = Type.Union([
  Type.Literal('pass'),
  Type.Literal('fail'),
  Type.Literal('not-verified'),
  Type.Literal('not-applicable'),
])
export const Level = Type.Union([Type.Literal('MUST'), Type.Literal('SHOULD')])
export const Profile = Type.Union([Type.Literal('smoke'), Type.Literal('standard'), Type.Literal('golive')])

const Measured = Type.Object(
  {
    value: Type.Number(),
    unit: Type.String(),
    label: Type.String(),
    interval: Type.Optional(Type.Object({ low: Type.Number(), high: Type.Number() }, { additionalProperties: false })),
  },
  { additionalProperties: false },
)
export const LimitSchema = Type.Object(
  {
    name: Type.String(),
    value: Type.Number(),
    unit: Type.String(),
    compare: Type.Union([Type.Literal('at-most'), Type.Literal('at-least'), Type.Literal('exactly')]),
    source: Type.String(),
    overriddenFrom: Type.Optional(Type.Number()),
  },
  { additionalProperties: false },
)
const Finding = Type.Object(
  {
    claim: Type.String(),
    outcome: Outcome,
    because: Type.String(),
    measured: Type.Optional(Measured),
    limit: Type.Optional(LimitSchema),
    n: Type.Optional(Type.Integer()),
    wanted: Type.Optional(Type.String()),
    got: Type.Optional(Type.String()),
    repeat: Type.Optional(Type.String()),
    remedy: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
)
const Requirement = Type.Object(
  { level: Level, source: Type.String(), text: Type.String() },
  { additionalProperties: false },
)

/** How fast the target answered one who only looked, before anything ran. Null: no answer that could be timed. */
const Times = Type.Object(
  {
    /** Of up to five `GET /api/health`, one after another; `n` says how many were answered with 200. */
    health_ms: Type.Union([
      Type.Object({ median: Type.Number(), worst: Type.Number(), n: Type.Integer() }, { additionalProperties: false }),
      Type.Null(),
    ]),
    openapi_ms: Type.Union([Type.Number(), Type.Null()]),
    login_ms: Type.Union([Type.Number(), Type.Null()]),
    /** The target's clock against this machine's, by its `Date` headers: what lies within the uncertainty is no difference. */
    clock_ahead_ms: Type.Union([
      Type.Object({ value: Type.Number(), uncertainty: Type.Number() }, { additionalProperties: false }),
      Type.Null(),
    ]),
  },
  { additionalProperties: false },
)
export type Times = Static<typeof Times>

/** One thing that checks may need to reach, and what to hand over where this target did not let the harness. */
export const Reach = Type.Object(
  {
    capability: Type.String(),
    reached: Type.Boolean(),
    /** Why not; null where nothing was handed over, and where it is reached. */
    because: Type.Union([Type.String(), Type.Null()]),
    hand_over: Type.Union([Type.String(), Type.Null()]),
  },
  { additionalProperties: false },
)
export type Reach = Static<typeof Reach>

/** What the target said about itself, or what could be seen of it, before anything ran. Hostile text: escape when shown. */
export const FingerprintSchema = Type.Object(
  {
    kind: Type.Union([Type.Literal('reference'), Type.Literal('command'), Type.Literal('url')]),
    /** Base URL for a URL target (credentials removed); a description otherwise. */
    address: Type.String(),
    version: Type.Union([Type.String(), Type.Null()]),
    openapi_sha256: Type.Union([Type.String(), Type.Null()]),
    health: Type.Array(Type.Object({ name: Type.String(), status: Type.String() })),
    /** Names of the answer headers of `GET /api/health`, sorted. */
    headers: Type.Array(Type.String()),
    mongodb: Type.Union([Type.String(), Type.Null()]),
    capabilities: Type.Array(Type.String()),
    /** What the harness set on a target of its own that a verdict could depend on: raised rate limits, the election time-out, a seeded defect. */
    settings: Type.Record(Type.String(), Type.String()),
    /** Absent in runs of versions that did not take them. */
    times: Type.Optional(Times),
  },
  { additionalProperties: false },
)
export type Fingerprint = Static<typeof FingerprintSchema>

/** Written before anything runs: the denominator. */
export const PlanSchema = Type.Object(
  {
    schema: Type.Literal('readiness-plan/1'),
    run: Type.String(),
    created_at: Type.String(),
    harness: Type.Object({ version: Type.String(), commit: Type.Union([Type.String(), Type.Null()]) }),
    profile: Profile,
    random_seed: Type.Integer(),
    /** The exact command that repeats the run. */
    command: Type.String(),
    target: FingerprintSchema,
    /** Absent in runs of versions that did not write it. */
    reach: Type.Optional(Type.Array(Reach)),
    catalogue_sha256: Type.String(),
    /** True when the whole catalogue was asked for: only such a run can give GO. */
    whole_catalogue: Type.Boolean(),
    checks: Type.Array(
      Type.Object(
        {
          id: Type.String(),
          title: Type.String(),
          failure_title: Type.String(),
          gatherer: Type.String(),
          requirement: Requirement,
          limits: Type.Array(LimitSchema),
        },
        { additionalProperties: false },
      ),
    ),
    machine: Type.Object({
      cpus: Type.Integer(),
      cpu_model: Type.String(),
      memory_bytes: Type.Integer(),
      platform: Type.String(),
    }),
    tools: Type.Array(Type.Object({ name: Type.String(), version: Type.String(), origin: Type.String() })),
  },
  { additionalProperties: false },
)
export type Plan = Static<typeof PlanSchema>

export const CheckResultSchema = Type.Object(
  {
    id: Type.String(),
    title: Type.String(),
    failure_title: Type.String(),
    level: Level,
    requirement: Requirement,
    outcome: Outcome,
    because: Type.String(),
    measured: Type.Union([Measured, Type.Null()]),
    limit: Type.Union([LimitSchema, Type.Null()]),
    n: Type.Union([Type.Integer(), Type.Null()]),
    verified_by: Type.Array(Type.String()),
    findings: Type.Array(Finding),
    remedy: Type.Union([Type.String(), Type.Null()]),
    /** What stands beside the verdict and decides nothing. Absent where there is nothing to say. */
    notes: Type.Optional(Type.Array(Type.String())),
    /** Path of the evidence, relative to the run's folder; null when none was gathered. */
    evidence: Type.Union([Type.String(), Type.Null()]),
    /** Path of the check's pictures and tables (`CheckDetails`), relative to the run's folder. */
    details: Type.Union([Type.String(), Type.Null()]),
  },
  { additionalProperties: false },
)
export type CheckResult = Static<typeof CheckResultSchema>

export const RunVerdict = Type.Union([
  Type.Literal('GO'),
  Type.Literal('NO-GO'),
  Type.Literal('PASS'),
  Type.Literal('FAIL'),
  Type.Literal('INCOMPLETE'),
])

/** `runs/<id>/verdicts.json`. */
export const VerdictsSchema = Type.Object(
  {
    schema: Type.Literal('readiness-verdicts/1'),
    run: Type.String(),
    target: FingerprintSchema,
    profile: Profile,
    /** How the run ended; anything but `complete` makes the verdict INCOMPLETE at best. */
    ended: Type.Union([Type.Literal('complete'), Type.Literal('interrupted'), Type.Literal('failed')]),
    /** Why the run did not complete; null when it did. */
    ended_because: Type.Union([Type.String(), Type.Null()]),
    started_at: Type.String(),
    finished_at: Type.Union([Type.String(), Type.Null()]),
    verdict: RunVerdict,
    /** One sentence: what decides the verdict. */
    because: Type.String(),
    exit_code: Type.Integer(),
    counts: Type.Object({
      pass: Type.Integer(),
      fail: Type.Integer(),
      'not-verified': Type.Integer(),
      'not-applicable': Type.Integer(),
    }),
    overridden_limits: Type.Array(Type.String()),
    checks: Type.Array(CheckResultSchema),
  },
  { additionalProperties: false, $id: 'https://conman-readiness.invalid/schemas/verdicts.schema.json' },
)
export type Verdicts = Static<typeof VerdictsSchema>

/** `runs/<id>/<check id>/verdict.json`: the check's result with what the report draws. */
export const CheckDetailsSchema = Type.Object(
  {
    schema: Type.Literal('readiness-check/1'),
    result: CheckResultSchema,
    charts: Type.Array(
      Type.Union([
        Type.Object({
          kind: Type.Literal('over-time'),
          title: Type.String(),
          unit: Type.String(),
          points: Type.Array(
            Type.Object({
              x: Type.Number(),
              y: Type.Number(),
              label: Type.String(),
              failed: Type.Optional(Type.Boolean()),
            }),
          ),
          limit: Type.Optional(Type.Object({ value: Type.Number(), label: Type.String() })),
          windows: Type.Optional(
            Type.Array(Type.Object({ from: Type.Number(), to: Type.Number(), label: Type.String() })),
          ),
        }),
        Type.Object({
          kind: Type.Literal('distribution'),
          title: Type.String(),
          unit: Type.String(),
          values: Type.Array(Type.Number()),
          limit: Type.Optional(Type.Object({ value: Type.Number(), label: Type.String() })),
          marks: Type.Optional(Type.Array(Type.Object({ value: Type.Number(), label: Type.String() }))),
        }),
        Type.Object({
          kind: Type.Literal('timeline'),
          title: Type.String(),
          step_s: Type.Number(),
          until_s: Type.Number(),
          lanes: Type.Array(
            Type.Object({
              name: Type.String(),
              points: Type.Array(
                Type.Object({
                  x: Type.Number(),
                  ok: Type.Integer(),
                  failed: Type.Integer(),
                  latency_ms: Type.Union([Type.Number(), Type.Null()]),
                }),
              ),
            }),
          ),
          windows: Type.Array(Type.Object({ from: Type.Number(), to: Type.Number(), label: Type.String() })),
          marks: Type.Array(Type.Object({ at: Type.Number(), label: Type.String() })),
        }),
      ]),
    ),
    tables: Type.Array(
      Type.Object({
        title: Type.String(),
        columns: Type.Array(Type.String()),
        rows: Type.Array(Type.Array(Type.String())),
        outcomes: Type.Optional(Type.Array(Type.Array(Type.Union([Outcome, Type.Null()])))),
      }),
    ),
  },
  { additionalProperties: false },
)
export type CheckDetails = Static<typeof CheckDetailsSchema>
