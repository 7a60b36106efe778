// A flow of several requests by one person after the other, as they would go on: what is not known to have been done is looked
// up, what was refused for the moment is tried again, and what leads nowhere is given up and told.

import { setTimeout as delay } from 'node:timers/promises'
import { type Static, Type } from 'typebox'
import type { Conman } from '../../../harness/target/conman.ts'
import type { Clock } from '../clock.ts'
import type { Recorder } from './history.ts'
import { type Act, type Done, perform } from './performing.ts'

export const StorySchema = Type.Object(
  {
    story: Type.String(),
    number: Type.Integer(),
    began_ms: Type.Number(),
    ended_ms: Type.Number(),
    /** Null: it came to its end. Otherwise where it stood, and why it went no further. */
    abandoned: Type.Union([Type.String(), Type.Null()]),
  },
  { additionalProperties: false },
)
export type StoryFacts = Static<typeof StorySchema>

/** Longer than an outage with the waits of its requests; a story that stands still for as long is given up. */
const STEP_WITHIN_MS = 120_000
const AGAIN_AFTER_MS = 300
const LOOK_EVERY_MS = 150

class Abandoned extends Error {}

export interface Teller {
  conman: Conman
  recorder: Recorder
  clock: Clock
  process: number
  /** When it is aborted no story begins; one that has begun has until `cut`. */
  stop: AbortSignal
  cut: AbortSignal
  /** Told what no target can have done; nothing more is asked then. */
  broke(cause: unknown): void
}

/** Stories of a kind, one after the other, until it is stopped. Never rejects. */
export async function tell(
  teller: Teller,
  story: string,
  into: StoryFacts[],
  one: (step: Steps, number: number) => Promise<void>,
): Promise<void> {
  for (let number = 1; !teller.stop.aborted; number += 1) {
    const began_ms = teller.clock.now()
    const steps = new Steps(teller)
    let abandoned: string | null = null
    try {
      await one(steps, number)
    } catch (cause) {
      if (!(cause instanceof Abandoned)) return teller.broke(cause)
      abandoned = cause.message
    }
    into.push({ story, number, began_ms, ended_ms: teller.clock.now(), abandoned })
    // A target that refuses every story at once is not asked as fast as it refuses.
    await delay(AGAIN_AFTER_MS)
  }
}

export class Steps {
  readonly #teller: Teller

  constructor(teller: Teller) {
    this.#teller = teller
  }

  /** Once, whatever comes of it. */
  async ask<T>(act: Omit<Act<T>, 'process'>): Promise<Done<T>> {
    const { conman, recorder, process, cut } = this.#teller
    if (cut.aborted) throw new Abandoned(`the load ended before ${act.f}`)
    return perform(conman, recorder, { ...act, process })
  }

  /**
   * Until it is done. `find` looks whether it was done although nobody was told so: by an attempt whose answer was lost, which a
   * refusal of the next one may be about.
   */
  async until<T>(act: Omit<Act<T>, 'process'>, find?: () => Promise<T | undefined>): Promise<T> {
    const deadline = performance.now() + STEP_WITHIN_MS
    for (;;) {
      const { type, status, value, answer } = await this.ask(act)
      if (type === 'ok' && value !== undefined) return value
      const mayBeAgain = type === 'info' || status === 0 || status === 409 || status === 429 || status >= 500
      if (!mayBeAgain) throw new Abandoned(`${act.f}: HTTP ${status}`)
      if (performance.now() > deadline)
        throw new Abandoned(`${act.f} was still HTTP ${status} after ${STEP_WITHIN_MS / 1_000} s`)
      const rest_s = Number(answer.headers['retry-after'])
      await delay(status === 429 && rest_s > 0 ? Math.min(rest_s, 65) * 1_000 : AGAIN_AFTER_MS)
      const found = await find?.()
      if (found !== undefined) return found
    }
  }

  /** Reads until it shows what is waited for. `never`: what it will not come back from. */
  async see<T>(
    act: Omit<Act<T>, 'process'>,
    wanted: (value: T) => boolean,
    never: (value: T) => string | undefined = () => undefined,
  ): Promise<T> {
    const deadline = performance.now() + STEP_WITHIN_MS
    for (;;) {
      const { value } = await this.ask(act)
      if (value !== undefined && wanted(value)) return value
      const end = value === undefined ? undefined : never(value)
      if (end !== undefined) throw new Abandoned(`${act.f}: ${end}`)
      if (performance.now() > deadline)
        throw new Abandoned(`${act.f} did not show it within ${STEP_WITHIN_MS / 1_000} s`)
      await delay(LOOK_EVERY_MS)
    }
  }

  abandon(why: string): never {
    throw new Abandoned(why)
  }
}
