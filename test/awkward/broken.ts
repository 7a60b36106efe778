// What servers, and what stands before them, do wrong: one row a behaviour. `says` is what a client may make of it:
// 'nothing' - no usable answer at all; 'refusal' - an answer that is an error; 'nonsense' - an answer that says success and
// cannot be believed; 'sense' - unusual, and all of it is there.

import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { type Answer, type Behaviour, type Exchange, passOn, send } from './proxy.ts'

export interface Awkwardness {
  name: string
  says: 'nothing' | 'refusal' | 'nonsense' | 'sense'
  does: Behaviour
  /** It ends only by the client's own deadline. */
  slow?: true
  /** It takes a processor for a while: not for sixty requests. */
  heavy?: true
}

const MIB = 1024 * 1024

/** Named in visible text and followed by what would repaint a terminal, retitle its window, reorder or hide a line. */
export const HOSTILE_TEXT =
  'evil\u001b[2J\u001b]0;owned\u0007\u009b31m\u202Egnp.exe\u2066\u200b\u0000\r\nPASS all is well <script>alert(1)</script>'

// Bodies that are not what the contract says

function reshaped(change: (value: unknown, key: string) => unknown): Behaviour {
  return async ({ forward, response }) => {
    const answer = await forward()
    send(response, { ...answer, body: Buffer.from(JSON.stringify(mapDeep(parsed(answer), change))) })
  }
}

/** Every member, the innermost first. */
function mapDeep(value: unknown, change: (value: unknown, key: string) => unknown, key = ''): unknown {
  if (Array.isArray(value))
    return change(
      value.map((one) => mapDeep(one, change, key)),
      key,
    )
  if (value === null || typeof value !== 'object') return change(value, key)
  const members = Object.entries(value).map(([name, one]) => [name, mapDeep(one, change, name)])
  return change(Object.fromEntries(members), key)
}

function parsed(answer: Answer): unknown {
  try {
    return JSON.parse(answer.body.toString('utf8'))
  } catch {
    return { data: answer.body.toString('utf8') }
  }
}

/** The same answer to everything, in place of Conman's. */
function always(status: number, type: string, body: string | Buffer, headers: Record<string, string> = {}): Behaviour {
  return ({ response }) =>
    send(response, { status, headers: { 'content-type': type, ...headers }, body: Buffer.from(body) })
}

const json = (status: number, body: string | Buffer) => always(status, 'application/json', body)

const WRONG_TYPES: Awkwardness[] = [
  {
    name: 'ids are numbers',
    says: 'nonsense',
    does: reshaped((value, key) => (key === 'id' || key.endsWith('_id') ? 66_123_456 : value)),
  },
  {
    name: 'lists are objects',
    says: 'nonsense',
    does: reshaped((value, key) => (Array.isArray(value) ? { ...value } : key === 'data' ? { 0: value } : value)),
  },
  { name: 'null where text is', says: 'nonsense', does: reshaped((one) => (typeof one === 'string' ? null : one)) },
  {
    name: 'text where objects are',
    says: 'nonsense',
    does: reshaped((one, key) => (key === 'data' || key === 'error' || key === 'components' ? 'object' : one)),
  },
  { name: 'wrapped once more', says: 'nonsense', does: reshaped((one, key) => (key === 'data' ? { data: one } : one)) },
  { name: 'a list of everything', says: 'nonsense', does: reshaped((one, key) => (key === '' ? [one] : one)) },
  { name: 'an empty object', says: 'nonsense', does: json(200, '{}') },
  { name: 'data is null', says: 'nonsense', does: json(200, '{"data":null}') },
  { name: 'the text null', says: 'nonsense', does: json(200, 'null') },
  { name: 'a list of nulls', says: 'nonsense', does: json(200, '{"data":[null,null],"pagination":{"total":"2"}}') },
  {
    name: 'names that every object has',
    says: 'nonsense',
    does: json(200, '{"data":{"__proto__":{"token":"t"},"constructor":"c","toString":1,"hasOwnProperty":null}}'),
  },
]

