// What stands beside a verdict: a note that says what was not looked at, tables once for each load, and a doubt that every
// check of the load takes over.

import { describe, expect, test } from 'vitest'
import { verdictOf } from '../verdict.ts'
import { quietLoad } from './evidence.fixture.ts'
import type { ServerSideLoad } from './evidence.ts'
import { withServerSide } from './shown.ts'

const passed = verdictOf({
  findings: [{ claim: 'all in time', outcome: 'pass', because: 'slowest 90 ms' }],
  whenPassed: 'slowest 90 ms of 500',
  verifiedBy: ['http'],
})
const failed = { ...passed, outcome: 'fail' as const, because: 'slowest 900 ms' }

const beside = (load: ServerSideLoad, verdict = passed, shown = true) =>
  withServerSide(verdict, { schema: 'readiness-server-side/1', loads: [load] }, shown)

test('none found is said as such, and decides nothing', () => {
  const verdict = beside(quietLoad())
  expect(verdict).toMatchObject({ outcome: 'pass', because: passed.because, notes: ['Bottlenecks: none found.'] })
  expect(verdict.findings).toHaveLength(2)
  expect(verdict.tables.map(({ title }) => title)).toEqual([
    'Bottlenecks of L7',
    'Client and server of L7, warm-up included',
    'The server while L7 ran (10.0 s, 500 requests)',
  ])
  for (const { columns, rows } of verdict.tables) for (const row of rows) expect(row).toHaveLength(columns.length)
})

test('a percentile is shown from as many as it takes; below, the slowest', () => {
  const sides = (load: ServerSideLoad) => beside(load).tables[1]!.rows[0]!.slice(6, 8)
  expect(sides(quietLoad())).toEqual(['p99 60 ms', 'p99 25–50 ms'])
  const few = quietLoad()
  few.client[0]!.by_status = { '200': 298 }
  expect(sides(few)).toEqual(['slowest 90 ms', 'slowest 50–500 ms'])
})

test('none found says what was not looked at', () => {
  const [note] = beside({ ...quietLoad(), database: { because: 'not handed over' } }).notes!
  expect(note).toBe('Bottlenecks: none found. Not looked at: the database (not handed over).')
})

test('metrics that are not reachable are shown so, and pass nothing', () => {
  const verdict = beside({ ...quietLoad(), metrics: { because: 'GET /api/metrics: HTTP 404' } })
  expect(verdict.outcome).toBe('pass')
  expect(verdict.findings.at(-1)).toMatchObject({ outcome: 'not-applicable' })
  expect(JSON.stringify(verdict.tables)).toContain('not reachable: GET /api/metrics: HTTP 404')
})

describe('a client whose record is in doubt', () => {
  const doubted = () => {
    const load = quietLoad()
    load.metrics.requests[0]!.count = 100
    return load
  }

  test('passes nothing, whichever check of the load it is', () => {
    for (const shown of [true, false]) {
      const verdict = beside(doubted(), passed, shown)
      expect(verdict).toMatchObject({ outcome: 'not-verified' })
      expect(verdict.because).toMatch(/^the server counted 100 of 550/)
      expect(verdict.remedy).toContain('Client and server')
    }
  })

  test('leaves a failure a failure', () => {
    expect(beside(doubted(), failed)).toMatchObject({ outcome: 'fail', because: 'slowest 900 ms' })
  })
})

test('of several checks of one load, one shows its tables', () => {
  const verdict = beside(quietLoad(), passed, false)
  expect(verdict.tables).toEqual([])
  expect(verdict.notes).toBeUndefined()
  expect(verdict.findings).toHaveLength(2)
})

test('several loads of one check are told apart', () => {
  const loads = [quietLoad(), { ...quietLoad(), label: 'L5 cold' }]
  const { notes } = withServerSide(passed, { schema: 'readiness-server-side/1', loads }, true)
  expect(notes).toEqual(['Bottlenecks (L7): none found.', 'Bottlenecks (L5 cold): none found.'])
})
