// The whole load: the open mix, the stories beside it, and the health that is asked all the time. Begun and ended by whoever
// injects a fault into it.

import { readFileSync } from 'node:fs'
import { type Static, Type } from 'typebox'
import { HarnessError } from '../../../harness/errors.ts'
import type { Run } from '../../../harness/run.ts'
import { Conman } from '../../../harness/target/conman.ts'
import { HttpClient } from '../../../harness/target/http.ts'
import type { Clock } from '../clock.ts'
import type { Fixture } from './fixture.ts'
import { pollHealth } from './health-polls.ts'
import type { Recorder } from './history.ts'
import { lodge } from './lodging.ts'
import { Mix, type Rates } from './mix.ts'
import { release, type Stage } from './releasing.ts'
import { type StoryFacts, StorySchema, tell } from './story.ts'

export const LoadFactsSchema = Type.Object(
  {
    /** Operations a second of each class of the mix. */
    rates: Type.Record(Type.String(), Type.Number()),
    users: Type.Integer(),
    /** By how much an operation of the mix began too late at worst: the harness's own delay. */
    lag_ms_max: Type.Number(),
    /** Not begun, because too many had no answer yet, or because the target asked for fewer. */
    held_back: Type.Record(Type.String(), Type.Integer()),
    /** Answers of 429. */
    throttled: Type.Integer(),
    stories: Type.Array(StorySchema),
  },
  { additionalProperties: false },
)
export type LoadFacts = Static<typeof LoadFactsSchema>

export interface Load {
  /** A client that asks once and never again. */
  readonly conman: Conman
  /** Nothing new begins; what has begun comes to its end, or is given up after the bound. */
  stop(within_ms: number): Promise<LoadFacts>
}

/** Every operation that may be open at the same time, and the health's. */
const CONNECTIONS = 1_200

/** Numbers of processes, a range for each part of the load. */
const FIRST = { stories: 1, mix: 1_000, health: 100_000 }

export function startLoad(
  run: Run,
  parts: { fixture: Fixture; clock: Clock; recorder: Recorder; rates: Rates; label: string },
): Load & AsyncDisposable {
  const { fixture, clock, recorder, rates, label } = parts
  const { target, signal } = run
  const ca = target.caFile === undefined ? undefined : readFileSync(target.caFile, 'utf8')
  const http = new HttpClient(target.baseUrl, { connections: CONNECTIONS, ca })
  const conman = new Conman(http, undefined, signal)
  // What is made on a target that is not ours is written down, whoever makes it.
  if (target.conman.onMade !== undefined) conman.onMade = target.conman.onMade

  const stop = new AbortController()
  const stopStories = new AbortController()
  const stopHealth = new AbortController()
  const until = (ends: AbortController) => AbortSignal.any([ends.signal, signal])
  const faults: unknown[] = []
  // Whatever ends with the run is its end; anything else that is thrown is ours, and the load is not what it says.
  const broke = (cause: unknown) => {
    if (!signal.aborted) faults.push(cause)
  }
  const mix = new Mix({ conman, recorder, fixture, label, firstProcess: FIRST.mix, broke })
  const stories: StoryFacts[] = []
  const teller = { conman, recorder, clock, stop: until(stop), cut: until(stopStories), broke }
  const told = [
    ...fixture.releaseApps.map((app, index) => {
      const stage: Stage = { previous: undefined, current: undefined }
      const process = FIRST.stories + index
      return tell({ ...teller, process }, `release-${index + 1}`, stories, (step, number) =>
        release(step, app, stage, `${label}-r${index + 1}`, number),
      )
    }),
    ...fixture.tenants.map((tenant, index) => {
      const process = FIRST.stories + fixture.releaseApps.length + index
      return tell({ ...teller, process }, `temp-env-${index + 1}`, stories, (step) =>
        lodge(step, fixture.app.id, tenant),
      )
    }),
  ]
  const mixed = mix.run(rates, until(stop))
  const polled = pollHealth({ conman, recorder, firstProcess: FIRST.health, broke }, until(stopHealth))

  return {
    conman,
    async stop(within_ms) {
      stop.abort()
      const cut = setTimeout(() => stopStories.abort(), within_ms)
      await Promise.allSettled([mixed, mix.drained(), ...told])
      clearTimeout(cut)
      stopHealth.abort()
      await polled
      if (faults.length > 0) throw ownFault(faults[0])
      return {
        rates: { ...rates },
        users: fixture.writers.length,
        ...mix.facts,
        stories: stories.toSorted((a, b) => a.began_ms - b.began_ms),
      }
    },
    async [Symbol.asyncDispose]() {
      for (const ends of [stop, stopStories, stopHealth]) ends.abort()
      await http[Symbol.asyncDispose]()
      await Promise.allSettled([mixed, mix.drained(), polled, ...told])
    },
  }
}

/** No verdict is derived from a load that broke. */
function ownFault(cause: unknown): HarnessError {
  if (cause instanceof HarnessError) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  return new HarnessError(`the load broke off: ${message}`, 'this is a fault of the harness: report it', { cause })
}
