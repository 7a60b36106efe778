// What a run of auth-burst leaves behind: facts, no judgement.

import { type Static, Type } from 'typebox'
import { LoadSchema } from '../../lib/load.ts'
import { ColumnsSchema } from '../lib/columns.ts'

const Strict = { additionalProperties: false } as const

export const AuthEvidenceSchema = Type.Object(
  {
    schema: Type.Literal('readiness-auth-burst/1'),
    /**
     * The rate limits that the harness gave a process of its own, as the specification has them; null: those of the target as
     * it was found.
     */
    limits_set: Type.Union([Type.Record(Type.String(), Type.String()), Type.Null()]),
    made_over: Type.Union([Type.Literal('database'), Type.Literal('http')]),
    users: Type.Integer(),
    /** Accounts that the users share. */
    accounts: Type.Integer(),
    every_s: Type.Number(),
    duration_s: Type.Integer(),
    load: LoadSchema,
    /** By the script's own counters. */
    counted: Type.Object(
      { throttled: Type.Integer(), as_specified: Type.Integer(), misshapen: Type.Integer() },
      Strict,
    ),
    endpoints: Type.Array(
      Type.Object(
        {
          endpoint: Type.Union([Type.Literal('token'), Type.Literal('login'), Type.Literal('reset')]),
          ...ColumnsSchema,
          /** Requests a window, as a 429 told it; 0: it told none; −1: no 429. */
          limit: Type.Array(Type.Integer()),
          /** What is wrong with the shape of a 429, for those with which something is. */
          misshapen: ColumnsSchema.errors,
          /** 429 that do not say when to come again. */
          without_retry_after: Type.Integer(),
        },
        Strict,
      ),
    ),
  },
  Strict,
)
export type AuthEvidence = Static<typeof AuthEvidenceSchema>
