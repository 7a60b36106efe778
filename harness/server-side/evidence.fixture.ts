// A load that met nothing, for tests on evidence: each changes the one thing that it is about.

import type { ServerSideLoad, WatchedDatabase, WatchedMember, WatchedMetrics, WatchedProcess } from './evidence.ts'

const FROM_MS = Date.parse('2026-11-22T05:00:05Z')
const LIST = { method: 'GET', route: '/api/apps/*/changesets' }

const MEMBER: WatchedMember = {
  host: '127.0.0.1:20001',
  role: 'primary',
  operations: 1_200,
  documents_examined: 10_000,
  documents_returned: 10_000,
  collection_scans: 0,
  sorts_in_memory: 0,
  write_conflicts: 0,
  lock_waited_ms: 0,
  queued_max: 0,
  tickets_free_min: 128,
  connections_max: 40,
  write_concern: { waits: 5, ms: 10 },
  journal_syncs: { syncs: 20, ms: 20 },
  flow_control_ms: 0,
}

function process(name: string, cores: number): WatchedProcess {
  return {
    name,
    cores,
    busiest_thread_cores: name.startsWith('mongod') ? null : cores,
    busiest_thread_waited: name.startsWith('mongod') ? null : 0.02,
    rss_bytes_max: 150_000_000,
    points: [{ at_s: 0.25, cores }],
  }
}

/** The watched parts of a load, each there: without the ‘could not be looked at’ that the evidence allows. */
export interface WholeLoad extends ServerSideLoad {
  machine: Extract<ServerSideLoad['machine'], { cpus: number }>
  processes: WatchedProcess[]
  metrics: WatchedMetrics
  database: WatchedDatabase & {
    collections: NonNullable<WatchedDatabase['collections']>
    slow: NonNullable<WatchedDatabase['slow']>
    under_way: NonNullable<WatchedDatabase['under_way']>
  }
  jobs: Extract<ServerSideLoad['jobs'], readonly unknown[]>
}

/** 500 lists in ten seconds, 50 to warm up, each answered in some 20 ms. */
export function quietLoad(): WholeLoad {
  return {
    label: 'L7',
    watched: { from_ms: FROM_MS - 6_000, to_ms: FROM_MS + 11_000 },
    measured: { from_ms: FROM_MS, to_ms: FROM_MS + 10_000, requests: 500 },
    client: [{ ...LIST, by_status: { '200': 550 }, mean_ms: 20, p50_ms: 18, p99_ms: 60, max_ms: 90 }],
    generator: { cpu_share: 0.1, dropped_iterations: 0, pulse_lag_ms_max: 15 },
    one_server: true,
    machine: { cpus: 4, busy_share: 0.3, iowait_share: 0, io_stalled_share: 0 },
    processes: [process('conman-api', 0.4), process('conman-worker', 0.02), process('mongod-1', 0.1)],
    metrics: {
      scrapes: 4,
      scrapes_failed: 0,
      scrape_ms_max: 12,
      bytes_max: 50_000,
      unreadable_lines: 0,
      fell: 0,
      counts_requests: true,
      requests: [{ ...LIST, status: '200', count: 550 }],
      durations: [
        {
          ...LIST,
          count: 550,
          sum_ms: 8_250,
          buckets: [
            { le_ms: 10, count: 100 },
            { le_ms: 25, count: 500 },
            { le_ms: 50, count: 548 },
            { le_ms: 500, count: 550 },
            { le_ms: 1_000, count: 550 },
            { le_ms: null, count: 550 },
          ],
        },
      ],
      git_calls: [],
      queue_depth: [{ at_s: 0, jobs: 0 }],
      cpu_s: null,
    },
    database: {
      members: [structuredClone(MEMBER), { ...structuredClone(MEMBER), host: '127.0.0.1:20002', role: 'secondary' }],
      collections: [{ collection: 'changesets', operations: 1_100, ms: 330 }],
      slow: { from_ms: 100, queries: [] },
      under_way: { looks: 20, queries: [] },
    },
    jobs: [],
    cost: { harness_cpu_share: 0.02, looks: 60, look_cpu_ms: 0.8 },
  }
}
