// What is named, and what is not: each kind of bottleneck on evidence that shows it, and nothing where nothing was at its limit.

import { describe, expect, test } from 'vitest'
import { demandSchema } from '../evidence/store.ts'
import { bottlenecksOf, notLookedAt } from './bottlenecks.ts'
import { quietLoad, type WholeLoad } from './evidence.fixture.ts'
import { type ServerSideLoad, ServerSideLoadSchema } from './evidence.ts'

function named(change: (load: WholeLoad) => void): string[] {
  const load = quietLoad()
  change(load)
  demandSchema(ServerSideLoadSchema, load, 'the test’s evidence')
  return bottlenecksOf(load).map(({ where, figure }) => `${where}: ${figure}`)
}

const COLLSCAN = {
  collection: 'changesets',
  command: 'find',
  shape: '{app_id: ?, state: ?} sort {updated_at:-1}',
  plan: 'COLLSCAN',
}

/** One in fifty takes 600 ms there. */
function slowInside({ client, metrics }: WholeLoad): void {
  Object.assign(client[0]!, { mean_ms: 28, p99_ms: 640, max_ms: 660 })
  for (const bucket of metrics.durations[0]!.buckets) {
    if (bucket.le_ms === 50 || bucket.le_ms === 500) bucket.count = 539
  }
}

test('a load that met nothing: nothing is named', () => {
  expect(named(() => {})).toEqual([])
})

