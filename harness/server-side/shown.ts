// The server's side of a load as it stands beside the verdict: a sentence, a finding, three tables. Pure.

import type { Table, Verdict } from '../check.ts'
import { fewestSamplesFor } from '../statistics.ts'
import { worst } from '../verdict.ts'
import { type Bucket, recordFinding, type SideBySide, sideBySide } from './agreement.ts'
import { bottlenecksOf, measuredSeconds, notLookedAt } from './bottlenecks.ts'
import { percent } from './busy.ts'
import { answeredOf } from './client.ts'
import { isMissing, type ServerSide, type ServerSideLoad, type Spread, type WatchedDatabase } from './evidence.ts'

const MIB = 1_048_576

/** `shown`: of several checks of the same load, one shows its tables. What puts the load in doubt concerns all. */
export function withServerSide(verdict: Verdict, { loads }: ServerSide, shown: boolean): Verdict {
  const findings = loads.map(recordFinding)
  const doubts = findings.filter(({ outcome }) => outcome === 'not-verified')
  const outcome = worst([verdict.outcome, ...doubts.map((doubt) => doubt.outcome)])
  const because = outcome === 'not-verified' ? [verdict, ...doubts].filter((one) => one.outcome === outcome) : [verdict]
  return {
    ...verdict,
    outcome,
    because: because.map((one) => one.because).join('; '),
    findings: [...verdict.findings, ...findings],
    ...(shown ? { tables: [...verdict.tables, ...loads.flatMap(tablesOf)], notes: loads.map(noteOf) } : {}),
    ...(doubts.length > 0 && verdict.outcome === 'pass' ? { remedy: REMEDY } : {}),
  }
}

const REMEDY =
  'compare the routes under ‘Client and server’: either answers came from elsewhere than the server that is judged, or its metrics do not count what it answers'

/** The load's name stands before it where a check has several. */
function noteOf(load: ServerSideLoad, _index: number, all: readonly ServerSideLoad[]): string {
  const found = bottlenecksOf(load).map(({ where, figure }) => `${where}: ${figure}`)
  const missing = notLookedAt(load)
  const seen = missing.length === 0 ? '' : ` Not looked at: ${missing.join('; ')}.`
  const name = all.length > 1 ? ` (${load.label})` : ''
  return `Bottlenecks${name}: ${found.length === 0 ? 'none found' : found.join('; ')}.${seen}`
}

function tablesOf(load: ServerSideLoad): Table[] {
  return [bottleneckTable(load), ...(load.client.length > 0 ? [bothSides(load)] : []), serverTable(load)]
}

function bottleneckTable(load: ServerSideLoad): Table {
  const rows = bottlenecksOf(load).map(({ where, figure }) => [where, figure])
  return {
    title: `Bottlenecks of ${load.label}`,
    columns: ['Where', 'The figure that says so'],
    rows: [
      ...(rows.length === 0 ? [['none found', 'nothing that was looked at was at its limit']] : rows),
      ...notLookedAt(load).map((part) => ['not looked at', part]),
    ],
  }
}

function bothSides(load: ServerSideLoad): Table {
  return {
    title: `Client and server of ${load.label}, warm-up included`,
    columns: [
      'Route',
      'Sent by k6',
      'Of it 2xx',
      'Counted by the server',
      'Mean, k6',
      'Mean, server',
      'Slow end, k6',
      'Slow end, server',
      'Remark',
    ],
    rows: sideBySide(load).map((row) => sideRow(row, load)),
  }
}

function sideRow({ client, server, remark }: SideBySide, { metrics }: ServerSideLoad): string[] {
  const sent = Object.values(client.by_status).reduce((sum, n) => sum + n, 0)
  const counted = isMissing(metrics)
    ? []
    : metrics.requests.filter((one) => one.method === client.method && one.route === client.route)
  const enough = sent >= fewestSamplesFor(0.99)
  const bucket = enough ? server?.p99 : server?.slowest
  const told = counted.length === 0 ? 'not told' : String(counted.reduce((sum, { count }) => sum + count, 0))
  return [
    `${client.method} ${client.route ?? 'without a route’s name'}`,
    String(sent),
    String(answeredOf(client)),
    told,
    ms(client.mean_ms),
    server === null ? 'not told' : ms(server.mean_ms),
    // A percentile only from as many as it takes.
    enough ? `p99 ${ms(client.p99_ms)}` : `slowest ${ms(client.max_ms)}`,
    bucket == null ? 'not told' : `${enough ? 'p99' : 'slowest'} ${edges(bucket)}`,
    remark,
  ]
}

function edges({ above_ms, at_most_ms }: Bucket): string {
  return at_most_ms === null ? `above ${above_ms} ms` : `${above_ms}–${at_most_ms} ms`
}

