// What deployments at the same time leave behind: facts, no judgement. What was asked and answered, what the target says of
// each deployment and its job, and what their commands really did.

import { type Static, Type } from 'typebox'

const closed = { additionalProperties: false }
const TextOrNull = Type.Union([Type.String(), Type.Null()])

/** One request for a deployment that was answered, or was not. */
const RequestSchema = Type.Object(
  {
    environment_id: Type.String(),
    /** Milliseconds since the first of its kind. */
    started_ms: Type.Number(),
    duration_ms: Type.Number(),
    /** 200 for every success; 0: no answer. */
    status: Type.Integer(),
    error: Type.String(),
    /** Null: none was made, as far as the answer says. */
    deployment_id: TextOrNull,
  },
  closed,
)
export type DeploymentRequest = Static<typeof RequestSchema>

export const DeploymentsEvidenceSchema = Type.Object(
  {
    schema: Type.Literal('readiness-deployments/1'),
    /** An environment and a release in an app each; the race is for the first one. */
    sites: Type.Array(
      Type.Object({ app_id: Type.String(), environment_id: Type.String(), release_id: Type.String() }, closed),
    ),
    /** Why there are not more of them. */
    missing: Type.Array(Type.String()),
    /** Whether every process of the target reads the same clock as the harness. */
    one_clock: Type.Boolean(),
    /** The deployment with which each environment began, before anything is measured. */
    first: Type.Array(Type.String()),
    together: Type.Object(
      {
        /** Whether no deployment could end before all requests were answered. */
        held: Type.Boolean(),
        /** How long they were held; 0 where they cannot be. */
        held_ms: Type.Number(),
        requests: Type.Array(RequestSchema),
      },
      closed,
    ),
    race: Type.Object(
      {
        environment_id: Type.String(),
        held: Type.Boolean(),
        /** Whether nothing was under way there when it began. */
        was_free: Type.Boolean(),
        /** More than one where a gate had to be passed again. */
        rounds: Type.Integer(),
        requests: Type.Array(RequestSchema),
      },
      closed,
    ),
    /** The deployment to the same environment once the race's was over. */
    afterwards: Type.Union([RequestSchema, Type.Null()]),
    /** What the lists have of these environments, from the first one on. */
    deployments: Type.Array(
      Type.Object(
        {
          id: Type.String(),
          environment_id: Type.String(),
          release_id: Type.String(),
          state: Type.String(),
          created_at: TextOrNull,
          started_at: TextOrNull,
          finished_at: TextOrNull,
        },
        closed,
      ),
    ),
    /** Their jobs of the type deploy_release. */
    jobs: Type.Array(Type.Object({ id: Type.String(), deployment_id: TextOrNull, state: Type.String() }, closed)),
    /** The ledger of effects, as far as it is about these environments; null where it is out of reach. */
    effects: Type.Union([
      Type.Null(),
      Type.Object(
        {
          unreadable: Type.Integer(),
          rows: Type.Array(
            Type.Object(
              {
                phase: Type.Union([Type.Literal('begin'), Type.Literal('end')]),
                deployment_id: Type.String(),
                pid: Type.Integer(),
                at_s: Type.Integer(),
                environment_id: TextOrNull,
                release_id: TextOrNull,
              },
              closed,
            ),
          ),
        },
        closed,
      ),
    ]),
  },
  closed,
)
export type DeploymentsEvidence = Static<typeof DeploymentsEvidenceSchema>
