// The open part of the load: operations of each class begin at their times, however slow the target is. Whoever waits for an
// answer is left waiting, and the next operation is somebody else's.

import { setTimeout as delay } from 'node:timers/promises'
import type { Conman } from '../../../harness/target/conman.ts'
import { rounded } from '../clock.ts'
import type { Fixture, Writer } from './fixture.ts'
import type { OperationClass, Recorder } from './history.ts'
import { comment, listings, type Plain, readings, writeFile } from './operations.ts'
import { type Act, perform } from './performing.ts'

export type MixClass = Extract<OperationClass, 'git-read' | 'git-write' | 'plain-read' | 'plain-write' | 'jobs'>

/** Operations a second. */
export type Rates = Readonly<Record<MixClass, number>>

export interface MixFacts {
  /** By how much an operation began too late at worst: the harness's own delay. */
  lag_ms_max: number
  /** Not begun, because too many were still without an answer. */
  held_back: Record<string, number>
  /** Answers of 429: each user rests then for as long as the target asks. */
  throttled: number
}

/** Open requests at the same time: a minute of a target that answers nothing. Beyond it the load would be the fault. */
const OPEN_MAX = 600
const TICK_MS = 5
const REST_MS_MAX = 65_000

interface Stream {
  class: MixClass
  every_ms: number
  next_ms: number
  begun: number
}

export class Mix {
  readonly facts: MixFacts = { lag_ms_max: 0, held_back: {}, throttled: 0 }
  readonly #conman: Conman
  readonly #recorder: Recorder
  readonly #fixture: Fixture
  readonly #label: string
  readonly #broke: (cause: unknown) => void
  readonly #open = new Set<Promise<void>>()
  /** Processes that wait for nothing, the longest idle one first. Each is one user's, for good. */
  readonly #idle: { number: number; user: Writer; from_ms: number }[]
  #processes: number
  #number = 0

  /** `broke` is told what no target can have done. */
  constructor(parts: {
    conman: Conman
    recorder: Recorder
    fixture: Fixture
    label: string
    firstProcess: number
    broke(cause: unknown): void
  }) {
    this.#broke = parts.broke
    this.#conman = parts.conman
    this.#recorder = parts.recorder
    this.#fixture = parts.fixture
    this.#label = parts.label
    this.#processes = parts.firstProcess
    this.#idle = parts.fixture.writers.map((user) => ({ number: this.#processes++, user, from_ms: 0 }))
  }

  /** Until the signal; what is open then goes on to its end. */
  async run(rates: Rates, stop: AbortSignal): Promise<void> {
    const began = performance.now()
    const streams = Object.entries(rates)
      .filter(([, rate]) => rate > 0)
      .map(([name, rate], index, all): Stream => {
        const every_ms = 1_000 / rate
        // Not all at once: each begins at a moment of its own.
        return { class: name as MixClass, every_ms, next_ms: (every_ms * index) / all.length, begun: 0 }
      })
    while (!stop.aborted) {
      const now = performance.now() - began
      for (const stream of streams) {
        while (stream.next_ms <= now) {
          this.facts.lag_ms_max = Math.max(this.facts.lag_ms_max, rounded(now - stream.next_ms))
          stream.next_ms += stream.every_ms
          this.#begin(stream)
        }
      }
      await delay(TICK_MS)
    }
  }

  /** Until all that is open has ended. */
  async drained(): Promise<void> {
    await Promise.allSettled(this.#open)
  }

  #begin(stream: Stream): void {
    const process = this.#open.size >= OPEN_MAX ? undefined : this.#takeProcess()
    if (process === undefined) {
      this.facts.held_back[stream.class] = (this.facts.held_back[stream.class] ?? 0) + 1
      return
    }
    const act = this.#next(stream, process.user)
    const work = perform(this.#conman, this.#recorder, { ...act, process: process.number })
      .then(({ status, answer }) => {
        if (status === 429) {
          this.facts.throttled += 1
          process.from_ms = performance.now() + restOf(answer.headers['retry-after'])
        }
      })
      .catch(this.#broke)
      .finally(() => {
        this.#open.delete(work)
        this.#idle.push(process)
      })
    this.#open.add(work)
  }

  #takeProcess(): { number: number; user: Writer; from_ms: number } | undefined {
    const now = performance.now()
    const index = this.#idle.findIndex(({ from_ms }) => from_ms <= now)
    if (index >= 0) return this.#idle.splice(index, 1)[0]
    // All who are idle rest because the target limits its rate: it is obeyed.
    if (this.#idle.length > 0) return undefined
    const { writers } = this.#fixture
    const number = this.#processes++
    return { number, user: writers[number % writers.length]!, from_ms: 0 }
  }

  #next(stream: Stream, user: Writer): Omit<Act<unknown>, 'process'> {
    const turn = stream.begun++
    const { app, releaseApps, adminToken } = this.#fixture
    const plain: Plain = { appId: app.id, user, turn }
    switch (stream.class) {
      case 'git-read':
        return readings(plain)
      case 'git-write':
        return writeFile(plain, this.#key())
      case 'plain-read':
        return listings(plain)
      case 'plain-write':
        return comment(plain, this.#key())
      case 'jobs': {
        // Every other one of an app whose jobs are many.
        const released = releaseApps[turn % (2 * releaseApps.length)]
        return listings({ ...plain, appId: released?.app.id ?? app.id }, released?.manager.token ?? adminToken)
      }
    }
  }

  #key(): string {
    this.#number += 1
    return `${this.#label}-${String(this.#number).padStart(5, '0')}`
  }
}

function restOf(retryAfter: string | undefined): number {
  const seconds = Number(retryAfter)
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1_000, REST_MS_MAX) : 1_000
}
