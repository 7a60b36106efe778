// The open part of the load, against a server that answers as a test says: operations begin at their times whatever it does.

import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Conman } from '../../../harness/target/conman.ts'
import { HttpClient } from '../../../harness/target/http.ts'
import { startClock } from '../clock.ts'
import type { Fixture, Writer } from './fixture.ts'
import { Recorder } from './history.ts'
import { Mix, type Rates } from './mix.ts'

let server: Server
let answer: (response: ServerResponse) => void
let http: HttpClient

beforeAll(async () => {
  server = createServer((request, response) => request.resume().on('end', () => answer(response)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  http = new HttpClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { connections: 200 })
})
afterAll(async () => {
  expect(broken).toEqual([])
  await http[Symbol.asyncDispose]()
  server.closeAllConnections()
  server.close()
})

const writer = (number: number) =>
  ({
    token: 't',
    userId: `u${number}`,
    changesetId: `c${number}`,
    workspace: { id: `w${number}`, branch: `b${number}` },
  }) as Writer
const fixture = {
  app: { id: 'app' },
  adminToken: 't',
  writers: [writer(1), writer(2)],
  tenants: [],
  releaseApps: [],
} as unknown as Fixture
const RATES: Rates = { 'git-read': 0, 'git-write': 20, 'plain-read': 0, 'plain-write': 20, jobs: 0 }

const broken: unknown[] = []
const broke = (cause: unknown) => void broken.push(cause)

async function load(for_ms: number) {
  const recorder = new Recorder(startClock(), () => {})
  const mix = new Mix({ conman: new Conman(http), recorder, fixture, label: 'k', firstProcess: 10, broke })
  await mix.run(RATES, AbortSignal.timeout(for_ms))
  return { mix, operations: recorder.operations }
}

test('a server that answers nothing is asked as often, and whoever waits asks nothing else', async () => {
  const waiting: ServerResponse[] = []
  answer = (response) => waiting.push(response)
  const { mix, operations } = await load(500)
  expect(operations.length).toBeGreaterThanOrEqual(16)
  expect(new Set(operations.map(({ process }) => process)).size).toBe(operations.length)
  expect(operations.every(({ type }) => type === 'info')).toBe(true)
  expect(new Set(operations.map(({ key }) => key)).size).toBe(operations.length)
  await delay(20)
  for (const response of waiting) response.writeHead(503).end()
  await mix.drained()
  expect(operations.every(({ status, ended_ms }) => status === 503 && ended_ms !== null)).toBe(true)
})

test('a server that limits its rate is obeyed: its users rest, and what is not asked is told', async () => {
  answer = (response) => response.writeHead(429, { 'retry-after': '30' }).end()
  const { mix, operations } = await load(500)
  // One request of each of the two users, and of those that were under way with them.
  expect(operations.length).toBeLessThan(8)
  expect(mix.facts.throttled).toBe(operations.length)
  expect(mix.facts.held_back['plain-write']! + mix.facts.held_back['git-write']!).toBeGreaterThan(5)
})
