// What is read of a target while a load runs: its metrics over real HTTP, counters of a mongod, processes, documents of jobs.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { afterEach, describe, expect, test } from 'vitest'
import type { Run } from '../run.ts'
import { Conman } from '../target/conman.ts'
import { HttpClient } from '../target/http.ts'
import type { Target } from '../target/target.ts'
import { isMissing, type RequestCount } from './evidence.ts'
import { jobsOf } from './jobs.ts'
import { MetricsWatch } from './metrics.ts'
import { ProcessWatch } from './processes.ts'
import { ServerCounters } from './server-status.ts'

type Answer = (request: IncomingMessage, response: ServerResponse) => void

const opened: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one[Symbol.asyncDispose]()
})

async function watchOf(answer: Answer): Promise<MetricsWatch> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const http = new HttpClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  opened.push(http, { [Symbol.asyncDispose]: async () => void server.close() })
  const target: Pick<Target, 'conman' | 'admin'> = {
    conman: new Conman(http),
    admin: { email: 'admin@example.test', password: 'a-password' },
  }
  return new MetricsWatch({ target, signal: new AbortController().signal } as unknown as Run)
}

function registryWithRequests() {
  const registry = new Registry()
  const registers = [registry]
  const labelNames = ['method', 'path', 'status'] as const
  return {
    registry,
    requests: new Counter({ name: 'conman_http_requests_total', help: 'R', labelNames, registers }),
    durations: new Histogram({
      name: 'conman_http_request_duration_seconds',
      help: 'D',
      labelNames: ['method', 'path'],
      buckets: [0.1, 1],
      registers,
    }),
    depth: new Gauge({ name: 'conman_job_queue_depth', help: 'Q', labelNames: ['type'], registers }),
  }
}

const always = () => true

describe('the target’s metrics', () => {
  test('what was gained between two scrapes, by route, of raw paths and of patterns', async () => {
    const { registry, requests, durations, depth } = registryWithRequests()
    const watch = await watchOf(async (_, response) => response.end(await registry.metrics()))
    requests.inc({ method: 'GET', path: '/api/apps/:appId', status: '200' }, 7)
    depth.set({ type: 'msuite_submit' }, 0)
    await watch.begin()
    for (const id of ['65f0c0ffee65f0c0ffee0001', '65f0c0ffee65f0c0ffee0002', ':appId']) {
      requests.inc({ method: 'GET', path: `/api/apps/${id}`, status: '200' }, 5)
      durations.observe({ method: 'GET', path: `/api/apps/${id}` }, 0.5)
    }
    depth.set({ type: 'msuite_submit' }, 4)
    await watch.end(always)
    const place = { method: 'GET', route: '/api/apps/*' }
    expect(watch.result(Date.now())).toMatchObject({
      scrapes: 2,
      fell: 0,
      counts_requests: true,
      requests: [{ ...place, status: '200', count: 15 }],
      durations: [
        {
          ...place,
          count: 3,
          sum_ms: 1_500,
          buckets: [
            { le_ms: 1_000, count: 3 },
            { le_ms: null, count: 3 },
          ],
        },
      ],
      queue_depth: [{ jobs: 0 }, { jobs: 4 }],
    })
  })

  test('asked again until the server has counted what was answered', async () => {
    const { registry, requests } = registryWithRequests()
    let asked = 0
    const watch = await watchOf(async (_, response) => {
      asked += 1
      if (asked === 4) requests.inc({ method: 'GET', path: '/api/apps', status: '200' })
      response.end(await registry.metrics())
    })
    await watch.begin()
    await watch.end((counted: readonly RequestCount[]) => counted.length > 0)
    expect(asked).toBe(4)
  })

  test('a token for who wants one', async () => {
    const { registry } = registryWithRequests()
    const watch = await watchOf(async (request, response) => {
      if (request.url === '/api/auth/login') {
        response.end(JSON.stringify({ data: { token: 'a-token', user: { id: 'u', email: 'e' } } }))
      } else if (request.headers.authorization !== 'Bearer a-token') response.writeHead(403).end()
      else response.end(`${await registry.metrics()}\nup 1\n`)
    })
    await watch.begin()
    await watch.end(always)
    expect(watch.result(0)).toMatchObject({ scrapes: 2, counts_requests: false })
  })

  test('several servers behind one address: their counters fall', async () => {
    let asked = 0
    const watch = await watchOf((_, response) => {
      asked += 1
      response.end(
        `conman_http_requests_total{method="GET",path="/api/apps",status="200"} ${asked % 2 === 0 ? 5 : 900}\n`,
      )
    })
    await watch.begin()
    await watch.end(() => false)
    expect(watch.result(0)).toMatchObject({ fell: 1 })
  })

  test.each<[string, Answer, string]>([
    ['none', (_, response) => response.writeHead(404).end(), 'GET /api/metrics: HTTP 404'],
    ['a page', (_, response) => response.end('<html></html>'), 'answers no exposition text'],
    ['refused', (_, response) => response.writeHead(429, { 'retry-after': '30' }).end(), 'HTTP 429'],
  ])('%s: why', async (_, answer, because) => {
    const watch = await watchOf(answer)
    await watch.begin()
    await watch.end(always)
    const result = watch.result(0)
    expect(isMissing(result) && result.because).toContain(because)
  })
})

