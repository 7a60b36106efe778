// The other generator, really sent, against a server that writes down what comes; and the comparison of the two.

import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { resolveTool } from '../toolchain/resolve.ts'
import { addComparison } from './cross-check.ts'
import { attack } from './vegeta.ts'

test('vegeta sends what it is told, in order and at its rate', { timeout: 15 * 60_000 }, async () => {
  const seen: string[] = []
  const server = createServer((request, response) => {
    seen.push(`${request.url} ${request.headers.authorization}`)
    response.statusCode = request.url === '/3' ? 503 : 200
    response.end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const folder = mkdtempSync(join(tmpdir(), 'conman-readiness-vegeta-'))
  const run = { temporaryFolder: (label: string) => join(folder, label), signal: AbortSignal.timeout(60_000) }
  const tool = await resolveTool('vegeta', { install: true })
  const requests = [1, 2, 3, 4].map((number) => ({ url: `${base}/${number}`, token: `token-${number}` }))
  const hits = await attack(run, tool, { requests, ratePerS: 20, durationS: 1 })
  server.close()
  server.closeAllConnections()
  rmSync(folder, { recursive: true })
  const wanted = Array.from({ length: 20 }, (_, nth) => `/${(nth % 4) + 1} Bearer token-${(nth % 4) + 1}`)
  expect(seen.toSorted()).toEqual(wanted.toSorted())
  expect(hits.map(({ status }) => status)).toEqual(wanted.map((one) => (one.startsWith('/3') ? 503 : 200)))
  for (const { duration_ms } of hits) expect(duration_ms).toBeGreaterThan(0)
})

test('the ratio, and how far the intervals are apart', () => {
  const compare = (ours: number, theirs: number) => {
    const figures: Record<string, number> = {}
    const spread = (middle: number) => Array.from({ length: 1_000 }, (_, index) => middle + index / 100)
    const add = (name: string, value: number) => {
      figures[name.replace(/.*: /, '')] = value
    }
    addComparison(add, 0.99, spread(ours), spread(theirs), { name: 'vegeta', version: '12.12.0' })
    return figures
  }
  expect(compare(10, 10)).toMatchObject({ 'k6 ÷ vegeta': 1, 'the two intervals are apart by': 0 })
  expect(compare(60, 10)['the two intervals are apart by']).toBeCloseTo(50, 0)
  expect(compare(10, 60)['the two intervals are apart by']).toBeCloseTo(50, 0)
})
