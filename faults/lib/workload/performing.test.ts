// What became of a request, by what really happened to it: only what certainly had no effect is a failure.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { comment } from '../../../harness/target/conman/changesets.ts'
import { health } from '../../../harness/target/conman/platform.ts'
import { Conman } from '../../../harness/target/conman.ts'
import { HttpClient } from '../../../harness/target/http.ts'
import { startClock } from '../clock.ts'
import { componentsIn } from './health-polls.ts'
import { type HistoryLine, operationsOf, Recorder } from './history.ts'
import { perform } from './performing.ts'

let server: Server
let answer: (request: IncomingMessage, response: ServerResponse) => void
let base = ''

beforeAll(async () => {
  server = createServer((request, response) => answer(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => server.close())

const json = (status: number, body: unknown) => (_: IncomingMessage, response: ServerResponse) =>
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))

async function ended(call: ReturnType<typeof comment> | ReturnType<typeof health>, at = base) {
  await using http = new HttpClient(at)
  const lines: HistoryLine[] = []
  const recorder = new Recorder(startClock(), (line) => lines.push(line))
  await perform(new Conman(http), recorder, {
    f: 'it',
    class: call.method === 'GET' ? 'health' : 'plain-write',
    process: 1,
    token: 'token',
    call: call as ReturnType<typeof health>,
    shows: componentsIn,
  })
  return operationsOf(lines)[0]!
}

const write = comment('a', 'c', 'text')
const error = (code: string) => ({ error: { code, message: 'no' } })

test.each([
  ['an acknowledged write', json(201, { data: { id: 'x', body: 'text' } }), 'ok'],
  ['a refused one', json(409, error('conflict')), 'fail'],
  ['one that the server failed at', json(503, error('unavailable')), 'info'],
  ['an acknowledgement that cannot be read', json(200, { data: {} }), 'info'],
  ['a connection that broke', (_: IncomingMessage, response: ServerResponse) => response.destroy(), 'info'],
])('%s', async (_, how, type) => {
  answer = how
  expect((await ended(write)).type).toBe(type)
})

test('one that nobody listened to was never sent', async () => {
  const port = await new Promise<number>((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo
      probe.close(() => resolve(port))
    })
  })
  expect(await ended(write, `http://127.0.0.1:${port}`)).toMatchObject({ type: 'fail', status: 0 })
})

test('a health that says no is seen all the same, by both names of the database', async () => {
  answer = json(503, { status: 'degraded', components: [{ name: 'mongo', status: 'unhealthy' }, 7] })
  expect(await ended(health())).toMatchObject({
    type: 'fail',
    status: 503,
    saw: [
      { id: 'overall', state: 'degraded' },
      { id: 'mongodb', state: 'unhealthy' },
      { id: '', state: '' },
    ],
  })
})
