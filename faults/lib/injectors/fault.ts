// What every fault is: something that is done to a part, seen to have happened, ended, and seen to have ended. What could not
// be seen is never taken for done. Each fault leaves its record, whatever came of it.

import { setTimeout as delay } from 'node:timers/promises'
import { type Static, Type } from 'typebox'
import type { Capability } from '../../../harness/capabilities.ts'
import type { Run } from '../../../harness/run.ts'
import type { Clock } from '../clock.ts'
import type { Witness } from './witness.ts'

const Moment = Type.Union([Type.Number(), Type.Null()])

/** All times in ms on the clock of the run of the fault. */
export const FaultRecordSchema = Type.Object(
  {
    /** `primary-stepped-down` */
    fault: Type.String(),
    title: Type.String(),
    requested_at_ms: Type.Number(),
    /** When it was seen to have happened; null: it never was. */
    observed_at_ms: Moment,
    /** What was seen: `process 4711 is gone`. */
    observed: Type.Array(Type.String()),
    /** Why it was not; null when it was. */
    unobserved_because: Type.Union([Type.String(), Type.Null()]),
    /** When its harm was over by itself, as an election ends the loss of a primary. Null: only healing ended it, or nothing did. */
    over_at_ms: Moment,
    /** When its undoing was begun; null: it never was. */
    healed_at_ms: Moment,
    /** When it was seen to be undone; null: it never was. */
    confirmed_at_ms: Moment,
    confirmed: Type.Array(Type.String()),
    unconfirmed_because: Type.Union([Type.String(), Type.Null()]),
  },
  { additionalProperties: false },
)
export type FaultRecord = Static<typeof FaultRecordSchema>

/** Where a fault is injected. */
export interface Site {
  run: Run
  clock: Clock
  /** Where the database was handed over. */
  witness: Witness | undefined
}

export interface Fault {
  readonly id: string
  /** For people, as the end of ‘while …’: `the primary of the database steps down`. */
  readonly title: string
  readonly needs: readonly Capability[]
  /** Done and seen to be done, or in vain, when it resolves. Disposing of it heals. */
  inject(site: Site): Promise<Injected>
}

export interface Injected extends AsyncDisposable {
  /** As it stands. */
  readonly record: Readonly<FaultRecord>
  /** Whether the harm ended by itself within the bound. Always false for a fault that only healing ends. */
  overByItself(within_ms: number): Promise<boolean>
  /** Undoes it and waits until that is seen. A second call does nothing. */
  heal(): Promise<void>
}

/** What was seen, in words; undefined: not yet. */
export type Seen = readonly string[] | undefined

export interface Deed {
  strike(): Promise<void>
  observe(): Promise<Seen> | Seen
  /** Whether the harm is over although nothing was undone; absent: only healing ends it. */
  over?(): Promise<Seen> | Seen
  undo(): Promise<void>
  /** Whether all is as it was before. */
  confirm(): Promise<Seen> | Seen
  observeWithin_ms?: number
  confirmWithin_ms?: number
}

/** A signal is delivered and a proxy switched within milliseconds; a busy machine takes its time. */
const OBSERVE_WITHIN_MS = 10_000
/** A member of the replica set that was killed recovers its journal and catches up. */
const CONFIRM_WITHIN_MS = 60_000
const LOOK_EVERY_MS = 10

export async function inject(
  { run, clock }: Pick<Site, 'run' | 'clock'>,
  { id, title }: Pick<Fault, 'id' | 'title'>,
  deed: Deed,
): Promise<Injected> {
  const record: FaultRecord = {
    fault: id,
    title,
    requested_at_ms: clock.now(),
    observed_at_ms: null,
    observed: [],
    unobserved_because: null,
    over_at_ms: null,
    healed_at_ms: null,
    confirmed_at_ms: null,
    confirmed: [],
    unconfirmed_because: null,
  }
  const observeWithin_ms = deed.observeWithin_ms ?? OBSERVE_WITHIN_MS
  const confirmWithin_ms = deed.confirmWithin_ms ?? CONFIRM_WITHIN_MS
  // What goes wrong while it is done may still have done it: only what is seen counts.
  const trouble = await deed.strike().catch((cause: unknown) => String(cause instanceof Error ? cause.message : cause))
  const seen = await lookFor(deed.observe, observeWithin_ms, run.signal)
  if (seen.what !== undefined) Object.assign(record, { observed_at_ms: clock.now(), observed: [...seen.what] })
  else {
    record.unobserved_because = [
      `it was not seen within ${observeWithin_ms / 1_000} s`,
      ...(trouble === undefined ? [] : [trouble]),
      ...(seen.trouble === undefined ? [] : [seen.trouble]),
    ].join('; ')
  }

  let healing: Promise<void> | undefined
  async function heal(): Promise<void> {
    record.healed_at_ms = clock.now()
    // Healing goes on when the run is interrupted: what is left broken would break what comes after.
    const trouble = await deed.undo().catch((cause: unknown) => String(cause instanceof Error ? cause.message : cause))
    const seen = await lookFor(deed.confirm, confirmWithin_ms, run.signal)
    if (seen.what !== undefined) Object.assign(record, { confirmed_at_ms: clock.now(), confirmed: [...seen.what] })
    else {
      record.unconfirmed_because = [
        `its end was not seen within ${confirmWithin_ms / 1_000} s`,
        ...(trouble === undefined ? [] : [trouble]),
        ...(seen.trouble === undefined ? [] : [seen.trouble]),
      ].join('; ')
    }
  }
  return {
    record,
    async overByItself(within_ms) {
      if (deed.over === undefined) return false
      const { what } = await lookFor(deed.over, within_ms, run.signal)
      if (what === undefined) return false
      record.over_at_ms = clock.now()
      record.observed.push(...what)
      return true
    },
    heal() {
      healing ??= heal()
      return healing
    },
    async [Symbol.asyncDispose]() {
      healing ??= heal()
      await healing
    },
  }
}

/** A look that throws is a look in vain; the last one's reason is kept. An abort ends it like the bound. */
async function lookFor(
  look: () => Promise<Seen> | Seen,
  within_ms: number,
  signal: AbortSignal,
): Promise<{ what: Seen; trouble?: string }> {
  const deadline = performance.now() + within_ms
  for (;;) {
    let trouble: string | undefined
    try {
      const what = await look()
      if (what !== undefined) return { what }
    } catch (cause) {
      trouble = cause instanceof Error ? cause.message : String(cause)
    }
    if (signal.aborted || performance.now() > deadline) {
      return { what: undefined, ...(trouble === undefined ? {} : { trouble }) }
    }
    await delay(LOOK_EVERY_MS)
  }
}

/** When its harm began and when it was over: between them the part was really broken. Null: it is not known that it ever was. */
export function harmOf(record: FaultRecord): { from_ms: number; to_ms: number } | null {
  const to_ms = record.over_at_ms ?? record.healed_at_ms
  return record.observed_at_ms === null || to_ms === null ? null : { from_ms: record.observed_at_ms, to_ms }
}