describe('the counters of a mongod', () => {
  const status = (ops: number, more: object = {}) => ({
    uptimeMillis: 1,
    opcounters: { query: ops, command: ops },
    globalLock: { currentQueue: { total: 2 } },
    locks: { Global: { timeAcquiringMicros: { r: ops * 1_000, w: ops * 500 } } },
    connections: { current: 10 },
    ...more,
  })

  test('between the first and the last, with the worst meanwhile', () => {
    const counters = new ServerCounters(status(100))
    counters.add(status(150, { globalLock: { currentQueue: { total: 40 } }, connections: { current: 90 } }))
    counters.add(status(300))
    expect(counters.result('h', 'primary')).toMatchObject({
      operations: 400,
      lock_waited_ms: 300,
      queued_max: 40,
      connections_max: 90,
    })
  })

  test('what a version does not tell is not known; room is read where each version has it', () => {
    expect(new ServerCounters(status(1)).result('h', 'primary')).toMatchObject({
      documents_examined: null,
      tickets_free_min: null,
      write_concern: null,
    })
    const old = { wiredTiger: { concurrentTransactions: { read: { available: 9 }, write: { available: 3 } } } }
    const newer = { queues: { execution: { read: { available: 1 }, write: { available: 5 } } } }
    expect(new ServerCounters(status(1, old)).result('h', 'r').tickets_free_min).toBe(3)
    expect(new ServerCounters(status(1, newer)).result('h', 'r').tickets_free_min).toBe(1)
  })
})

test.runIf(process.platform === 'linux')('a process that works all the time is seen to', () => {
  const watch = new ProcessWatch(() => [{ name: 'this', pid: process.pid }])
  const from_ms = Date.now()
  watch.look()
  // Until it ran for so long, however long this machine lets it wait for that.
  const before = process.cpuUsage()
  while (process.cpuUsage(before).user < 200_000);
  watch.look()
  const [found] = watch.processes({ from_ms, to_ms: Date.now() }, from_ms) as { cores: number; rss_bytes_max: number }[]
  expect(found!.cores).toBeGreaterThan(0)
  expect(found!.rss_bytes_max).toBeGreaterThan(1_000_000)
  expect(watch.machine({ from_ms, to_ms: Date.now() }, 2)).toHaveProperty('busy_share')
})

test('processes that are not ours', () => {
  const watch = new ProcessWatch(() => [])
  watch.look()
  expect(watch.processes({ from_ms: 0, to_ms: 1 }, 0)).toHaveProperty('because')
})

test('jobs by type, with both names of each field', () => {
  const at = (s: number) => new Date(1_764_000_000_000 + s * 1_000)
  const jobs = jobsOf([
    { job_type: 'a', state: 'succeeded', created_at: at(0), started_at: at(2), finished_at: at(5) },
    { type: 'a', state: 'failed', created_at: at(0), started_at: at(4), completed_at: at(5) },
    { job_type: 'a', state: 'queued', created_at: at(0), started_at: null, finished_at: null },
    { job_type: 'b', state: 'queued', created_at: 'yesterday' },
  ])
  expect(jobs).toEqual([
    {
      type: 'a',
      made: 3,
      by_state: { succeeded: 1, failed: 1, queued: 1 },
      waited: { n: 2, sum_ms: 6_000, p50_ms: 2_000, max_ms: 4_000 },
      ran: { n: 2, sum_ms: 4_000, p50_ms: 1_000, max_ms: 3_000 },
      whole: { n: 2, sum_ms: 10_000, p50_ms: 5_000, max_ms: 5_000 },
    },
    { type: 'b', made: 1, by_state: { queued: 1 }, waited: null, ran: null, whole: null },
  ])
})
