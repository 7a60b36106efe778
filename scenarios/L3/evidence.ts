// What a long queue leaves behind after a release: facts, no judgement. `L3` and `L3.listings` share it.

import { type Static, Type } from 'typebox'
import { JobWatchSchema } from '../lib/job-watch.ts'
import { LoadSchema } from '../lib/load.ts'

const TextOrNull = Type.Union([Type.String(), Type.Null()])
const NumberOrNull = Type.Union([Type.Number(), Type.Null()])
const BooleanOrNull = Type.Union([Type.Boolean(), Type.Null()])

export const QueueEvidenceSchema = Type.Object(
  {
    schema: Type.Literal('readiness-queue/1'),
    planned: Type.Object(
      { queued: Type.Integer(), released: Type.Integer(), conflicting: Type.Integer() },
      { additionalProperties: false },
    ),
    /** Queued changesets of the app that this run did not make. */
    others_queued: Type.Integer(),
    /** What is known of who works on the jobs, in words. */
    workers: Type.String(),
    release: Type.Object(
      {
        id: Type.String(),
        tag: Type.String(),
        state: Type.String(),
        published_sha: TextOrNull,
        /** By the target's clock. */
        published_at_ms: NumberOrNull,
      },
      { additionalProperties: false },
    ),
    /** By our clock: when the publishing began, its gate included, and when its last answer had come. */
    publish: Type.Object({ began_at_ms: Type.Number(), ended_at_ms: Type.Number() }, { additionalProperties: false }),
    /** The jobs `revalidate_queued_changeset` of what stayed queued. */
    jobs: JobWatchSchema,
    /** In the order of the queue before the release. */
    changesets: Type.Array(
      Type.Object(
        {
          number: Type.Integer(),
          id: Type.String(),
          path: Type.String(),
          /** SHA-256 of what the changeset puts there. */
          sha256: Type.String(),
          commit: Type.String(),
          /** `conflicting`: it adds the same file as a released one, with another value in the same line. */
          part: Type.Union([Type.Literal('released'), Type.Literal('conflicting'), Type.Literal('free')]),
          position_before: NumberOrNull,
          /** In the end. Null: could not be read; `problem` says why. */
          state: TextOrNull,
          position: NumberOrNull,
          problem: Type.String(),
          /** Whether git merges it into the integration branch without a conflict; null: not asked. */
          merges: BooleanOrNull,
        },
        { additionalProperties: false },
      ),
    ),
    /** What git itself says; null where its storage is out of reach. */
    git: Type.Union([
      Type.Null(),
      Type.Object(
        {
          tag: TextOrNull,
          integration: TextOrNull,
          /** SHA-256 of each changeset's path at the integration branch, by number; null: no such file. */
          files: Type.Array(
            Type.Object({ number: Type.Integer(), sha256: TextOrNull }, { additionalProperties: false }),
          ),
          /** Numbers whose commit the integration branch contains. */
          contained: Type.Array(Type.Integer()),
        },
        { additionalProperties: false },
      ),
    ]),
    /** The queue as it was listed meanwhile. */
    load: LoadSchema,
    listings: Type.Array(
      Type.Object(
        {
          /** Since the publishing began. */
          started_ms: Type.Number(),
          duration_ms: Type.Number(),
          status: Type.Integer(),
          error: Type.String(),
          /** Null: the answer held no list. */
          rows: Type.Union([Type.Integer(), Type.Null()]),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
)
export type QueueEvidence = Static<typeof QueueEvidenceSchema>
export type QueuedChangeset = QueueEvidence['changesets'][number]
