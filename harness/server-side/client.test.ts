// Names of routes, requests as k6 records them, and what counters gained.

import { describe, expect, test } from 'vitest'
import { answeredOf, ClientRequests } from './client.ts'
import { routeOf } from './routes.ts'
import { Series } from './series.ts'

test.each([
  ['GET /api/apps/{appId}/changesets?state=queued', '/api/apps/*/changesets'],
  ['http://127.0.0.1:20000/api/apps/65f0c0ffee65f0c0ffee0001/changesets?page=2', '/api/apps/*/changesets'],
  ['/api/apps/:appId/workspaces/:workspaceId/files', '/api/apps/*/workspaces/*/files'],
  ['/api/apps/0192f0c1-0d4a-7e3b-8c7d-123456789abc/members', '/api/apps/*/members'],
  ['https://conman.example/conman/api/health', '/api/health'],
  ['warm-up', null],
  ['unknown', null],
])('%s is the route %s', (name, route) => {
  expect(routeOf(name)).toBe(route)
})

test('requests by route and status; the warm-up counts, and is not measured', () => {
  const requests = new ClientRequests()
  const add = (time_ms: number, value: number, tags: Record<string, string>) =>
    requests.add({ time_ms, value, tags: { method: 'GET', name: 'GET /api/apps/{appId}', status: '200', ...tags } })
  add(1_000, 500, { scenario: 'warm_up', name: 'http://127.0.0.1/api/apps/65f0c0ffee65f0c0ffee0001' })
  add(5_100, 100, { scenario: 'L7' })
  add(5_300, 100, { scenario: 'L7', status: '0' })
  expect(requests.record()).toEqual({
    routes: [
      {
        method: 'GET',
        route: '/api/apps/*',
        by_status: { '0': 1, '200': 2 },
        mean_ms: 233.333,
        p50_ms: 100,
        p99_ms: 500,
        max_ms: 500,
      },
    ],
    measured: { from_ms: 5_000, to_ms: 5_300, requests: 2 },
  })
  expect(answeredOf({ by_status: { '0': 1, '200': 2, '204': 1, '429': 7 } })).toBe(3)
})

test('no request at all', () => {
  expect(new ClientRequests().record()).toEqual({ routes: [], measured: { from_ms: 0, to_ms: 0, requests: 0 } })
})

describe('what a counter gained', () => {
  const gains = (...scrapes: [string, number][][]) => {
    const series = new Series((name) => name === 'a')
    for (const scrape of scrapes) {
      series.add({ samples: scrape.map(([path, value]) => ({ name: 'a', labels: { path }, value })) })
    }
    return {
      gained: Object.fromEntries(series.gains().map(({ labels, gained }) => [labels.path, gained])),
      fell: series.fell,
    }
  }

  test('since the first scrape; a series that appears later began at nought', () => {
    expect(
      gains(
        [['x', 10]],
        [
          ['x', 15],
          ['y', 3],
        ],
        [
          ['x', 15],
          ['y', 4],
        ],
      ),
    ).toEqual({ gained: { x: 5, y: 4 }, fell: 0 })
  })

  test('a counter that fell began anew, and is told', () => {
    expect(gains([['x', 10]], [['x', 15]], [['x', 2]])).toEqual({ gained: { x: 7 }, fell: 1 })
  })

  test('what is no number is left out', () => {
    expect(gains([['x', 1]], [['x', Number.NaN]], [['x', 3]])).toEqual({ gained: { x: 2 }, fell: 0 })
  })
})
