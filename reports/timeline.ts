// The picture of a fault: a lane for each class of endpoints, one below the other on one time axis. Bars are requests a second,
// those that failed in red on top; the line is how long they took. What was done and what was seen stands above, where it was.

import { max } from 'd3-array'
import { scaleLinear, scaleSqrt } from 'd3-scale'
import { line } from 'd3-shape'
import type { CheckDetails } from '../harness/result.ts'
import {
  at,
  axisText,
  CHARACTER,
  figure,
  LABEL_CHARACTERS,
  LABEL_ROW,
  stackLabels,
  TITLE_CHARACTERS,
  ticksOf,
  WIDTH,
} from './charts.ts'
import { count, plural, quantity, scaleFor } from './format.ts'
import { html, type Markup } from './html.ts'
import { clip } from './visible.ts'

type Timeline = Extract<CheckDetails['charts'][number], { kind: 'timeline' }>
type Lane = Timeline['lanes'][number]
type Point = Lane['points'][number]

const LANE = 40
const LANE_GAP = 8
/** A lane's name, and behind it its fastest rate and its slowest answer. */
const NAME_CHARACTERS = 12
const FIGURE_CHARACTERS = 9
const LANES_MAX = 16

export function timeline(chart: Timeline): Markup {
  const lanes = chart.lanes.filter(({ points }) => points.length > 0).slice(0, LANES_MAX)
  if (lanes.length === 0) return figure(chart.title, 'No requests.', html``)
  const until = Number.isFinite(chart.until_s) && chart.until_s > 0 ? chart.until_s : 1
  const left = NAME_CHARACTERS * CHARACTER
  const right = WIDTH - FIGURE_CHARACTERS * CHARACTER
  const x = scaleLinear([0, until], [left, right])

  const windows = chart.windows.filter(({ from, to }) => Number.isFinite(from) && Number.isFinite(to))
  const marks = chart.marks.filter((mark) => Number.isFinite(mark.at))
  const labels = stackLabels(
    marks.map((mark) => ({ at: x(mark.at), text: clip(mark.label, LABEL_CHARACTERS) })),
    left,
    WIDTH,
  )
  const top = 6 + Math.max(0, ...labels.map((label) => label.row + 1)) * LABEL_ROW
  const bottom = top + lanes.length * (LANE + LANE_GAP)

  const scale = scaleFor(until, 's')
  const shown = scaleLinear([0, until / scale.divisor], [left, right])
  const ticks = ticksOf(shown, 5)

  const all = lanes.flatMap(({ points }) => points)
  const failed = all.reduce((sum, point) => sum + point.failed, 0)
  const total = all.reduce((sum, point) => sum + point.ok + point.failed, 0)
  const caption = [
    plural(total, 'request', 'requests'),
    failed === 0 ? 'none failed' : `${count(failed)} without success, in red`,
    'bars: requests a second, their most behind each lane; line: nine of ten answers within, the slowest behind',
  ].join(' · ')

  return figure(
    chart.title,
    caption,
    html`<svg class="chart lanes" viewBox="0 0 ${WIDTH} ${bottom + 26}" role="img" aria-label="${clip(chart.title, TITLE_CHARACTERS)}: ${caption}">
${windows.map(
  ({ from, to, label }) =>
    html`<rect class="window" x="${at(x(from))}" y="${top}" width="${at(Math.max(x(to) - x(from), 1))}" height="${bottom - top}"><title>${clip(label, TITLE_CHARACTERS)}: ${quantity(from, 's')} to ${quantity(to, 's')}</title></rect>\n`,
)}<g class="axis">${ticks.values.map(
      (value, index) =>
        html`<path class="grid" d="M${at(shown(value))} ${top}V${bottom}"/><text x="${at(shown(value))}" y="${bottom + 18}" text-anchor="middle">${axisText(value, { divisor: 1, unit: scale.unit }, ticks.step, index === ticks.values.length - 1)}</text>`,
    )}</g>
${lanes.map((lane, index) => drawLane(lane, chart.step_s, x, top + index * (LANE + LANE_GAP), right))}
${labels.map((label) => html`<path class="mark-line" d="M${at(label.at)} ${label.row * LABEL_ROW + 4}V${bottom}"/>`)}
${labels.map(
  (label) =>
    html`<text class="where" x="${at(label.fits ? label.at + 4 : label.at - 4)}" y="${14 + label.row * LABEL_ROW}" text-anchor="${label.fits ? 'start' : 'end'}">${label.text}</text>\n`,
)}</svg>`,
  )
}

function drawLane(
  { name, points }: Lane,
  step_s: number,
  x: (s: number) => number,
  top: number,
  right: number,
): Markup {
  const bottom = top + LANE
  const most = max(points, ({ ok, failed }) => ok + failed) ?? 1
  const height = scaleLinear([0, Math.max(most, 1)], [0, LANE])
  const slowest = max(points, ({ latency_ms }) => latency_ms ?? 0) ?? 0
  // A tenfold latency shall be seen, and a hundredfold not press everything else to the bottom.
  const y = scaleSqrt([0, Math.max(slowest, 1)], [bottom, top])
  const answered = points.filter((point): point is Point & { latency_ms: number } => point.latency_ms !== null)
  // Where nothing was asked there is no line.
  const stretches = answered.reduce<(typeof answered)[]>((all, point) => {
    const before = all.at(-1)?.at(-1)
    if (before === undefined || point.x - before.x > step_s * 1.5) all.push([point])
    else all.at(-1)!.push(point)
    return all
  }, [])
  const path = line<Point & { latency_ms: number }>()
    .x((point) => x(point.x + step_s / 2))
    .y((point) => y(point.latency_ms))
    .digits(1)
  return html`<g><text x="${x(0) - 8}" y="${bottom - LANE / 2 + 4}" text-anchor="end">${clip(name, NAME_CHARACTERS + 2)}</text>
<path class="grid" d="M${at(x(0))} ${bottom}H${right}"/>
<g class="bars">${points.map((point) => bar(point, point.ok, 0, step_s, x, bottom, height, name))}</g>
${points.filter(({ failed }) => failed > 0).map((point) => bar(point, point.failed, point.ok, step_s, x, bottom, height, name, 'failed'))}
<path class="trend" d="${stretches.map((stretch) => path(stretch) ?? '').join('')}"/>
<text x="${right + 6}" y="${top + 14}">${count(Math.round((most / step_s) * 10) / 10)}/s</text>
<text class="trend-name" x="${right + 6}" y="${top + 30}">${quantity(slowest, 'ms')}</text></g>
`
}

function bar(
  point: Point,
  requests: number,
  below: number,
  step_s: number,
  x: (s: number) => number,
  bottom: number,
  height: (requests: number) => number,
  name: string,
  kind = '',
): Markup {
  if (requests === 0) return html``
  const from = x(point.x)
  // One failure among many must still be seen.
  const tall = Math.max(height(requests), 1.5)
  const latency =
    point.latency_ms === null ? 'none was answered' : `nine of ten within ${quantity(point.latency_ms, 'ms')}`
  return html`<rect class="${kind}" x="${at(from + 0.3)}" y="${at(bottom - height(below) - tall)}" width="${at(Math.max(x(point.x + step_s) - from - 0.6, 0.8))}" height="${at(tall)}"><title>${clip(name, NAME_CHARACTERS + 2)} at ${quantity(point.x, 's')}: ${count(point.ok)} succeeded, ${count(point.failed)} did not; ${latency}</title></rect>`
}
