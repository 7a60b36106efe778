// A member's counters (`serverStatus`) between two moments, and the worst that was seen meanwhile. What this version of
// MongoDB does not tell is null.

import type { Document } from 'mongodb'
import { recordOf } from '../target/conman.ts'
import { rounded } from './client.ts'
import type { WatchedMember } from './evidence.ts'

const OPERATIONS = ['insert', 'query', 'update', 'delete', 'getmore', 'command']

export class ServerCounters {
  readonly #first: Document
  #last: Document
  #queued_max: number | null = null
  #tickets_free_min: number | null = null
  #connections_max: number | null = null

  constructor(first: Document) {
    this.#first = first
    this.#last = first
    this.add(first)
  }

  add(status: Document): void {
    if (status.uptimeMillis === undefined) return
    this.#last = status
    this.#queued_max = extreme(this.#queued_max, numberAt(status, 'globalLock.currentQueue.total'), Math.max)
    this.#tickets_free_min = extreme(this.#tickets_free_min, ticketsFree(status), Math.min)
    this.#connections_max = extreme(this.#connections_max, numberAt(status, 'connections.current'), Math.max)
  }

  result(host: string, role: string): WatchedMember {
    const gained = (path: string) => difference(numberAt(this.#first, path), numberAt(this.#last, path))
    const waits = gained('metrics.getLastError.wtime.num')
    const syncs = gained('wiredTiger.log.log sync operations')
    const scaled = (value: number | null, factor: number) => (value === null ? null : rounded(value * factor))
    return {
      host,
      role,
      operations: OPERATIONS.reduce((sum, name) => sum + (gained(`opcounters.${name}`) ?? 0), 0),
      documents_examined: gained('metrics.queryExecutor.scannedObjects'),
      documents_returned: gained('metrics.document.returned'),
      collection_scans: gained('metrics.queryExecutor.collectionScans.nonTailable'),
      sorts_in_memory: gained('metrics.operation.scanAndOrder'),
      write_conflicts: gained('metrics.operation.writeConflicts'),
      lock_waited_ms: scaled(difference(lockWaits(this.#first), lockWaits(this.#last)), 1 / 1_000),
      queued_max: this.#queued_max,
      tickets_free_min: this.#tickets_free_min,
      connections_max: this.#connections_max,
      write_concern: waits === null ? null : { waits, ms: gained('metrics.getLastError.wtime.totalMillis') ?? 0 },
      journal_syncs:
        syncs === null
          ? null
          : { syncs, ms: scaled(gained('wiredTiger.log.log sync time duration (usecs)'), 1 / 1_000) ?? 0 },
      flow_control_ms: scaled(gained('flowControl.timeAcquiringMicros'), 1 / 1_000),
    }
  }
}

/** A path of keys with dots between them. */
function numberAt(status: Document, path: string): number | null {
  let at: unknown = status
  for (const key of path.split('.')) at = recordOf(at)?.[key]
  if (at === undefined || at === null) return null
  const value = Number(at)
  return Number.isFinite(value) ? value : null
}

/** A server that was started anew counts from nought. */
function difference(first: number | null, last: number | null): number | null {
  return first === null || last === null ? null : Math.max(0, last - first)
}

/** Of every kind of lock together, in microseconds. */
function lockWaits(status: Document): number | null {
  const locks = recordOf(status.locks)
  if (locks === undefined) return null
  return Object.values(locks)
    .flatMap((lock) => Object.values(recordOf(recordOf(lock)?.timeAcquiringMicros) ?? {}))
    .reduce<number>((sum, us) => sum + Number(us), 0)
}

/** Room for more operations at a time: of reads or of writes, whichever has less. MongoDB 7 moved it. */
function ticketsFree(status: Document): number | null {
  const kinds = ['read', 'write'].flatMap(
    (kind) =>
      numberAt(status, `wiredTiger.concurrentTransactions.${kind}.available`) ??
      numberAt(status, `queues.execution.${kind}.available`) ??
      [],
  )
  return kinds.length === 0 ? null : Math.min(...kinds)
}

function extreme(before: number | null, now: number | null, of: (a: number, b: number) => number): number | null {
  return before === null || now === null ? (now ?? before) : of(before, now)
}
