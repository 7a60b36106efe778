// The database: what waited in it, which query was slow, and how often it was asked. Pure.

import { type Bottleneck, measuredSeconds, requestsOf } from './bottlenecks.ts'
import { isMissing, type SeenQuery, type ServerSideLoad, type SlowQuery, type WatchedMember } from './evidence.ts'

/** So many operations waited at a look: one or two may be chance. */
const QUEUED_MIN = 5
/** Of the measured time: below it a wait is no limit yet. */
const SHARE_MIN = 0.1
/** Writes that met others, for each operation. */
const CONFLICTS_MIN = 0.05
/** One acknowledgement by the majority on one machine takes milliseconds. */
const ACKNOWLEDGED_MS_MAX = 50
const WAITS_MIN = 10
/** A list of twenty that asks once for each row, and for the list. */
const ASKED_EACH_MIN = 20
/** Documents examined for each that was returned: an index that fits has about one. */
const EXAMINED_EACH_MIN = 10
const EXAMINED_MIN = 10_000
/** Under way at a look, on the average: half of the time one was. */
const UNDER_WAY_MIN = 0.5
/** The same of one that reads a whole collection. */
const SCAN_UNDER_WAY_MIN = 0.1
const NAMED_MAX = 3

export function databaseWaits(load: ServerSideLoad): Bottleneck[] {
  const { database } = load
  if (isMissing(database)) return []
  return [
    ...database.members.flatMap((member) => memberWaits(member, load)),
    ...slowQueries(database.slow, load),
    ...underWay(database.under_way),
    ...askedOften(load),
    ...examined(database.members, load),
  ]
}

function memberWaits(member: WatchedMember, load: ServerSideLoad): Bottleneck[] {
  const { host, role, operations, queued_max, tickets_free_min, lock_waited_ms, write_conflicts, write_concern } =
    member
  const window_ms = measuredSeconds(load) * 1_000
  const found: Bottleneck[] = []
  const name = (what: string, figure: string) => found.push({ where: `MongoDB ${role} ${host}: ${what}`, figure })
  if (queued_max !== null && queued_max >= QUEUED_MIN) {
    const room =
      tickets_free_min === 0
        ? 'no room was left for another'
        : `${tickets_free_min ?? 'an unknown number of'} places were free`
    name('operations queue', `up to ${queued_max} waited for a lock or a place; ${room}`)
  }
  if (lock_waited_ms !== null && lock_waited_ms >= SHARE_MIN * window_ms) {
    name('locks', `operations waited ${seconds(lock_waited_ms)} for locks in ${seconds(window_ms)}`)
  }
  if (write_conflicts !== null && write_conflicts >= Math.max(WAITS_MIN, CONFLICTS_MIN * operations)) {
    name(
      'write conflicts',
      `${write_conflicts} writes met another one and were tried again, of ${operations} operations`,
    )
  }
  if (write_concern !== null && write_concern.waits >= Math.max(WAITS_MIN, SHARE_MIN * requestsOf(load))) {
    const each_ms = write_concern.ms / write_concern.waits
    if (each_ms >= ACKNOWLEDGED_MS_MAX) {
      name('acknowledgement by other members', `${each_ms.toFixed(0)} ms for each of ${write_concern.waits} writes`)
    }
  }
  if (member.flow_control_ms !== null && member.flow_control_ms >= SHARE_MIN * window_ms) {
    name('flow control', `writes were held back for ${seconds(member.flow_control_ms)}: secondaries lag behind`)
  }
  return found
}

function slowQueries(
  slow: { from_ms: number; queries: readonly SlowQuery[] } | null,
  load: ServerSideLoad,
): Bottleneck[] {
  const window_ms = measuredSeconds(load) * 1_000
  return (slow?.queries ?? [])
    .filter(({ total_ms, plan }) => total_ms >= SHARE_MIN * window_ms || isScan(plan))
    .slice(0, NAMED_MAX)
    .map((query) => ({
      where: `slow query: ${nameOf(query)}`,
      figure: `${query.count} took longer than ${slow!.from_ms} ms, the slowest ${query.max_ms} ms; ${planWords(query)}; ${query.documents_examined} documents examined for ${query.returned} returned${query.sorted_in_memory ? '; sorted in memory' : ''}`,
    }))
}

function underWay(watched: { looks: number; queries: readonly SeenQuery[] } | null): Bottleneck[] {
  if (watched === null || watched.looks === 0) return []
  return watched.queries
    .filter(
      ({ seen, plan }) => seen >= 2 && seen / watched.looks >= (isScan(plan) ? SCAN_UNDER_WAY_MIN : UNDER_WAY_MIN),
    )
    .slice(0, NAMED_MAX)
    .map((query) => ({
      where: `busy query: ${nameOf(query)}`,
      figure: `seen under way ${query.seen} times in ${watched.looks} looks; ${planWords(query)}${query.waiting_for_lock > 0 ? `; ${query.waiting_for_lock} times it waited for a lock` : ''}`,
    }))
}

/** The N+1 of a list: each query is fast, and there are too many of them. */
function askedOften(load: ServerSideLoad): Bottleneck[] {
  const { database, jobs } = load
  if (isMissing(database) || database.collections === null) return []
  // What jobs ask for is asked for by no request.
  const made = isMissing(jobs) ? 0 : jobs.reduce((sum, { made }) => sum + made, 0)
  const asking = requestsOf(load) + made
  const operations = database.collections.reduce((sum, use) => sum + use.operations, 0)
  if (asking === 0 || operations / asking < ASKED_EACH_MIN) return []
  const most = database.collections.toSorted((a, b) => b.operations - a.operations).slice(0, NAMED_MAX)
  return [
    {
      where: 'database: how often it is asked',
      figure: `${(operations / asking).toFixed(0)} operations for each ${made > 0 ? 'request or job' : 'request'}; most of ${most.map(({ collection, operations }) => `${collection} (${(operations / asking).toFixed(1)})`).join(', ')}`,
    },
  ]
}

function examined(members: readonly WatchedMember[], load: ServerSideLoad): Bottleneck[] {
  const sum = (of: (member: WatchedMember) => number | null) =>
    members.reduce((all, member) => all + (of(member) ?? 0), 0)
  const read = sum((member) => member.documents_examined)
  const returned = sum((member) => member.documents_returned)
  const scans = sum((member) => member.collection_scans)
  const each = read / Math.max(returned, 1)
  if (read < EXAMINED_MIN || each < EXAMINED_EACH_MIN) return []
  const scanning = scans >= SHARE_MIN * requestsOf(load) ? `; ${scans} queries read a whole collection` : ''
  return [
    {
      where: 'database: documents read in vain',
      figure: `${each.toFixed(0)} documents were examined for each that was returned (${read} for ${returned})${scanning}`,
    },
  ]
}

function nameOf({ collection, command, shape }: Pick<SlowQuery, 'collection' | 'command' | 'shape'>): string {
  return `${command} ${collection} ${shape}`.trim()
}

function planWords({ plan }: Pick<SlowQuery, 'plan'>): string {
  return plan === null ? 'no plan told' : isScan(plan) ? `reads the whole collection (${plan})` : `plan ${plan}`
}

function isScan(plan: string | null): boolean {
  return plan !== null && /\bCOLLSCAN\b/.test(plan)
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}