describe('each is named alone, with the figure that says so', () => {
  test.each<[string, (load: WholeLoad) => void, RegExp]>([
    [
      'a thread that always ran',
      ({ processes }) => Object.assign(processes[0]!, { cores: 1.1, busiest_thread_cores: 0.97 }),
      /^processor: conman-api: its busiest thread ran 97 % of the time$/,
    ],
    [
      'a thread that others kept from running',
      ({ processes }) => Object.assign(processes[0]!, { busiest_thread_cores: 0.3, busiest_thread_waited: 0.66 }),
      /^processor: conman-api: its busiest thread ran 30 % of the time; it was ready without a processor for another 66 %/,
    ],
    [
      'a thread that had little to do, and waited for a processor all the same',
      ({ processes }) => Object.assign(processes[0]!, { busiest_thread_cores: 0.2, busiest_thread_waited: 0.3 }),
      /^processor: conman-api: its busiest thread ran 20 % of the time; it was ready without a processor for another 30 %/,
    ],
    [
      'of several threads that waited, the one that waited most',
      ({ processes }) => {
        Object.assign(processes[0]!, { busiest_thread_cores: 0.1, busiest_thread_waited: 0.3 })
        Object.assign(processes[1]!, { busiest_thread_cores: 0.1, busiest_thread_waited: 0.4 })
      },
      /^processor: conman-worker: .* another 40 %/,
    ],
    [
      'a database that had all cores',
      ({ processes }) => (processes[2]!.cores = 3.8),
      /^processor: mongod-1: it had 3\.80 of 4 cores$/,
    ],
    [
      'a machine without room',
      ({ machine }) => (machine.busy_share = 0.99),
      /^processors of this machine: 3\.96 of 4 cores were busy: 0\.52 by the target’s processes, 3\.44 by k6/,
    ],
    [
      'a disk that something waited for',
      ({ machine }) => (machine.io_stalled_share = 0.4),
      /^disk: something waited for it for 40 % of the time/,
    ],
    [
      'a journal that is slow to write',
      ({ database }) => (database.members[0]!.journal_syncs = { syncs: 50, ms: 2_000 }),
      /^disk: journal of the primary 127\.0\.0\.1:20001: 40 ms for each of 50 syncs$/,
    ],
    ['k6 itself', ({ generator }) => (generator.cpu_share = 0.7), /^load generator: k6 had 70 % of all cores$/],
    [
      'iterations that were never started',
      ({ generator }) => (generator.dropped_iterations = 12),
      /^load generator: 12 iterations were never started/,
    ],
    [
      'a machine that kept k6 waiting',
      ({ generator }) => (generator.pulse_lag_ms_max = 340),
      /^machine of the load generator: .* up to 340 ms$/,
    ],
    [
      'operations that queue',
      ({ database }) => Object.assign(database.members[0]!, { queued_max: 31, tickets_free_min: 0 }),
      /^MongoDB primary 127\.0\.0\.1:20001: operations queue: up to 31 waited .*; no room was left/,
    ],
    [
      'locks',
      ({ database }) => (database.members[0]!.lock_waited_ms = 4_000),
      /: locks: operations waited 4\.0 s for locks in 10\.0 s$/,
    ],
    [
      'writes that meet each other',
      ({ database }) => (database.members[0]!.write_conflicts = 340),
      /: write conflicts: 340 writes met another one/,
    ],
    [
      'writes that other members are slow to acknowledge',
      ({ database }) => (database.members[0]!.write_concern = { waits: 250, ms: 25_000 }),
      /: acknowledgement by other members: 100 ms for each of 250 writes$/,
    ],
    [
      'flow control',
      ({ database }) => (database.members[0]!.flow_control_ms = 3_000),
      /: flow control: writes were held back for 3\.0 s/,
    ],
    [
      'a slow query',
      ({ database }) =>
        database.slow.queries.push({
          ...COLLSCAN,
          count: 31,
          max_ms: 412,
          total_ms: 6_200,
          documents_examined: 500_000,
          keys_examined: 0,
          returned: 620,
          sorted_in_memory: true,
        }),
      /^slow query: find changesets \{app_id: \?, state: \?\} sort \{updated_at:-1\}: 31 took longer than 100 ms, the slowest 412 ms; reads the whole collection \(COLLSCAN\); 500000 documents examined for 620 returned; sorted in memory$/,
    ],
    [
      'a query that reads everything and is often under way',
      ({ database }) => database.under_way.queries.push({ ...COLLSCAN, seen: 4, waiting_for_lock: 1 }),
      /^busy query: find changesets .*: seen under way 4 times in 20 looks; reads the whole collection .*; 1 times it waited for a lock$/,
    ],
    [
      'a query that is nearly always under way',
      ({ database }) =>
        database.under_way.queries.push({
          ...COLLSCAN,
          plan: 'IXSCAN { app_id: 1 }',
          seen: 18,
          waiting_for_lock: 0,
        }),
      /^busy query: .* 18 times in 20 looks; plan IXSCAN/,
    ],
    [
      'a list that asks once for each of its rows',
      ({ database }) => database.collections.push({ collection: 'users', operations: 11_000, ms: 900 }),
      /^database: how often it is asked: 22 operations for each request; most of users \(20\.0\), changesets \(2\.0\)$/,
    ],
    [
      'documents that are read in vain',
      ({ database }) => Object.assign(database.members[1]!, { documents_examined: 800_000, collection_scans: 540 }),
      /^database: documents read in vain: 41 documents were examined .* \(810000 for 20000\); 540 queries read a whole collection$/,
    ],
    [
      'the database’s time',
      ({ database }) => (database.collections[0]!.ms = 6_000),
      /^database: its time: operations took 6\.0 s, requests and jobs 8\.3 s in all$/,
    ],
    [
      'the git backend',
      ({ metrics }) => metrics.git_calls.push({ method: 'GetBlobs', count: 550, failed: 0, sum_ms: 6_600 }),
      /^git backend: calls to it took 6\.6 s, requests and jobs 8\.3 s in all; most: GetBlobs \(550 of 12 ms\)$/,
    ],
    [
      'the way to the server',
      ({ client }) => Object.assign(client[0]!, { mean_ms: 80, p50_ms: 78, p99_ms: 200 }),
      /^before the server: of 80 ms that a request took \(mean of 550\), 65 ms were outside/,
    ],
    [
      'the server’s own waiting',
      slowInside,
      /^inside the server: GET \/api\/apps\/\*\/changesets: the slowest hundredth of its 550 requests took longer than 500 ms there, while no operation of the database took 100 ms, git and database together took 4 % of the time/,
    ],
    [
      'jobs that wait for a worker',
      (load) => {
        load.jobs.push({
          type: 'release_assemble',
          made: 40,
          by_state: { succeeded: 40 },
          waited: { n: 40, sum_ms: 480_000, p50_ms: 12_000, max_ms: 24_000 },
          ran: { n: 40, sum_ms: 16_000, p50_ms: 400, max_ms: 800 },
          whole: { n: 40, sum_ms: 496_000, p50_ms: 12_400, max_ms: 24_800 },
        })
        load.metrics.queue_depth.push({ at_s: 5, jobs: 33 })
      },
      /^job queue: release_assemble: half of 40 jobs waited longer than 12\.0 s .* ran 0\.4 s \(median\); up to 33 waited at once$/,
    ],
  ])('%s', (_, change, wanted) => {
    expect(named(change)).toEqual([expect.stringMatching(wanted)])
  })
})

