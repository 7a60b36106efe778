// The indexes of a target's collections, as the database lists them, and how often each was used.

import { type Static, Type } from 'typebox'

export const IndexSchema = Type.Object(
  {
    name: Type.String(),
    /** Fields in order; the value is a direction, or a kind such as `text` and `hashed`. */
    key: Type.Array(
      Type.Object(
        { field: Type.String(), order: Type.Union([Type.Number(), Type.String()]) },
        { additionalProperties: false },
      ),
    ),
    unique: Type.Boolean(),
    sparse: Type.Boolean(),
    hidden: Type.Boolean(),
    /** Fields that the filter of a partial index names; null: it covers all documents. */
    partial: Type.Union([Type.Null(), Type.Array(Type.String())]),
    /** It compares text by rules of a language: queries that do not ask for the same rules cannot use it. */
    collation: Type.Boolean(),
    /** Uses on all members since each was started; null where that could not be read. */
    uses: Type.Union([Type.Integer(), Type.Null()]),
  },
  { additionalProperties: false },
)
export type Index = Static<typeof IndexSchema>

export const IndexEvidenceSchema = Type.Object(
  {
    schema: Type.Literal('readiness-indexes/1'),
    database: Type.String(),
    collections: Type.Array(
      Type.Object(
        { name: Type.String(), documents: Type.Integer(), indexes: Type.Array(IndexSchema) },
        { additionalProperties: false },
      ),
    ),
    /** Members whose counts of uses are in; the others could not be asked. */
    use_counted_on: Type.Array(Type.String()),
  },
  { additionalProperties: false },
)
export type IndexEvidence = Static<typeof IndexEvidenceSchema>
