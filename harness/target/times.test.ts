// Looking at real servers on sockets: honest ones, slow ones, ones whose clock is off and ones that answer garbage.

import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer as createRawServer } from 'node:net'
import { afterAll, describe, expect, test } from 'vitest'
import { Conman } from './conman.ts'
import { fingerprintOf } from './first-look.ts'
import { HttpClient } from './http.ts'
import { clockAhead, look } from './times.ts'

const servers: { close(): void; closeAllConnections?(): void }[] = []
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections?.()
    server.close()
  }
})

async function listening(server: Server | ReturnType<typeof createRawServer>): Promise<string> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
const serve = (answer: RequestListener) => listening(createServer(answer))

const HEALTH = JSON.stringify({ status: 'ok', version: '1.2.3', components: [{ name: 'mongodb', status: 'healthy' }] })

describe('the clock', () => {
  const at = Date.parse('2026-11-22T05:00:00Z')

  test('a Date names a whole second: one answer tells half a second more or less, and half its round trip', () => {
    expect(clockAhead([{ sent: at + 400, received: at + 420, date: at }])).toEqual({ value: 90, uncertainty: 510 })
  })

  test('answers on both sides of a second’s turn tell more', () => {
    const before = { sent: at + 960, received: at + 970, date: at }
    const after = { sent: at + 1_010, received: at + 1_020, date: at + 1_000 }
    const clock = clockAhead([before, after])
    expect(clock?.uncertainty).toBe(30)
    expect(Math.abs(clock?.value ?? 999)).toBeLessThanOrEqual(30)
  })

  test('where dates contradict each other the quickest answer is believed', () => {
    const quick = { sent: at, received: at + 10, date: at }
    const cached = { sent: at + 5_000, received: at + 5_400, date: at - 60_000 }
    expect(clockAhead([cached, quick])).toEqual(clockAhead([quick]))
  })

  test('no date, no difference', () => {
    expect(clockAhead([])).toBeNull()
  })

  test.each([-90_000, 0, 3_600_000])('a server whose clock is off by %i ms', async (off) => {
    const base = await serve((_, response) => {
      response.setHeader('date', new Date(Date.now() + off).toUTCString())
      response.setHeader('content-type', 'application/json')
      response.end(HEALTH)
    })
    await using http = new HttpClient(base)
    const { times } = await look(http)
    const clock = times.clock_ahead_ms
    expect(clock).not.toBeNull()
    expect(Math.abs((clock?.value ?? 0) - off)).toBeLessThanOrEqual((clock?.uncertainty ?? 0) + 1)
  })
})

describe('times', () => {
  test('five health requests and one of the description, no more', async () => {
    const asked: string[] = []
    const base = await serve((request, response) => {
      asked.push(`${request.method} ${request.url}`)
      response.setHeader('content-type', 'application/json')
      response.end(request.url === '/api/openapi.json' ? '{"openapi":"3.1.0"}' : HEALTH)
    })
    await using http = new HttpClient(base)
    const seen = await fingerprintOf(new Conman(http), KNOWN, 12.345)
    expect(asked.toSorted()).toEqual([...Array(5).fill('GET /api/health'), 'GET /api/openapi.json'])
    expect(seen).toMatchObject({ version: '1.2.3', health: [{ name: 'mongodb', status: 'healthy' }] })
    expect(seen.openapi_sha256).toMatch(/^[0-9a-f]{64}$/)
    expect(seen.times?.health_ms?.n).toBe(5)
    expect(seen.times?.login_ms).toBe(12.3)
    expect(seen.times?.openapi_ms).toBeGreaterThan(0)
  })

  test('the slowest of them is told, and the median is not moved by it', async () => {
    let asked = 0
    const base = await serve((_, response) => {
      asked += 1
      setTimeout(() => response.end(HEALTH), asked === 2 ? 400 : 0)
    })
    await using http = new HttpClient(base)
    const { times } = await look(http)
    // A timer never fires early: the slow answer took at least this long.
    expect(times.health_ms?.worst).toBeGreaterThanOrEqual(395)
    expect(times.health_ms?.median).toBeLessThan(times.health_ms?.worst ?? 0)
  })

  test('what is no 200 has no time', async () => {
    let asked = 0
    const base = await serve((_, response) => {
      asked += 1
      response.statusCode = asked % 2 === 0 ? 429 : 200
      response.end(HEALTH)
    })
    await using http = new HttpClient(base)
    const { times } = await look(http)
    expect(times.health_ms?.n).toBe(3)
    expect(times.openapi_ms).toBeNull()
  })

  test('a server that never ends its answers costs a bounded time', async () => {
    const base = await serve((_, response) => {
      response.write('{')
      // And never the rest.
    })
    await using http = new HttpClient(base)
    const { health, openapi, times } = await look(http, 500)
    expect(health).toBeUndefined()
    expect(openapi).toBeUndefined()
    expect(times).toEqual({ health_ms: null, openapi_ms: null, clock_ahead_ms: null })
  })

  test('garbage is no error: dates that are none, other JSON, bytes, a closed door', async () => {
    const odd = await serve((_, response) => {
      response.setHeader('date', 'yesterday, about noon')
      response.end(JSON.stringify({ version: ['x'], components: [null, 7, { name: {}, status: 'y'.repeat(9_999) }] }))
    })
    const bytes = await listening(
      createRawServer((socket) => socket.on('error', () => {}).end('\0\xff no HTTP\r\n\r\n')),
    )
    const closed = await serve((request) => request.destroy())
    for (const base of [odd, bytes, closed]) {
      await using http = new HttpClient(base)
      const seen = await fingerprintOf(new Conman(http), KNOWN)
      expect(seen.version).toBeNull()
      expect(seen.times?.clock_ahead_ms).toBeNull()
      for (const { status } of seen.health) expect(status.length).toBeLessThanOrEqual(201)
    }
  })
})

const KNOWN = { kind: 'url' as const, address: 'http://x', capabilities: [], settings: {}, mongodb: null }
