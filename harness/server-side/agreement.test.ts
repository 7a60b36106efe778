// The client's record against the server's counts: only a server that counted fewer answers puts a load in doubt, and only where
// nobody else can have answered.

import { describe, expect, test } from 'vitest'
import { recordFinding, sideBySide } from './agreement.ts'
import { quietLoad, type WholeLoad } from './evidence.fixture.ts'
import type { ServerSideLoad } from './evidence.ts'

function judge(change: (load: WholeLoad) => void = () => {}) {
  const load = quietLoad()
  change(load)
  return recordFinding(load)
}

test('every answer is counted: pass', () => {
  expect(judge()).toMatchObject({
    outcome: 'pass',
    n: 550,
    because: 'all 550 answers with 2xx are in the server’s count',
  })
})

test('others may have asked beside the client', () => {
  expect(judge(({ metrics }) => (metrics.requests[0]!.count = 600)).outcome).toBe('pass')
})

describe('the client’s record is in doubt', () => {
  test('where the server counted fewer', () => {
    const finding = judge(({ metrics }) => (metrics.requests[0]!.count = 549))
    expect(finding.outcome).toBe('not-verified')
    expect(finding.because).toContain(
      'counted 549 of 550 answers with 2xx that the client recorded (GET /api/apps/*/changesets)',
    )
  })

  test('where the server counted none of them: another one answered', () => {
    const finding = judge(({ metrics }) => (metrics.requests = []))
    expect(finding).toMatchObject({ outcome: 'not-verified' })
    expect(finding.because).toContain('counted 0 of 550')
  })

  test('where it counted as many, but refused them', () => {
    expect(judge(({ metrics }) => (metrics.requests[0]!.status = '500')).outcome).toBe('not-verified')
  })

  test('route by route: more of one do not make up for fewer of another', () => {
    const finding = judge(({ client, metrics }) => {
      const queue = { method: 'GET', route: '/api/apps/*/queue' }
      client.push({ ...client[0]!, ...queue, by_status: { '200': 10 } })
      metrics.requests.push({ ...queue, status: '200', count: 9 })
      metrics.requests[0]!.count = 600
    })
    expect(finding.because).toContain('9 of 10 answers with 2xx that the client recorded (GET /api/apps/*/queue)')
  })
})

describe('nothing can be told, and nothing is passed', () => {
  const missing: ServerSideLoad = { ...quietLoad(), metrics: { because: 'GET /api/metrics: HTTP 404' } }
  test('metrics that are not reachable', () => {
    expect(recordFinding(missing)).toMatchObject({
      outcome: 'not-applicable',
      because: 'the server’s own figures are not reachable (GET /api/metrics: HTTP 404)',
    })
  })

  test.each<[string, (load: WholeLoad) => void, string]>([
    ['a load that no k6 made', (load) => (load.client = []), 'the harness itself made the load'],
    ['no counter of requests', ({ metrics }) => (metrics.counts_requests = false), 'do not count its requests'],
    ['counters that fell', ({ metrics }) => (metrics.fell = 3), 'fell 3 times'],
    ['no answer with 2xx', ({ client }) => (client[0]!.by_status = { '500': 550 }), 'no answer with 2xx'],
    [
      'fewer, where others may answer beside the one that is scraped',
      (load) => {
        load.one_server = false
        load.metrics.requests[0]!.count = 180
      },
      'cannot be seen here',
    ],
  ])('%s', (_, change, reason) => {
    const finding = judge(change)
    expect(finding.outcome).toBe('not-applicable')
    expect(finding.because).toContain(reason)
  })
})

test('a target that names routes in a way of its own is held against the sum', () => {
  const rename = (count: number) =>
    judge(({ metrics }) => Object.assign(metrics.requests[0]!, { route: 'list', count }))
  expect(rename(550).outcome).toBe('pass')
  expect(rename(549).outcome).toBe('not-verified')
})

test('routes that the target does not count are left out, and said', () => {
  const finding = judge(({ client }) =>
    client.push({ ...client[0]!, method: 'POST', route: '/api/auth/login', by_status: { '200': 40 } }),
  )
  expect(finding).toMatchObject({ outcome: 'pass', n: 550 })
  expect(finding.because).toContain('550 of 590 answers')
})

describe('how long the same requests took', () => {
  const rowOf = (change: (load: WholeLoad) => void = () => {}) => {
    const load = quietLoad()
    change(load)
    return sideBySide(load)[0]!
  }

  test('the mean, and the edges between which the p99 lies', () => {
    expect(rowOf()).toMatchObject({
      remark: '',
      server: { count: 550, mean_ms: 15, p99: { above_ms: 25, at_most_ms: 50 } },
    })
  })

  test('a summary has no edges', () => {
    expect(rowOf(({ metrics }) => (metrics.durations[0]!.buckets = [])).server?.p99).toBeNull()
  })

  test('a server that took longer than its users waited is remarked upon, and decides nothing', () => {
    const longer = ({ metrics }: WholeLoad) => (metrics.durations[0]!.sum_ms = 55_000)
    expect(rowOf(longer).remark).toContain('longer than its users waited')
    expect(judge(longer).outcome).toBe('pass')
  })

  test('other requests are not held against the client’s', () => {
    expect(rowOf(({ metrics }) => (metrics.durations[0]!.count = 900)).remark).toBe('not the same requests')
  })

  test('a route of which the server tells nothing', () => {
    expect(rowOf(({ metrics }) => (metrics.durations = [])).server).toBeNull()
  })
})
