// Slow queries, on evidence and on lines as mongod writes them.

import { describe, expect, test } from 'vitest'
import { worst } from '../../harness/verdict.ts'
import type { Instrument } from './load.ts'
import { slowQuery, soundQueries } from './slow-queries.fixture.ts'
import { primaryChanged, type SlowQueries, slowIn } from './slow-queries.ts'
import { SLOW_QUERY_LIMITS, slowQueryFindings } from './slow-query-claims.ts'

const [limit] = SLOW_QUERY_LIMITS as [(typeof SLOW_QUERY_LIMITS)[number]]
const quiet: Instrument = { generator: { dropped_iterations: 0, pulse_lag_ms_max: 5 }, other_cpu_share_max: 0 }

function judge(change: (queries: SlowQueries) => void, instrument = quiet) {
  const queries = soundQueries()
  change(queries)
  const findings = slowQueryFindings(queries, limit, instrument)
  const outcome = worst(findings.map((finding) => finding.outcome))
  const deciding = findings.filter((finding) => finding.outcome === outcome)
  return { outcome, because: deciding.map(({ because }) => because).join('; ') }
}

test('nothing slow in logs that would have shown it', () => {
  expect(judge(() => {})).toMatchObject({ outcome: 'pass', because: expect.stringContaining('0 of 1800 operations') })
})

test('a slow query fails, and says which and by what plan', () => {
  expect(judge((q) => q.slow.push(slowQuery(140), slowQuery(320)))).toEqual({
    outcome: 'fail',
    because:
      '2 of 1800 operations took longer than 100 ms, the slowest 320 ms: find changesets {app_id: ?} by COLLSCAN',
  })
})

test('what waited for its write concern was not slow for that', () => {
  const waiting = { ...slowQuery(140), command: 'update', write_concern_ms: 90 }
  expect(judge((q) => q.slow.push(waiting)).outcome).toBe('pass')
  expect(judge((q) => q.slow.push({ ...waiting, write_concern_ms: 20 })).because).toContain('the slowest 120 ms')
})

describe('what the log or the machine may be to blame for', () => {
  test.each<[string, (queries: SlowQueries) => void, string]>([
    ['nothing was watched', (q) => Object.assign(q, { because: 'no database', members: [] }), 'no database'],
    ['a log of the slowest only', (q) => (q.members[1]!.slow_ms = 500), 'calls slow only what takes 500 ms'],
    ['a log of samples', (q) => (q.members[1]!.sample_rate = 0.1), 'logs only 10 % of what is slow'],
    ['a log that shows nothing', (q) => (q.members[2]!.shows_control = false), 'does not show a query that was made'],
    ['a member out of reach', (q) => q.unreachable.push('other:27017'), 'other:27017 could not be reached'],
    ['nothing was asked', (q) => silence(q), 'nothing was asked of the database'],
  ])('%s: not verified', (_, change, because) => {
    expect(judge(change)).toMatchObject({ outcome: 'not-verified', because: expect.stringContaining(because) })
  })

  test('a machine that others were using', () => {
    const shared = { ...quiet, other_cpu_share_max: 0.6 }
    expect(judge((q) => q.slow.push(slowQuery(140)), shared).outcome).toBe('not-verified')
    expect(judge((q) => q.slow.push(slowQuery(2_000)), shared).outcome).toBe('fail')
  })
})

test('an election is seen by who was the primary before and after', () => {
  const queries = soundQueries()
  expect(primaryChanged(queries)).toBe(false)
  queries.members[0]!.after = 'secondary'
  expect(primaryChanged(queries)).toBe(true)
  expect(primaryChanged({ ...queries, members: [] })).toBeNull()
})

test('of a log, what the target asked within the time: not the members, not the harness, not before or after', () => {
  const line = (second: number, ctx: string, attr: object) =>
    JSON.stringify({
      t: { $date: `2026-11-25T05:00:0${second}.000Z` },
      ctx,
      id: 51_803,
      msg: 'Slow query',
      attr: { type: 'command', ns: 'conman.jobs', durationMillis: 200, ...attr },
    })
  const find = { appName: 'conman-api', command: { find: 'jobs', filter: { state: 'queued' } } }
  const member = { doc: { driver: { name: 'NetworkInterfaceTL-Replication' } } }
  const log = [
    JSON.stringify({ ctx: 'conn1', id: 51_800, msg: 'client metadata', attr: member }),
    line(1, 'conn2', find),
    line(3, 'conn1', find),
    line(3, 'conn2', { ...find, appName: 'conman-readiness' }),
    line(3, 'conn2', { ...find, waitForWriteConcernDurationMillis: 20 }),
    line(3, 'conn2', { ...find, ns: 'other.jobs' }),
    line(9, 'conn2', find),
    '{"t":{"$date":"2026-11-25T05:00:03',
  ].join('\n')
  const at = (second: number) => Date.parse(`2026-11-25T05:00:0${second}.000Z`)
  const wanted = { database: 'conman', from_ms: at(2), to_ms: at(5), member: 'a', on: 'primary' as const }
  expect(slowIn(log, wanted)).toMatchObject([
    { collection: 'jobs', duration_ms: 200, write_concern_ms: 20, app: 'conman-api' },
  ])
})

function silence(queries: SlowQueries): void {
  for (const member of queries.members) member.operations = 0
}
