// What the client sent to a target, and how often it had to ask again: a target that works only by being asked twice is
// told from one that works.

import { type Static, Type } from 'typebox'

export const RetryReason = Type.Union([
  /** The target limits its rate; waited as it asks. */
  Type.Literal('429'),
  /** Of two writes at once one lost (HD62). */
  Type.Literal('502 on a write'),
  /** A publish or a deploy that wanted a job of its own to succeed first (HD83, HD90). */
  Type.Literal('gate job'),
  /** Roles may be frozen in the token (HD3): after an app was made or a role changed. */
  Type.Literal('login again'),
  /** A read whose connection broke. */
  Type.Literal('no answer'),
])
export type RetryReason = Static<typeof RetryReason>

export const ClientStatisticsSchema = Type.Object(
  {
    schema: Type.Literal('readiness-client/1'),
    requests: Type.Integer(),
    /** How often each status was answered; `no answer` where none was. */
    by_status: Type.Record(Type.String(), Type.Integer()),
    retries: Type.Array(
      Type.Object(
        { reason: RetryReason, count: Type.Integer(), waited_s: Type.Number() },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
)
export type ClientStatistics = Static<typeof ClientStatisticsSchema>

export class Retries {
  readonly #of = new Map<RetryReason, { count: number; waited_ms: number }>()

  add(reason: RetryReason, waited_ms: number): void {
    const known = this.#of.get(reason) ?? { count: 0, waited_ms: 0 }
    this.#of.set(reason, { count: known.count + 1, waited_ms: known.waited_ms + waited_ms })
  }

  list(): ClientStatistics['retries'] {
    return [...this.#of].map(([reason, { count, waited_ms }]) => ({
      reason,
      count,
      waited_s: Math.round(waited_ms) / 1_000,
    }))
  }
}