describe('what may have another cause is not laid at the server’s door', () => {
  const ofTheServer = (change: (load: WholeLoad) => void) =>
    named((load) => {
      slowInside(load)
      change(load)
    }).filter((name) => name.startsWith('inside the server'))

  test.each<[string, (load: WholeLoad) => void]>([
    ['a thread was short of a processor', ({ processes }) => (processes[0]!.busiest_thread_waited = 0.5)],
    ['git took the time', ({ metrics }) => metrics.git_calls.push({ method: 'A', count: 9, failed: 0, sum_ms: 5_000 })],
    ['the machine kept processes waiting as long', ({ generator }) => (generator.pulse_lag_ms_max = 400)],
    ['others asked for the same', ({ metrics }) => (metrics.durations[0]!.count = 900)],
  ])('%s', (_, change) => {
    expect(ofTheServer(() => {})).toHaveLength(1)
    expect(ofTheServer(change)).toEqual([])
  })

  test('what jobs do in git took none of the requests’ time', () => {
    const ran = { n: 50, sum_ms: 12_000, p50_ms: 240, max_ms: 500 }
    const merging = named((load) => {
      load.metrics.git_calls.push({ method: 'UserMergeToRef', count: 200, failed: 0, sum_ms: 9_000 })
      load.jobs.push({ type: 'release_assemble', made: 50, by_state: {}, waited: null, ran, whole: null })
    })
    expect(merging).toEqual([])
  })

  test('what jobs ask for is asked for by no request', () => {
    const asked = named((load) => {
      load.database.collections.push({ collection: 'jobs', operations: 11_000, ms: 900 })
      load.jobs.push({ type: 'msuite_submit', made: 550, by_state: {}, waited: null, ran: null, whole: null })
    })
    expect(asked).toEqual([])
  })
})

test('of a target elsewhere this machine is only the load generator’s', () => {
  const elsewhere = (change: (load: WholeLoad) => void) =>
    named((load) => {
      load.one_server = false
      change(load)
    })
  expect(elsewhere(({ machine }) => (machine.io_stalled_share = 0.4))).toEqual([])
  expect(elsewhere(({ machine }) => (machine.busy_share = 0.99))).toEqual([
    expect.stringMatching(/^processors of the load generator’s machine: /),
  ])
})

test('a database of which only the counters may be read: its queries were not looked at', () => {
  const { database, ...rest } = quietLoad()
  const counted = { ...database, collections: null, slow: null, under_way: null }
  expect(notLookedAt({ ...rest, database: counted })).toEqual([expect.stringMatching(/^single queries/)])
})

test('what could not be looked at is said, with its reason', () => {
  const load: ServerSideLoad = {
    ...quietLoad(),
    machine: { because: 'no /proc' },
    processes: { because: 'elsewhere' },
    metrics: { because: 'HTTP 404' },
    database: { because: 'not handed over' },
    jobs: { because: 'no database' },
  }
  expect(bottlenecksOf(load)).toEqual([])
  expect(notLookedAt(load)).toEqual([
    'the machine (no /proc)',
    'processes (elsewhere)',
    'its metrics (HTTP 404)',
    'the database (not handed over)',
    'jobs (no database)',
  ])
})
