// The bounds of one request, on small servers: how long, how much, how far unpacked, where it goes, and what is counted.
// (Every other way in which a server can be wrong: test/awkward/.)

import { getEventListeners, once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { BODY_BYTES_MAX, HttpClient } from './http.ts'

interface Served extends AsyncDisposable {
  url: string
  http: HttpClient
  asked: IncomingMessage[]
}

async function serving(answer: (response: ServerResponse, request: IncomingMessage) => unknown): Promise<Served> {
  const asked: IncomingMessage[] = []
  const server = createServer((request, response) => {
    asked.push(request)
    answer(response, request)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const http = new HttpClient(url)
  return {
    url,
    http,
    asked,
    async [Symbol.asyncDispose]() {
      await http[Symbol.asyncDispose]()
      server.closeAllConnections()
      server.close()
    },
  }
}

describe('time', () => {
  test('an answer that drips is given up at the deadline, and its connection closed', async () => {
    const gone = Promise.withResolvers<void>()
    await using there = await serving(async (response) => {
      response.on('close', gone.resolve)
      response.writeHead(200)
      // Whole in the end, long after the deadline: who reads on has an answer.
      for (let drop = 0; drop < 300 && !response.destroyed; drop += 1) {
        response.write(' ')
        await delay(20)
      }
      response.end('{}')
    })
    const answer = await there.http.request('GET', '/api/apps', { within_ms: 300 })
    expect(answer).toMatchObject({ status: 0, failed: 'deadline', failure: 'no whole answer within 0.3 s' })
    expect(answer.duration_ms).toBeGreaterThanOrEqual(299)
    await gone.promise
  })

  test('a caller’s abort ends it with the caller’s reason, and nothing stays behind on the signal', async () => {
    await using there = await serving((response, { url }) => (url === '/api/silent' ? undefined : response.end('{}')))
    const ending = new AbortController()
    await there.http.request('GET', '/api/apps', { signal: ending.signal })
    expect(getEventListeners(ending.signal, 'abort')).toEqual([])
    const asked = there.http.request('GET', '/api/silent', { signal: ending.signal })
    await expect.poll(() => there.asked.length).toBe(2)
    ending.abort(new Error('interrupted'))
    await expect(asked).rejects.toThrow('interrupted')
    await expect(there.http.request('GET', '/api/apps', { signal: ending.signal })).rejects.toThrow('interrupted')
    expect(there.asked).toHaveLength(2)
  })
})

describe('size', () => {
  test('as much as is allowed is read, and a byte more is not', async () => {
    await using there = await serving((response, { url }) =>
      response.end(Buffer.alloc(BODY_BYTES_MAX + (url === '/api/more' ? 1 : 0), ' ')),
    )
    expect((await there.http.request('GET', '/api/most')).text).toHaveLength(BODY_BYTES_MAX)
    expect(await there.http.request('GET', '/api/more')).toMatchObject({
      status: 0,
      text: '',
      failed: 'too-large',
      failure: `the answer (HTTP 200) is more than ${BODY_BYTES_MAX} bytes`,
    })
  })

  test('of an answer without an end no more is taken than is allowed and what is on its way', async () => {
    const block = Buffer.alloc(1024 * 1024)
    let sent = 0
    function* endless() {
      for (;;) {
        sent += block.length
        yield block
      }
    }
    // It ends only by the client's hanging up.
    await using there = await serving((response) => pipeline(endless, response).catch(() => {}))
    expect(await there.http.request('GET', '/api/endless')).toMatchObject({ failed: 'too-large' })
    expect(sent).toBeLessThan(2 * BODY_BYTES_MAX)
  })
})

describe('encodings', () => {
  const compress = {
    gzip: gzipSync,
    'x-gzip': gzipSync,
    deflate: deflateSync,
    br: brotliCompressSync,
    zstd: zstdCompressSync,
  }
  const encodings = Object.entries(compress)

  test.each(encodings)('none is asked for, and what comes in %s is read all the same', async (encoding, pack) => {
    await using there = await serving((response) =>
      response.writeHead(200, { 'content-encoding': encoding.toUpperCase() }).end(pack('{"data":"ä"}')),
    )
    expect((await there.http.request('GET', '/api/apps')).json).toEqual({ data: 'ä' })
    expect(there.asked[0]!.headers['accept-encoding']).toBe('identity')
  })

  test.each(encodings)('a bomb of %s is unpacked no further than an answer is read', async (encoding, pack) => {
    const bomb = pack(Buffer.alloc(4 * BODY_BYTES_MAX))
    await using there = await serving((response) => response.writeHead(200, { 'content-encoding': encoding }).end(bomb))
    expect(await there.http.request('GET', '/api/apps')).toMatchObject({
      status: 0,
      failed: 'too-large',
      failure: `the answer (HTTP 200) unpacks to more than ${BODY_BYTES_MAX} bytes`,
    })
  })

  test('what cannot be unpacked is said to be that', async () => {
    await using there = await serving((response, { url }) =>
      response.writeHead(200, { 'content-encoding': url === '/api/known' ? 'gzip' : 'constructor' }).end('{}'),
    )
    const known = await there.http.request('GET', '/api/known')
    expect(known).toMatchObject({ failed: 'unreadable', failure: expect.stringContaining('(HTTP 200) is no gzip: ') })
    const unknown = await there.http.request('GET', '/api/unknown')
    expect(unknown.failure).toBe('the answer (HTTP 200) comes in the encoding ‘constructor’')
  })
})

describe('where it goes', () => {
  test('a path before the API’s own is kept', async () => {
    await using there = await serving((response) => response.end('{}'))
    await using http = new HttpClient(`${there.url}/behind/a/proxy//`)
    await http.request('GET', '/api/apps?page=1')
    expect(there.asked[0]!.url).toBe('/behind/a/proxy/api/apps?page=1')
  })

  test.each([301, 307])('a %i is an answer: its host is told, and hears nothing', async (status) => {
    await using other = await serving((response) => response.end('{}'))
    const location = `${other.url}/api/auth/login`
    await using there = await serving((response) => response.writeHead(status, { location }).end())
    const body = { email: 'a@b.test', password: 'secret' }
    const answer = await there.http.request('POST', '/api/auth/login', { token: 't', body })
    expect(answer).toMatchObject({ status, redirectedTo: location })
    expect(other.asked).toEqual([])
    expect(there.asked).toHaveLength(1)
  })

  test('nobody there: the network’s own code says it', async () => {
    let url: string
    {
      await using there = await serving(() => {})
      url = there.url
    }
    await using http = new HttpClient(url)
    expect(await http.request('GET', '/api/apps')).toMatchObject({
      failed: 'connection',
      failure: expect.stringContaining('ECONNREFUSED'),
    })
  })
})

test('what is no JSON is text, and every request is counted by how it ended', async () => {
  await using there = await serving((response, { url }) => {
    if (url === '/api/reset') return response.destroy()
    response.writeHead(url === '/api/bad' ? 502 : 200).end('<html>')
  })
  expect(await there.http.request('GET', '/api/html')).toMatchObject({ status: 200, text: '<html>', json: undefined })
  for (const path of ['/api/bad', '/api/bad', '/api/reset']) await there.http.request('GET', path)
  expect(there.http.tally).toEqual({ requests: 4, by_status: { 200: 1, 502: 2, 'no answer': 1 } })
})
