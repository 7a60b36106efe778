// What a load met first: pure. Each bottleneck is named with the figure that says so, and none is guessed: where nothing was
// at its limit, nothing is named. They explain a verdict and decide none.

import { busyParts } from './busy.ts'
import { databaseWaits } from './database-waits.ts'
import { isMissing, type ServerSideLoad } from './evidence.ts'
import { requestWaits } from './request-waits.ts'

export interface Bottleneck {
  where: string
  /** The figure that says so. */
  figure: string
}

export function bottlenecksOf(load: ServerSideLoad): Bottleneck[] {
  const busy = busyParts(load)
  const database = databaseWaits(load)
  return [...busy, ...database, ...requestWaits(load)]
}

/** What could not be looked at, with its reason: ‘none found’ says nothing of it. */
export function notLookedAt({ machine, processes, metrics, database, jobs }: ServerSideLoad): string[] {
  const parts = { 'the machine': machine, processes, 'its metrics': metrics, 'the database': database, jobs }
  const missing = Object.entries(parts).flatMap(([name, part]) =>
    isMissing(part) ? [`${name} (${part.because})`] : [],
  )
  return isMissing(database) || database.slow !== null
    ? missing
    : [...missing, 'single queries, and the other members of the database (these are seen on a stack of our own)']
}

/** Seconds of the load that counts. */
export function measuredSeconds({ measured }: Pick<ServerSideLoad, 'measured'>): number {
  return Math.max(measured.to_ms - measured.from_ms, 1) / 1_000
}

/** As k6 recorded them, warm-up and all; of a load that the harness makes itself, as it counted them. */
export function requestsOf({ client, measured }: Pick<ServerSideLoad, 'client' | 'measured'>): number {
  const recorded = client.flatMap(({ by_status }) => Object.values(by_status)).reduce((sum, n) => sum + n, 0)
  return Math.max(recorded, measured.requests)
}
