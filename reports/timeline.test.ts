// The picture of a fault: what is drawn is what was there, and whatever a target says is shown and not obeyed.

import { expect, test } from 'vitest'
import { drawChart } from './charts.ts'

const point = (x: number, ok: number, failed = 0) => ({ x, ok, failed, latency_ms: 20 + x })
const draw = (changes: object = {}) =>
  String(
    drawChart(
      {
        kind: 'timeline',
        title: 'What happened while the primary steps down',
        step_s: 1,
        until_s: 10,
        lanes: [
          { name: 'git-read', points: [point(0, 4), point(1, 4), point(5, 3, 1)] },
          { name: 'health', points: [] },
        ],
        windows: [{ from: 4, to: 6, label: 'the primary steps down' }],
        marks: [
          { at: 4, label: 'injected' },
          { at: 4.1, label: 'observed' },
        ],
        ...changes,
      },
      100,
    ),
  )

test('a lane for each class that was asked, the window shaded, what was seen marked, what failed in red', () => {
  const picture = draw()
  expect(picture).toContain('12 requests · 1 without success, in red')
  expect(picture).toContain('>git-read</text>')
  expect(picture).not.toContain('>health</text>')
  expect(picture.match(/class="window"/g)).toHaveLength(1)
  expect(picture.match(/class="mark-line"/g)).toHaveLength(2)
  expect(picture.match(/<rect class="failed"/g)).toHaveLength(1)
  // Where nothing was asked there is no line: one from 0 to 1 s, one at 5 s.
  expect(/class="trend" d="([^"]+)"/.exec(picture)![1]!.match(/M/g)).toHaveLength(2)
})

test('nothing, no numbers, and names that are no names', () => {
  expect(draw({ lanes: [] })).toContain('No requests.')
  expect(
    draw({
      until_s: Number.NaN,
      windows: [{ from: Number.NaN, to: 2, label: '' }],
      marks: [{ at: Number.POSITIVE_INFINITY, label: '' }],
    }),
  ).not.toMatch(/NaN|Infinity/)
  const hostile = draw({ lanes: [{ name: '<script>alert(1)</script>', points: [point(0, 1)] }] })
  expect(hostile).not.toContain('<script>')
})