const NOT_JSON: Awkwardness[] = [
  { name: 'an empty 200', says: 'nonsense', does: json(200, '') },
  { name: 'a 204 to everything', says: 'nonsense', does: always(204, 'application/json', '') },
  { name: 'invalid JSON', says: 'nonsense', does: json(200, "{'data': undefined}") },
  {
    name: 'JSON cut in the middle, its length right',
    says: 'nonsense',
    does: async ({ forward, response }) => {
      const answer = await forward()
      send(response, { ...answer, body: answer.body.subarray(0, Math.max(1, answer.body.length >> 1)) })
    },
  },
  { name: 'JSON a hundred thousand lists deep', says: 'nonsense', does: json(200, '['.repeat(100_000)) },
  {
    name: 'JSON that closes a hundred thousand lists',
    says: 'nonsense',
    does: json(200, `{"data":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
  },
  { name: 'bytes that are no UTF-8', says: 'nonsense', does: json(200, Buffer.from([0xff, 0xfe, 0x00, 0xc3, 0x28])) },
  { name: 'a page of HTML', says: 'nonsense', does: always(200, 'text/html', '<!doctype html><title>Welcome</title>') },
  {
    name: 'a balancer’s 502 in HTML',
    says: 'refusal',
    does: always(502, 'text/html', '<html><h1>502 Bad Gateway</h1><hr><center>nginx</center></html>'),
  },
  { name: 'a 500 without a body', says: 'refusal', does: always(500, 'text/plain', '') },
  { name: 'a 418 in plain text', says: 'refusal', does: always(418, 'text/plain', 'short and stout') },
  {
    name: 'an error that would repaint the terminal',
    says: 'refusal',
    does: json(400, JSON.stringify({ error: { code: HOSTILE_TEXT, message: HOSTILE_TEXT } })),
  },
  { name: 'an error whose parts are lists', says: 'refusal', does: json(400, '{"error":{"code":[],"message":{}}}') },
]

// Too much, too slow

/** A JSON text that is not finished before it is `bytes` long; the asker may hang up on the way. */
async function stream({ response, gone }: Exchange, bytes: number): Promise<void> {
  const block = Buffer.alloc(MIB, 'a')
  response.write('{"data":"')
  for (let sent = 0; sent < bytes && !gone.aborted; sent += block.length) {
    if (!response.write(block)) await once(response, 'drain', { signal: gone }).catch(() => {})
  }
  if (!gone.aborted) response.end('"}')
}

const TOO_MUCH: Awkwardness[] = [
  {
    name: '100 MB',
    says: 'nothing',
    heavy: true,
    does: (exchange) => {
      exchange.response.writeHead(200, { 'content-type': 'application/json' })
      return stream(exchange, 100 * MIB)
    },
  },
  {
    name: 'a body that never ends',
    says: 'nothing',
    heavy: true,
    does: (exchange) => {
      exchange.response.writeHead(200, { 'content-type': 'application/json' })
      return stream(exchange, Number.POSITIVE_INFINITY)
    },
  },
  {
    name: 'a gzip bomb of 4 GB',
    says: 'nothing',
    heavy: true,
    does: always(200, 'application/json', bomb(), { 'content-encoding': 'gzip' }),
  },
  {
    name: 'compressed without being asked',
    says: 'sense',
    does: async ({ forward, response }) => {
      const answer = await forward()
      const headers = { ...answer.headers, 'content-encoding': 'gzip' }
      send(response, { ...answer, headers, body: gzipSync(answer.body) })
    },
  },
  {
    name: 'said to be compressed, and it is not',
    says: 'nothing',
    does: async ({ forward, response }) => {
      const answer = await forward()
      send(response, { ...answer, headers: { ...answer.headers, 'content-encoding': 'gzip' } })
    },
  },
  {
    name: 'headers of 64 KB',
    says: 'nothing',
    does: always(200, 'application/json', '{}', { 'x-enormous': 'e'.repeat(64 * 1024) }),
  },
  {
    name: 'five thousand headers',
    says: 'nothing',
    heavy: true,
    does: raw(
      `HTTP/1.1 200 OK\r\n${Array.from({ length: 5_000 }, (_, n) => `x-${n}: ${n}\r\n`).join('')}content-length: 2\r\n\r\n{}`,
    ),
  },
]

/** 4 MB on the wire and 4 GB unpacked: a file of gzip may have many members. */
function bomb(): Buffer {
  const member = gzipSync(Buffer.alloc(16 * MIB, ' '), { level: 9 })
  return Buffer.concat(Array.from({ length: 256 }, () => member))
}

/** One byte a second, for ever. */
async function drip(write: (text: string) => void, gone: AbortSignal): Promise<void> {
  while (!gone.aborted) {
    write(' ')
    await delay(1_000, undefined, { signal: gone }).catch(() => {})
  }
}

const TOO_SLOW: Awkwardness[] = [
  {
    name: 'headers a byte a second',
    says: 'nothing',
    slow: true,
    does: ({ socket, gone }) => {
      socket.write('HTTP/1.1 200 OK\r\nx-drip: ')
      return drip((text) => socket.write(text.replace(' ', 'd')), gone)
    },
  },
  {
    name: 'a body a byte a second',
    says: 'nothing',
    slow: true,
    does: ({ response, gone }) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      return drip((text) => response.write(text), gone)
    },
  },
  {
    name: 'a promise to continue every second',
    says: 'nothing',
    slow: true,
    does: ({ socket, gone }) => drip(() => socket.write('HTTP/1.1 100 Continue\r\n\r\n'), gone),
  },
  { name: 'silence', says: 'nothing', slow: true, does: ({ gone }) => once(gone, 'abort').then(() => {}) },
]

// Connections and the protocol

/** Exactly these bytes in place of an answer, and then the end. */
function raw(bytes: string): Behaviour {
  return ({ socket }) => {
    socket.end(bytes)
  }
}

export const resetBeforeHeaders: Behaviour = ({ socket }) => {
  socket.resetAndDestroy()
}

export const resetInTheBody: Behaviour = async ({ forward, response, socket }) => {
  const { status, headers, body } = await forward()
  response.writeHead(status, { ...headers, 'content-length': String(body.length + 100) })
  // The bytes must have left before the reset overtakes them.
  await new Promise((resolve) => response.write(body, resolve))
  socket.resetAndDestroy()
}

const CONNECTIONS: Awkwardness[] = [
  { name: 'a reset before the answer', says: 'nothing', does: resetBeforeHeaders },
  { name: 'a reset in the body', says: 'nothing', does: resetInTheBody },
  { name: 'the end without an answer', says: 'nothing', does: raw('') },
  { name: 'the end in the headers', says: 'nothing', does: raw('HTTP/1.1 200 OK\r\ncontent-ty') },
  {
    name: 'the end in the body',
    says: 'nothing',
    does: raw('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{"data":'),
  },
]

const PROTOCOL: Awkwardness[] = [
  {
    // Allowed, and never sent by a server that was not asked to: undici takes it for a broken answer.
    name: 'a hundred times continue, then the answer',
    says: 'nothing',
    does: (exchange) => {
      for (let count = 0; count < 100; count += 1) exchange.response.writeContinue()
      return passOn(exchange)
    },
  },
  {
    name: 'early hints, then the answer',
    says: 'sense',
    does: (exchange) => {
      exchange.response.writeEarlyHints({ link: '</style.css>; rel=preload' })
      return passOn(exchange)
    },
  },
  {
    name: 'another protocol, unasked',
    says: 'nothing',
    does: raw('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n'),
  },
  {
    name: 'headers that are there twice',
    says: 'sense',
    does: async ({ forward, response }) => {
      const answer = await forward()
      const twice = { 'x-request-id': ['one', 'two'], 'set-cookie': ['a=1', 'b=2'], date: ['yesterday', 'tomorrow'] }
      send(response, { ...answer, headers: { ...answer.headers, ...twice } })
    },
  },
  {
    name: 'two lengths that contradict',
    says: 'nothing',
    does: raw('HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 20\r\n\r\n{}'),
  },
  {
    name: 'a length and chunks at once',
    says: 'nothing',
    does: raw('HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n'),
  },
  {
    name: 'chunks that are garbage',
    says: 'nothing',
    does: raw('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\nzz\r\n!!'),
  },
  {
    name: 'a chunk of an absurd size',
    says: 'nothing',
    does: raw('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n{}'),
  },
  { name: 'the status 999', says: 'refusal', does: raw('HTTP/1.1 999 Beyond\r\ncontent-length: 2\r\n\r\n{}') },
  { name: 'the status 42', says: 'nothing', does: raw('HTTP/1.1 42 Short\r\ncontent-length: 2\r\n\r\n{}') },
  { name: 'not HTTP', says: 'nothing', does: raw('SSH-2.0-OpenSSH_9.6\r\n\u0000\u0001\u0002') },
  {
    name: 'two answers to one request',
    says: 'nonsense',
    does: ({ socket }) => {
      const one = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"data":[]}'
      socket.write(one + one)
    },
  },
]

// Other hosts, other times, other paces

/** A loop, by the same address. */
const LOOP: Behaviour = ({ asked, response }) => {
  response.writeHead(307, { location: asked.path }).end()
}

const ELSEWHERE: Awkwardness[] = [
  { name: 'a redirect loop', says: 'refusal', does: LOOP },
  { name: 'a redirect to nowhere', says: 'refusal', does: always(302, 'text/plain', '') },
]

/** Redirects to a host that must never hear of it. */
export function redirectTo(url: string, status: number): Behaviour {
  return ({ asked, response }) => {
    response.writeHead(status, { location: `${url}${asked.path}?${asked.query}` }).end()
  }
}

function limited(retryAfter: Record<string, string>): Behaviour {
  const body = JSON.stringify({ error: { code: 'rate_limited', message: 'Too many requests' } })
  return always(429, 'application/json', body, retryAfter)
}

/** Each is for ever: what a client makes of the wait that is asked for is its own bound. */
export const LIMITED: Awkwardness[] = [
  { name: '429 for ever, come back in a day', says: 'refusal', does: limited({ 'retry-after': '99999' }) },
  { name: '429 for ever, come back in the past', says: 'refusal', does: limited({ 'retry-after': '-5' }) },
  { name: '429 for ever, come back NaN', says: 'refusal', does: limited({ 'retry-after': 'NaN' }) },
  { name: '429 for ever, come back never', says: 'refusal', does: limited({ 'retry-after': 'Infinity' }) },
  {
    name: '429 for ever, come back on a date',
    says: 'refusal',
    does: limited({ 'retry-after': 'Fri, 01 Jan 2100 00:00:00 GMT' }),
  },
  {
    name: '429 for ever, the window ends in the year 5138',
    says: 'refusal',
    does: limited({ 'x-ratelimit-reset': '99999999999' }),
  },
]

const TIMES: Awkwardness[] = ['Thu, 01 Jan 1970 00:00:00 GMT', 'Fri, 31 Dec 9999 23:59:59 GMT', 'half past ten'].map(
  (date) => ({
    name: `a clock that says ${date}`,
    says: 'sense',
    does: async ({ forward, response }) => {
      const answer = await forward()
      send(response, { ...answer, headers: { ...answer.headers, date } })
    },
  }),
)

/** All but the limited ones, whose bound is the client's patience and not a request's deadline. */
export const BROKEN: readonly Awkwardness[] = [
  ...WRONG_TYPES,
  ...NOT_JSON,
  ...TOO_MUCH,
  ...TOO_SLOW,
  ...CONNECTIONS,
  ...PROTOCOL,
  ...ELSEWHERE,
  ...TIMES,
]

/** The one of that name, for tests that need a certain one. */
export function broken(name: string): Behaviour {
  const found = [...BROKEN, ...LIMITED].find((one) => one.name === name)
  if (found === undefined) throw new Error(`there is no awkwardness '${name}'`)
  return found.does
}