function serverTable(load: ServerSideLoad): Table {
  const { machine, processes, metrics, database, jobs } = load
  const unseen = { machine, processes, metrics, database, jobs }
  return {
    title: `The server while ${load.label} ran (${measuredSeconds(load).toFixed(1)} s, ${load.measured.requests} requests)`,
    columns: ['What', 'Measured'],
    rows: [
      ...machineRows(load),
      ...processRows(load),
      ...metricsRows(load),
      ...databaseRows(load),
      ...jobRows(load),
      ...Object.entries(unseen).flatMap(([name, part]) =>
        isMissing(part) ? [[name, `not reachable: ${part.because}`]] : [],
      ),
      costRow(load),
    ],
  }
}

function machineRows({ machine, one_server }: ServerSideLoad): string[][] {
  if (isMissing(machine)) return []
  const stalled =
    machine.io_stalled_share === null
      ? ''
      : `; something waited for a disk ${percent(machine.io_stalled_share)} of the time`
  const name = one_server ? 'machine' : 'machine of the load generator'
  return [[name, `${machine.cpus} cores, ${percent(machine.busy_share)} busy${stalled}`]]
}

function processRows({ processes }: ServerSideLoad): string[][] {
  if (isMissing(processes)) return []
  return processes.map(
    ({ name, cores, busiest_thread_cores: thread, busiest_thread_waited: waited, rss_bytes_max }) => {
      const busiest = thread === null ? '' : `; busiest thread ${percent(thread)} of a core`
      const without = waited === null || thread === null ? '' : `, ready without one ${percent(waited)}`
      return [
        `process ${name}`,
        `${cores.toFixed(2)} cores${busiest}${without}; at most ${(rss_bytes_max / MIB).toFixed(0)} MiB`,
      ]
    },
  )
}

function databaseRows({ database }: ServerSideLoad): string[][] {
  if (isMissing(database)) return []
  const { members, collections, slow } = database
  return [
    ...members.map((member) => [
      `MongoDB ${member.role} ${member.host}`,
      [
        `${member.operations} operations`,
        known(
          member.documents_examined,
          (n) => `${n} documents examined for ${member.documents_returned ?? 'an unknown number'} returned`,
        ),
        known(member.collection_scans, (n) => `${n} collection scans`),
        known(member.queued_max, (n) => `at most ${n} waiting`),
        known(member.connections_max, (n) => `at most ${n} connections`),
        known(member.write_conflicts, (n) => `${n} write conflicts`),
      ]
        .filter((part) => part !== '')
        .join('; '),
    ]),
    ...(collections ?? [])
      .slice(0, 5)
      .map(({ collection, operations, ms: total }) => [
        `collection ${collection}`,
        `${operations} operations, ${(total / Math.max(operations, 1)).toFixed(2)} ms each (mean)`,
      ]),
    ...(slow === null ? [] : slowRows(slow)),
  ]
}

function slowRows({ from_ms, queries }: NonNullable<WatchedDatabase['slow']>): string[][] {
  if (queries.length === 0) return [['slow queries', `no operation took longer than ${from_ms} ms`]]
  return queries
    .slice(0, 5)
    .map(({ collection, command, shape, count, max_ms, plan }) => [
      `slow query ${command} ${collection} ${shape}`,
      `${count} above ${from_ms} ms, the slowest ${max_ms} ms${plan === null ? '' : `; ${plan}`}`,
    ])
}

function metricsRows({ metrics }: ServerSideLoad): string[][] {
  if (isMissing(metrics)) return []
  const { scrapes, scrapes_failed, scrape_ms_max, bytes_max } = metrics
  return [
    [
      'its metrics',
      `${scrapes} scrapes of at most ${(bytes_max / 1_024).toFixed(0)} KiB, the slowest ${ms(scrape_ms_max)}${scrapes_failed > 0 ? `; ${scrapes_failed} failed` : ''}`,
    ],
    ...metrics.git_calls
      .slice(0, 5)
      .map(({ method, count, failed, sum_ms }) => [
        `git backend ${method}`,
        `${count} calls, ${(sum_ms / Math.max(count, 1)).toFixed(1)} ms each (mean)${failed > 0 ? `; ${failed} did not succeed` : ''}`,
      ]),
  ]
}

function jobRows({ jobs }: ServerSideLoad): string[][] {
  if (isMissing(jobs)) return []
  return jobs.map(({ type, made, by_state, waited, ran }) => [
    `jobs ${type}`,
    `${made} made (${Object.entries(by_state)
      .map(([state, n]) => `${n} ${state}`)
      .join(', ')}); waited ${spread(waited)}; ran ${spread(ran)}`,
  ])
}

function costRow({ cost }: ServerSideLoad): string[] {
  return [
    'the watching itself',
    `${cost.looks} looks; the whole harness had ${(cost.harness_cpu_share * 100).toFixed(1)} % of all cores; one look at the processes took ${cost.look_cpu_ms.toFixed(1)} ms of it`,
  ]
}

function spread(of: Spread | null): string {
  return of === null ? 'not known' : `${ms(of.p50_ms)} (median), at most ${ms(of.max_ms)}`
}

function known(value: number | null, words: (value: number) => string): string {
  return value === null ? '' : words(value)
}

function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`
}
