// What releases in quick succession leave behind: facts, no judgement. What was asked and when, what the target says of it
// afterwards, and what git holds.

import { type Static, Type } from 'typebox'

const closed = { additionalProperties: false }
const NumberOrNull = Type.Union([Type.Number(), Type.Null()])
const TextOrNull = Type.Union([Type.String(), Type.Null()])

export const ReleasesEvidenceSchema = Type.Object(
  {
    schema: Type.Literal('readiness-releases/1'),
    releases_planned: Type.Integer(),
    changesets_each: Type.Integer(),
    interval_s: Type.Number(),
    integration_branch: Type.String(),
    /** Everything that was changed lies below it. */
    folder: Type.String(),
    releases: Type.Array(
      Type.Object(
        {
          number: Type.Integer(),
          /** Milliseconds since the schedule began. */
          due_ms: Type.Number(),
          began_ms: Type.Number(),
          /** The call that published it, with all its attempts; null where it came to none. */
          publishing: Type.Union([Type.Null(), Type.Object({ from_ms: Type.Number(), to_ms: Type.Number() }, closed)]),
          steps: Type.Array(
            Type.Object(
              {
                what: Type.String(),
                from_ms: Type.Number(),
                to_ms: Type.Number(),
                /** Why it was not done; null when it was. */
                refused: TextOrNull,
                /** Of the refusal; 0: no answer. Null: done, or not a matter of one answer. */
                status: Type.Union([Type.Integer(), Type.Null()]),
              },
              closed,
            ),
          ),
          id: TextOrNull,
          /** As the target says at the end; null where it does not know the release. */
          seen: Type.Union([
            Type.Null(),
            Type.Object(
              {
                state: Type.String(),
                tag: Type.String(),
                published_sha: TextOrNull,
                changeset_ids: Type.Array(Type.String()),
              },
              closed,
            ),
          ]),
        },
        closed,
      ),
    ),
    changesets: Type.Array(
      Type.Object(
        {
          number: Type.Integer(),
          id: Type.String(),
          /** The one that it was selected for. */
          release: Type.Integer(),
          path: Type.String(),
          /** What it wrote there. */
          sha256: Type.String(),
          /** At the end; null where the list does not have it. */
          state: TextOrNull,
          /** Ids of the published releases of the app that list it. */
          released_in: Type.Array(Type.String()),
        },
        closed,
      ),
    ),
    /** The file that several of them write, with what was released of it before, and what it holds after which of theirs. */
    shared: Type.Object(
      {
        path: Type.String(),
        versions: Type.Array(Type.Object({ releases: Type.Array(Type.Integer()), sha256: Type.String() }, closed)),
      },
      closed,
    ),
    jobs: Type.Object(
      {
        /** How long after the last release until nothing was queued or running, or nothing moved any more. */
        waited_ms: Type.Number(),
        /** How long nothing had moved when the waiting was given up; null where every job ended. */
        still_ms: NumberOrNull,
        /** Whether it was given up for the time that it took, though jobs still moved. */
        gave_up: Type.Boolean(),
        rows: Type.Array(
          Type.Object(
            {
              id: Type.String(),
              type: Type.String(),
              state: Type.String(),
              entity_id: TextOrNull,
              release_id: TextOrNull,
              result: TextOrNull,
            },
            closed,
          ),
        ),
        /** Of the app, as its lists have them when the jobs were read: what a job can be about. */
        changeset_ids: Type.Array(Type.String()),
        release_ids: Type.Array(Type.String()),
      },
      closed,
    ),
    /** The files as somebody finds them in a workspace made after the last release; null where none could be made. */
    read_by_api: Type.Union([
      Type.Null(),
      Type.Array(Type.Object({ path: Type.String(), status: Type.Integer(), sha256: TextOrNull }, closed)),
    ]),
    /** Null where the repositories are out of reach. */
    git: Type.Union([
      Type.Null(),
      Type.Object(
        {
          /** Heads of the integration branch: before the first release, and at the end. */
          base: Type.String(),
          head: Type.String(),
          /** Of the releases that have one: the commit that it names, and what is there. */
          tags: Type.Array(
            Type.Object(
              {
                tag: Type.String(),
                commit: TextOrNull,
                /** Every path that differs from the base. */
                changed: Type.Array(Type.String()),
                files: Type.Array(Type.Object({ path: Type.String(), sha256: TextOrNull }, closed)),
              },
              closed,
            ),
          ),
          /** The integration branch along first parents, from after the base on, with what each commit changed. */
          line: Type.Array(Type.Object({ commit: Type.String(), paths: Type.Array(Type.String()) }, closed)),
          fsck: Type.Object({ exit_code: Type.Integer(), output: Type.String() }, closed),
        },
        closed,
      ),
    ]),
    /** Audit rows of releases; null where neither the database nor a route shows them. */
    audit: Type.Union([
      Type.Null(),
      Type.Object(
        {
          source: Type.Union([Type.Literal('mongo'), Type.Literal('http')]),
          waited_ms: Type.Number(),
          rows: Type.Array(Type.Object({ action: Type.String(), release_id: Type.String() }, closed)),
        },
        closed,
      ),
    ]),
  },
  closed,
)
export type ReleasesEvidence = Static<typeof ReleasesEvidenceSchema>
