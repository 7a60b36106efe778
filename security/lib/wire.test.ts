// The bytes that leave are the bytes that were given: held against a socket that writes down what comes.

import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { Wire } from './wire.ts'

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.close()
    await once(server, 'close')
  }
})

/** Answers each connection by `answer`, and keeps what it was sent. */
async function echo(
  answer: (socket: Socket, received: Buffer) => void,
): Promise<{ wire: Wire; received(): Buffer; from(): string | undefined }> {
  let received = Buffer.alloc(0)
  let from: string | undefined
  const server = createServer((socket) => {
    from = socket.remoteAddress
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      answer(socket, received)
    })
  })
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  return { wire: new Wire(`http://127.0.0.1:${port}`), received: () => received, from: () => from }
}

const answering = (text: string) => echo((socket, received) => void (received.includes('\r\n\r\n') && socket.end(text)))

describe('what is sent', () => {
  test.each([
    '/a/../../etc/passwd',
    '/a/%2e%2e/b',
    '/..%2f..%5C..\\b',
    '/a b\tc',
    '/ü/\u2215/\uff0e\uff0e/',
    '/a?x[$gt]=&x=1&x=2#fragment',
    '//double//slash',
    '*',
    'http://elsewhere.example/absolute',
  ])('the path %j arrives as it was given', async (path) => {
    const { wire, received } = await answering(OK)
    expect((await wire.send({ method: 'GET', path })).status).toBe(200)
    expect(received()).toEqual(Buffer.from(`GET ${path} HTTP/1.1\r\nhost: ${wire.host}\r\n\r\n`))
  })

  test('so do bytes that are no text, header names and values, their order, and what is twice', async () => {
    const { wire, received } = await echo(
      (socket, all) => void (all.toString('latin1').endsWith('}}') && socket.end(OK)),
    )
    await wire.send({
      method: 'pOsT',
      path: Buffer.from([0x2f, 0xff, 0x00, 0x80]),
      headers: [
        ['Host', 'other'],
        ['X-A', ' 1\u000b'],
        ['content-length', '3'],
        ['Content-Length', '4'],
        ['x-a', '2'],
      ],
      body: '{"a":1,"a":2,"__proto__":{}}',
    })
    const wanted = Buffer.concat([
      Buffer.from('pOsT '),
      Buffer.from([0x2f, 0xff, 0x00, 0x80]),
      Buffer.from(
        ' HTTP/1.1\r\nHost: other\r\nX-A:  1\u000b\r\ncontent-length: 3\r\nContent-Length: 4\r\nx-a: 2\r\n\r\n{"a":1,"a":2,"__proto__":{}}',
      ),
    ])
    expect(received()).toEqual(wanted)
  })

  test('a body has its length in bytes, unless a length or an encoding was given', async () => {
    const { wire } = await answering(OK)
    const head = (headers: [string, string][]) =>
      wire.bytesOf({ method: 'POST', path: '/', headers, body: 'ü' }).head.toString()
    expect(head([])).toContain('\r\ncontent-length: 2\r\n')
    expect(head([['transfer-encoding', 'chunked']])).not.toContain('content-length')
  })

  test('what stands before /api stands before the path', () => {
    const wire = new Wire('http://conman.example/base/')
    expect(wire.bytesOf({ method: 'GET', path: '/api/x' }).head.toString()).toMatch(/^GET \/base\/api\/x HTTP/)
  })

  test('a connection can come from another address of this machine', async () => {
    const { wire, from } = await answering(OK)
    await wire.send({ method: 'GET', path: '/' }, { from: '127.0.0.7' })
    expect(from()).toBe('127.0.0.7')
  })

  test('a body is held until the server wants it, and not sent to one that refuses', async () => {
    const willing = await echo((socket, received) => {
      if (received.toString().endsWith('\r\n\r\n')) socket.write('HTTP/1.1 100 Continue\r\n\r\n')
      if (received.toString().endsWith('body')) socket.end(OK)
    })
    const held = { method: 'POST', path: '/', headers: [['expect', '100-continue']] as const, body: 'body' }
    expect(await willing.wire.send(held, { holdBody_ms: 20_000 })).toMatchObject({ status: 200, interim: [100] })
    const refusing = await answering('HTTP/1.1 417 No\r\ncontent-length: 0\r\n\r\n')
    const answer = await refusing.wire.send(held, { holdBody_ms: 20_000 })
    expect(answer.status).toBe(417)
    expect(refusing.received().toString()).not.toContain('body')
  })
})

describe('what is read', () => {
  test.each([
    ['a length', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 8\r\nX-A: 1\r\nx-a: 2\r\n\r\n{"a":"b"}', 403, '{"a":"b"'],
    ['chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n', 200, '{}'],
    ['the end of the connection', 'HTTP/1.1 400 Bad\r\n\r\nplain', 400, 'plain'],
    ['no body', 'HTTP/1.1 204 No Content\r\n\r\n', 204, ''],
  ])('an answer ended by %s', async (_name, text, status, body) => {
    const { wire } = await answering(text)
    expect(await wire.send({ method: 'GET', path: '/' })).toMatchObject({ status, text: body })
  })

  test.each([
    ['no HTTP', 'SSH-2.0-x\r\n\r\n', 'unreadable'],
    ['a body that is cut short', 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort', 'connection'],
    ['chunks without an end', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nshort', 'connection'],
    ['nothing', '', 'connection'],
    ['a head without an end', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(300_000)}`, 'unreadable'],
  ])('%s is no answer', async (_name, text, failed) => {
    const { wire } = await answering(text)
    expect(await wire.send({ method: 'GET', path: '/' })).toMatchObject({ status: 0, failed })
  })

  test('a server that says nothing is waited for so long', async () => {
    const { wire } = await echo(() => {})
    expect(await wire.send({ method: 'GET', path: '/' }, { within_ms: 50 })).toMatchObject({
      status: 0,
      failed: 'deadline',
    })
  })

  test('an answer in the middle of a long body counts, and the rest is not sent', async () => {
    const { wire } = await echo((socket) => socket.end('HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n'))
    const answer = await wire.send({ method: 'POST', path: '/', body: Buffer.alloc(64 * 1024 * 1024) })
    expect(answer.status === 413 || answer.failed === 'connection').toBe(true)
    expect(answer.bytes_sent).toBeLessThan(64 * 1024 * 1024)
  })
})
