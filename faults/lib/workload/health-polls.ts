// Asks for the health all the time, ten times a second, each time without waiting for the answer before.

import { setTimeout as delay } from 'node:timers/promises'
import { health } from '../../../harness/target/conman/platform.ts'
import { type Conman, recordOf } from '../../../harness/target/conman.ts'
import type { HttpAnswer } from '../../../harness/target/http.ts'
import type { Recorder, Sighting } from './history.ts'
import { perform } from './performing.ts'

export const HEALTH_EVERY_MS = 100

/** A health that waits for a driver's half minute leaves three hundred of them open; more tell nothing new. */
const OPEN_MAX = 400
const COMPONENTS_MAX = 20
const WORD_CHARACTERS_MAX = 60

export async function pollHealth(
  parts: { conman: Conman; recorder: Recorder; firstProcess: number; broke(cause: unknown): void },
  stop: AbortSignal,
): Promise<void> {
  const open = new Set<Promise<unknown>>()
  const idle: number[] = []
  let processes = parts.firstProcess
  let next = performance.now()
  while (!stop.aborted) {
    if (open.size < OPEN_MAX) {
      const process = idle.shift() ?? processes++
      const work = perform(parts.conman, parts.recorder, {
        f: 'health',
        class: 'health',
        process,
        token: undefined,
        call: health(),
        shows: componentsIn,
      })
        .catch(parts.broke)
        .finally(() => {
          open.delete(work)
          idle.push(process)
        })
      open.add(work)
    }
    next += HEALTH_EVERY_MS
    await delay(Math.max(0, next - performance.now()))
  }
  await Promise.allSettled(open)
}

/** Both names of the database (C12). */
const NAMES: Readonly<Record<string, string>> = { mongo: 'mongodb' }

/** The overall word as the component `overall`. */
export function componentsIn(answer: HttpAnswer): Sighting[] {
  const body = recordOf(answer.json)
  const components = Array.isArray(body?.components) ? body.components.slice(0, COMPONENTS_MAX) : []
  const word = (value: unknown) => (typeof value === 'string' ? value.slice(0, WORD_CHARACTERS_MAX) : '')
  return [
    { kind: 'component', id: 'overall', state: word(body?.status) },
    ...components.map((component) => {
      const row = recordOf(component)
      const name = word(row?.name)
      return { kind: 'component', id: NAMES[name] ?? name, state: word(row?.status) }
    }),
  ]
}
