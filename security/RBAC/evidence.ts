// What was asked by whom, what came, and what was seen to have changed. Facts only: who may do what stands in rows.ts.

import { type Static, Type } from 'typebox'
import { ProbeSchema } from '../lib/probe.ts'

const Texts = Type.Array(Type.String())

const Cell = Type.Object(
  {
    actor: Type.String(),
    /**
     * - `own`: the route as it is.
     * - `through-other`: the other app in the path, and what is this app's as its child.
     * - `unknown-app`: an app in the path that does not exist.
     * - `unknown-child`: the other app in the path, and children that do not exist.
     */
    way: Type.Union([
      Type.Literal('own'),
      Type.Literal('through-other'),
      Type.Literal('unknown-app'),
      Type.Literal('unknown-child'),
    ]),
    probe: ProbeSchema,
    /** Parts of either app that were not the same after it; by rows of the database. Empty also where nobody looked. */
    changed: Texts,
    /** What of the app the answer showed, beyond what the request said itself. */
    shows: Texts,
  },
  { additionalProperties: false },
)
export type Cell = Static<typeof Cell>

const RowEvidence = Type.Object(
  {
    operation: Type.String(),
    cells: Type.Array(Cell),
    /** Why its cells could not be tried. */
    problem: Type.Union([Type.String(), Type.Null()]),
    /** After all who are to be refused were, by the API's lists. */
    lists_changed: Texts,
    lists_unread: Texts,
    /** Whether a look, after the control, saw that something had changed: by rows (null: not readable), by lists. */
    noticed: Type.Union([
      Type.Object({ rows: Type.Union([Type.Boolean(), Type.Null()]), lists: Type.Boolean() }),
      Type.Null(),
    ]),
  },
  { additionalProperties: false },
)
export type RowEvidence = Static<typeof RowEvidence>

const BodyEvidence = Type.Object(
  {
    name: Type.String(),
    attack: ProbeSchema,
    /** The same request with an id of one's own; null where there is none to compare with. */
    control: Type.Union([ProbeSchema, Type.Null()]),
    /** Where the foreign id stood afterwards. */
    kept_in: Texts,
    /** What was to be read afterwards, and could not be. */
    unread: Texts,
    changed: Texts,
  },
  { additionalProperties: false },
)
export type BodyEvidence = Static<typeof BodyEvidence>

const ListEvidence = Type.Object(
  {
    name: Type.String(),
    probe: ProbeSchema,
    shows: Texts,
    /** The same list of the app itself, for one of its admins: what it showed of the app. */
    control: ProbeSchema,
    control_shows: Texts,
  },
  { additionalProperties: false },
)
export type ListEvidence = Static<typeof ListEvidence>

const PromotionEvidence = Type.Object(
  {
    actor: Type.String(),
    operation: Type.String(),
    probe: ProbeSchema,
    role_before: Type.Union([Type.String(), Type.Null()]),
    role_after: Type.Union([Type.String(), Type.Null()]),
  },
  { additionalProperties: false },
)
export type PromotionEvidence = Static<typeof PromotionEvidence>

export const RbacEvidenceSchema = Type.Object(
  {
    schema: Type.Literal('readiness-rbac/1'),
    app: Type.String(),
    other: Type.String(),
    /** Whether rows of the database could be read beside what the API shows. */
    rows_read: Type.Boolean(),
    actors: Type.Array(Type.String()),
    absent: Type.Array(Type.Object({ actor: Type.String(), because: Type.String() }, { additionalProperties: false })),
    /** What showed that an actor's session was good. */
    sessions: Type.Array(Type.Object({ actor: Type.String(), probe: ProbeSchema }, { additionalProperties: false })),
    rows: Type.Array(RowEvidence),
    bodies: Type.Array(BodyEvidence),
    lists: Type.Array(ListEvidence),
    promotions: Type.Array(PromotionEvidence),
  },
  { additionalProperties: false },
)
export type RbacEvidence = Static<typeof RbacEvidenceSchema>
