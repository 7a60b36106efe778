// The text format, as its specification says it, as a real library writes it, and as a target may spoil it.

import fc from 'fast-check'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { parseExposition } from './exposition.ts'

/** The specification's own example. */
const EXAMPLE = `# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\\\DIR\\\\FILE.TXT",error="Cannot find file:\\n\\"FILE.TXT\\""} 1.458255915e9

# Minimalistic line:
metric_without_timestamp_and_labels 12.47

# A weird metric from before the epoch:
something_weird{problem="division by zero"} +Inf -3982045

# TYPE rpc_duration_seconds summary
rpc_duration_seconds{quantile="0.01"} 3102
rpc_duration_seconds_sum 1.7560473e+07
rpc_duration_seconds_count 2693
`

test('the specification’s example', () => {
  const { samples, types, problems } = parseExposition(EXAMPLE)
  expect(problems).toEqual([])
  expect(types.get('rpc_duration_seconds')).toBe('summary')
  expect(samples.map(({ name, value }) => [name, value])).toEqual([
    ['http_requests_total', 1027],
    ['http_requests_total', 3],
    ['msdos_file_access_time_seconds', 1.458255915e9],
    ['metric_without_timestamp_and_labels', 12.47],
    ['something_weird', Number.POSITIVE_INFINITY],
    ['rpc_duration_seconds', 3102],
    ['rpc_duration_seconds_sum', 1.7560473e7],
    ['rpc_duration_seconds_count', 2693],
  ])
  expect({ ...samples[2]!.labels }).toEqual({
    path: 'C:\\DIR\\FILE.TXT',
    error: 'Cannot find file:\n"FILE.TXT"',
  })
})

test('what a library writes is read back, whatever the labels hold', async () => {
  const registry = new Registry()
  const counter = new Counter({ name: 'a_total', help: 'A', labelNames: ['path'], registers: [registry] })
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: 'binary' }),
      fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
      async (path, value) => {
        // The format has lines: a carriage return in a value is its own writer's affair.
        fc.pre(!path.includes('\r'))
        counter.reset()
        counter.inc({ path }, value)
        const { samples, problems } = parseExposition(await registry.metrics())
        expect(problems).toEqual([])
        expect(samples).toEqual([{ name: 'a_total', labels: expect.objectContaining({ path }), value }])
      },
    ),
  )
})

test('histograms and gauges of a library', async () => {
  const registry = new Registry()
  new Gauge({ name: 'depth', help: 'D', registers: [registry] }).set(-2)
  new Histogram({ name: 'seconds', help: 'S', buckets: [0.1, 1], registers: [registry] }).observe(0.5)
  const { samples, problems } = parseExposition(await registry.metrics())
  expect(problems).toEqual([])
  expect(samples.map(({ name, labels, value }) => [name, labels.le ?? '', value])).toEqual([
    ['depth', '', -2],
    ['seconds_bucket', '0.1', 0],
    ['seconds_bucket', '1', 1],
    ['seconds_bucket', '+Inf', 1],
    ['seconds_sum', '', 0.5],
    ['seconds_count', '', 1],
  ])
})

test('OpenMetrics: an exemplar and the end', () => {
  const { samples, problems } = parseExposition('a_bucket{le="1"} 5 # {trace_id="x"} 0.5\n# EOF\n')
  expect(problems).toEqual([])
  expect(samples).toMatchObject([{ name: 'a_bucket', value: 5 }])
})

test.each([
  ['{"error": "no such route"}', 'begins with no name'],
  ['<html>', 'begins with no name'],
  ['a', 'has no value'],
  ['a{b="c} 1', 'do not end'],
  ['a{b="c"', 'do not end'],
  ['a{b="c",b="d"} 1', 'the label b twice'],
  ['a one', 'no number'],
  ['a 0x10', 'no number'],
  ['a 1 2 3', 'no number'],
])('%s: no sample, and why', (line, problem) => {
  const { samples, problems } = parseExposition(`${line}\n`)
  expect(samples).toEqual([])
  expect(problems).toEqual([{ line: 1, problem: expect.stringContaining(problem) }])
})

test('a label may be called what an object has', () => {
  const { samples } = parseExposition('a{__proto__="x",constructor="y"} 1')
  expect(samples[0]!.labels.constructor).toBe('y')
  expect(Object.getPrototypeOf(samples[0]!.labels)).toBeNull()
})

test('an endless answer is bounded', () => {
  const { samples, problems } = parseExposition('a 1\n'.repeat(60_000))
  expect(samples.length).toBe(50_000)
  expect(problems.length).toBe(100)
})
