// What pods left, put together: sums, the worst of all, and that nothing is filled in where a part is missing.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readParts } from './parts.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'conman-readiness-parts-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const since = new Date(Date.now() - 60_000)
const read = () =>
  readParts(folder, { name: 'load', parallelism: 2, metrics: ['listing_ms', 'finished'], k6_version: '2.2.0', since })

const point = (metric: string, value: number, tags: Record<string, string> = {}) =>
  JSON.stringify({ type: 'Point', metric, data: { time: new Date().toISOString(), value, tags } })

function part(
  number: number,
  {
    instance = number,
    status = '200',
    ok = true,
    dropped = 0,
  }: { instance?: number; status?: string; ok?: boolean; dropped?: number } = {},
): void {
  const tags = { instance_id: String(instance), status }
  const lines = [
    point('listing_ms', 10, tags),
    point('listing_ms', 20, tags),
    point('finished', 1),
    point('http_reqs', 1),
  ]
  writeFileSync(join(folder, `load-${number}.json.gz`), gzipSync(`${lines.join('\n')}\n`))
  const metrics = {
    listing_ms: { values: {}, thresholds: { 'max<=500': { ok } } },
    dropped_iterations: { values: { count: dropped } },
  }
  writeFileSync(join(folder, `load-${number}.summary.json`), JSON.stringify({ metrics }))
}

function pods(...codes: (number | null)[]): void {
  const items = codes.map((exitCode, index) => ({
    metadata: { labels: { 'job-name': `load-${index + 1}` } },
    status: {
      containerStatuses: [{ name: 'k6', state: exitCode === null ? { running: {} } : { terminated: { exitCode } } }],
    },
  }))
  writeFileSync(join(folder, 'pods.json'), JSON.stringify({ items }))
}

test('two whole parts are one load', async () => {
  part(1)
  part(2, { dropped: 3 })
  pods(0, 0)
  const { generator, samples, counters } = await read()
  expect(samples.filter(({ metric }) => metric === 'listing_ms')).toHaveLength(4)
  expect(counters).toEqual({ listing_ms: 60, finished: 2 })
  expect(generator).toMatchObject({
    exit_code: 0,
    signal: null,
    summary_fresh: true,
    thresholds: [{ metric: 'listing_ms', threshold: 'max<=500', ok: true }],
    dropped_iterations: 3,
    processes_elsewhere: 2,
    log_tail: [],
  })
})

test('a threshold that one part missed is missed', async () => {
  part(1)
  part(2, { ok: false })
  pods(0, 99)
  expect((await read()).generator).toMatchObject({ exit_code: 99, thresholds: [{ ok: false }] })
})

test('the worst exit code counts, with the last lines of its pod', async () => {
  part(1)
  part(2)
  pods(107, 99)
  writeFileSync(join(folder, 'load-1.log'), 'it threw\n')
  writeFileSync(join(folder, 'load-2.log'), 'it ended\n')
  const { generator } = await read()
  expect(generator.exit_code).toBe(107)
  expect(generator.log_tail.at(-1)).toBe('load-1: it threw')
})

test.each<[string, () => void]>([
  ['no pods.json', () => {}],
  ['a pod that still runs', () => pods(0, null)],
])('%s: how it ended is not known', async (_, more) => {
  part(1)
  part(2)
  more()
  const { generator } = await read()
  expect(generator.exit_code).toBeNull()
  expect(generator.log_tail.at(-1)).toMatch(/pods\.json does not say how .*load-2 ended/)
})

test('a part that left nothing has no summary', async () => {
  part(1)
  pods(0, 0)
  const { generator, counters } = await read()
  expect(generator.summary_fresh).toBe(false)
  expect(counters.finished).toBe(1)
})

test('the same file under two names is refused', async () => {
  part(1)
  part(2, { instance: 1 })
  pods(0, 0)
  await expect(read()).rejects.toThrow(/load-2\.json\.gz holds samples of pod 1/)
})

test('a pod that never reached the target says nothing about the target', async () => {
  part(1)
  part(2, { status: '0' })
  pods(0, 0)
  await expect(read()).rejects.toThrow(/pod load-2 got no answer to any of 2 requests/)
})
