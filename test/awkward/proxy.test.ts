// The awkward proxy itself: what no rule fits passes through as it was, rules hit exactly what they are for, and what is
// said to be broken is broken on the wire.

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { BROKEN, broken, HOSTILE_TEXT, LIMITED } from './broken.ts'
import { AwkwardProxy, nth, route } from './proxy.ts'

let behind: Server
let proxy: AwkwardProxy
beforeAll(async () => {
  behind = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString()
    response.writeHead(203, { 'content-type': 'application/json', 'x-own': 'kept', 'set-cookie': ['a=1', 'b=2'] })
    response.end(
      JSON.stringify({
        data: { heard: `${request.method} ${request.url} ${body}`, token: request.headers.authorization },
      }),
    )
  })
  behind.listen(0, '127.0.0.1')
  await once(behind, 'listening')
})
afterAll(() => behind.close())
beforeEach(async () => {
  proxy = await AwkwardProxy.start(`http://127.0.0.1:${(behind.address() as AddressInfo).port}`)
})
afterEach(() => proxy[Symbol.asyncDispose]())

test('what no rule fits is passed on whole, both ways', async () => {
  const answer = await fetch(`${proxy.url}/api/a%20b?x=1&y=%26`, {
    method: 'PUT',
    headers: { authorization: 'Bearer t', 'content-type': 'application/json' },
    body: '{"ä":1}',
  })
  expect(answer.status).toBe(203)
  expect(answer.headers.get('x-own')).toBe('kept')
  expect(answer.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  expect(await answer.json()).toEqual({ data: { heard: 'PUT /api/a%20b?x=1&y=%26 {"ä":1}', token: 'Bearer t' } })
})

test('rules hit a route, or the n-th request; the first that fits counts; aiming counts anew', async () => {
  const status = async (path: string, method = 'GET') => (await fetch(`${proxy.url}${path}`, { method })).status
  proxy.aim(
    { when: route('POST /api/apps/:app/releases'), does: broken('a 418 in plain text') },
    { when: nth(3), does: broken('a 500 without a body') },
  )
  expect(await status('/api/apps/1/releases', 'POST')).toBe(418)
  expect(await status('/api/apps/1/releases')).toBe(203)
  expect(await status('/api/apps/1/releases/2', 'POST')).toBe(500)
  expect(await status('/api/apps/1/releases/2', 'POST')).toBe(203)
  expect(proxy.asked.map(({ number, method }) => `${number} ${method}`)).toEqual([
    '1 POST',
    '2 GET',
    '3 POST',
    '4 POST',
  ])
  proxy.aim({ when: nth(1), does: broken('a 500 without a body') })
  expect(proxy.asked).toEqual([])
  expect(await status('/')).toBe(500)
})

test('resets are resets, and half an answer is half an answer', async () => {
  proxy.aim({ does: broken('a reset before the answer') })
  expect(await exchanged()).toEqual({ bytes: '', ended: 'ECONNRESET' })
  proxy.aim({ does: broken('the end without an answer') })
  expect(await exchanged()).toEqual({ bytes: '', ended: 'end' })
  proxy.aim({ does: broken('the end in the headers') })
  expect(await exchanged()).toEqual({ bytes: 'HTTP/1.1 200 OK\r\ncontent-ty', ended: 'end' })
  proxy.aim({ does: broken('a reset in the body') })
  const { bytes, ended } = await exchanged()
  expect(bytes).toMatch(/^HTTP\/1\.1 203 .*\r\n\r\n\{"data":.*\}$/s)
  expect(ended).toBe('ECONNRESET')
})

test('one who drips stops when the other side has gone', async () => {
  proxy.aim({ does: broken('a body a byte a second') })
  const left = new AbortController()
  const answer = await fetch(proxy.url, { signal: left.signal })
  expect(answer.status).toBe(200)
  expect(proxy.connections).toBe(1)
  left.abort()
  await expect.poll(() => proxy.connections).toBe(0)
})

test('names are unique, and hostile text is hostile', () => {
  const names = [...BROKEN, ...LIMITED].map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: their presence is what is tested
  expect(HOSTILE_TEXT).toMatch(/\u001b\[2J.*\u0007.*\u202e.*\u0000/)
})

/** A request by hand, and everything that came back. */
async function exchanged(): Promise<{ bytes: string; ended: string }> {
  const socket = connect(Number(new URL(proxy.url).port), '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  let bytes = ''
  socket.on('data', (chunk) => {
    bytes += chunk.toString()
  })
  const ended = await Promise.race([
    once(socket, 'end').then(() => 'end'),
    new Promise<string>((resolve) => socket.once('error', (cause: NodeJS.ErrnoException) => resolve(cause.code ?? ''))),
  ])
  socket.destroy()
  return { bytes, ended }
}
