// The pictures, drawn when the page is made: every sample over time, and how the samples are distributed. Everything is
// labelled where it stands; there is no legend to look up and no script to run.

import { bin, descending, max, mean, median, min, quantile } from 'd3-array'
import { type ScaleLinear, scaleLinear } from 'd3-scale'
import { line } from 'd3-shape'
import type { CheckDetails } from '../harness/result.ts'
import { count, limitValue, plural, quantity, type Scale, scaleFor } from './format.ts'
import { html, type Markup } from './html.ts'
import { timeline } from './timeline.ts'
import { clip } from './visible.ts'

type Chart = CheckDetails['charts'][number]
type OverTime = Extract<Chart, { kind: 'over-time' }>
type Distribution = Extract<Chart, { kind: 'distribution' }>
type Point = OverTime['points'][number]

export const WIDTH = 520
const HEIGHT = 270
const BOTTOM = HEIGHT - 26
export const LABEL_ROW = 16
// Wide enough for a character of the larger type that a phone gets, so that labels never touch there either.
export const CHARACTER = 8

/** A median of fewer samples jumps with each of them. */
const MEDIAN_SAMPLES_MIN = 20
/** A distribution-free 95 % upper bound of a p99 needs 299 samples; below that, a 'p99' is the maximum by another name. */
const P99_SAMPLES_MIN = 299
const SEGMENTS_MAX = 24
const SEGMENTS_MIN = 3
/** Beyond this many dots a picture gets darker and larger, not clearer. */
const DOTS_MAX = 2000
/** How many dots all pictures of one page share: about 1 MB. */
const DOTS_ON_A_PAGE = 8000
const DOTS_MIN = 200
/** From here on dots overlap so much that each must be fainter. */
const DENSE_FROM = 800
/** Of a thinned picture, at least these stay because they are the ones a reader asks about. */
const SLOWEST_KEPT = 50
export const TITLE_CHARACTERS = 160
export const LABEL_CHARACTERS = 40
// A limit far above all samples would press them into the bottom line; it is named above the picture instead.
const LIMIT_IN_PICTURE = 12

export function dotsPerChart(charts: number): number {
  return Math.max(DOTS_MIN, Math.min(DOTS_MAX, Math.floor(DOTS_ON_A_PAGE / Math.max(charts, 1))))
}

export function drawChart(chart: Chart, dots: number): Markup {
  switch (chart.kind) {
    case 'over-time':
      return overTime(chart, dots)
    case 'distribution':
      return distribution(chart)
    case 'timeline':
      return timeline(chart)
  }
}

export function figure(title: string, caption: string, drawing: Markup): Markup {
  return html`
<figure>
<figcaption><b>${clip(title, TITLE_CHARACTERS)}</b><br><span class="muted">${caption}</span></figcaption>
${drawing}
</figure>`
}

/** One unit for a whole axis; only its last tick names it. */
export function axisText(value: number, scale: Scale, step: number, last: boolean): string {
  const shown = value / scale.divisor
  const digits = Math.max(0, -Math.floor(Math.log10(step / scale.divisor) + 1e-9))
  const number = shown === 0 ? '0' : shown.toFixed(Math.min(digits, 6))
  const grouped = Math.abs(shown) >= 10_000 ? count(Number(number)) : number
  return last && scale.unit !== '' ? `${grouped}\u202F${clip(scale.unit, 12)}` : grouped
}

export function ticksOf(axis: ScaleLinear<number, number>, wanted: number): { values: number[]; step: number } {
  const values = axis.ticks(wanted)
  return { values, step: (values[1] ?? 1) - (values[0] ?? 0) || 1 }
}

export const at = (value: number): string => String(Math.round(value * 10) / 10)

function valueAxis(
  y: ScaleLinear<number, number>,
  left: number,
  right: number,
  texts: string[],
  values: number[],
): Markup {
  return html`<g class="axis">${values.map(
    (value, index) =>
      html`<path class="grid" d="M${left} ${at(y(value))}H${right}"/><text x="${left - 6}" y="${at(y(value) + 4)}" text-anchor="end">${texts[index] ?? ''}</text>`,
  )}</g>`
}

function baseAxis(x: ScaleLinear<number, number>, texts: string[], values: number[]): Markup {
  return html`<g class="axis">${values.map((value, index) => {
    // The last label may be a word longer; it ends where the picture ends.
    const end = index === values.length - 1 && x(value) + ((texts[index] ?? '').length * CHARACTER) / 2 > WIDTH
    return html`<path class="grid" d="M${at(x(value))} ${BOTTOM}v4"/><text x="${end ? WIDTH : at(x(value))}" y="${BOTTOM + 18}" text-anchor="${end ? 'end' : 'middle'}">${texts[index] ?? ''}</text>`
  })}</g>`
}

/** Puts labels into as few rows as they need without touching, each beside its own place. */
export function stackLabels(labels: { at: number; text: string }[], left: number, right: number) {
  const ends: number[] = []
  return labels
    .toSorted((a, b) => a.at - b.at)
    .map((label) => {
      const width = label.text.length * CHARACTER
      const fits = label.at + 4 + width <= right
      const from = fits ? label.at + 4 : Math.max(left, label.at - 4 - width)
      const free = ends.findIndex((end) => end + 6 <= from)
      const row = free === -1 ? ends.length : free
      ends[row] = from + width
      return { ...label, row, fits }
    })
}

// ── over time ────────────────────────────────────────────────────────────────────────────────────────────────────────

function overTime(chart: OverTime, dots: number): Markup {
  const points = chart.points.filter((point) => Number.isFinite(point.x) && Number.isFinite(point.y))
  const good = points.filter((point) => !point.failed).toSorted((a, b) => a.x - b.x)
  const failed = points.filter((point) => point.failed)
  if (points.length === 0) return figure(chart.title, 'No samples.', html``)

  const ys = points.map((point) => point.y)
  const top = max(ys) ?? 0
  const limit = chart.limit && Number.isFinite(chart.limit.value) ? chart.limit : undefined
  const limitInside = limit !== undefined && limit.value <= Math.max(top, Number.MIN_VALUE) * LIMIT_IN_PICTURE
  const windows = (chart.windows ?? []).filter((window) => Number.isFinite(window.from) && Number.isFinite(window.to))

  const highest = Math.max(top, limitInside ? limit.value : 0) || 1
  const domainY = [Math.min(0, min(ys) ?? 0), highest * 1.05] as const
  const lastX = Math.max(max(points, (point) => point.x) ?? 1, max(windows, (window) => window.to) ?? 0)
  const domainX = [
    Math.min(0, min(points, (point) => point.x) ?? 0, min(windows, (window) => window.from) ?? 0),
    lastX > 0 ? lastX : 1,
  ] as const

  const scaleY = scaleFor(highest, chart.unit)
  const scaleX = scaleFor(domainX[1], 's')
  const y = scaleLinear(domainY, [BOTTOM, 0])
  const ticksY = ticksOf(y, 4)
  const textsY = ticksY.values.map((value, i) => axisText(value, scaleY, ticksY.step, i === ticksY.values.length - 1))
  const left = Math.ceil(Math.max(...textsY.map((text) => text.length), 2) * CHARACTER) + 8
  const lines = [
    ...segmentLine(good, MEDIAN_SAMPLES_MIN, 0.5, 'median'),
    ...segmentLine(good, P99_SAMPLES_MIN, 0.99, 'p99'),
  ]
  // Names of lines stand behind their ends.
  const right = WIDTH - (lines.length > 0 ? 8 * CHARACTER : 8)
  const x = scaleLinear(domainX, [left, right])

  const windowLabels = stackLabels(
    windows.map((window) => ({ at: x(window.from), text: clip(window.label, LABEL_CHARACTERS) })),
    left,
    right,
  )
  const above = limit && !limitInside ? 1 : 0
  const rows = above + Math.max(0, ...windowLabels.map((label) => label.row + 1))
  y.range([BOTTOM, 8 + rows * LABEL_ROW])

  // Ticks of whole seconds or minutes, in the axis' own unit.
  const shownX = scaleLinear(
    domainX.map((value) => value / scaleX.divisor),
    [left, right],
  )
  const ticksX = ticksOf(shownX, 5)
  const textsX = ticksX.values.map((value, i) =>
    axisText(value, { divisor: 1, unit: scaleX.unit }, ticksX.step, i === ticksX.values.length - 1),
  )

  const shown = thinned(good, Math.max(0, dots - failed.length))
  const titleOf = (point: Point) =>
    `${quantity(point.y, chart.unit)} at ${quantity(point.x, 's')}${point.label === '' ? '' : `: ${clip(point.label, TITLE_CHARACTERS)}`}`
  const caption = [
    plural(points.length, 'sample', 'samples'),
    ...(good.length > 0 ? [`median ${quantity(median(good, (point) => point.y) ?? 0, chart.unit)}`] : []),
    ...(good.length >= P99_SAMPLES_MIN
      ? [`p99 ${quantity(quantile(good, 0.99, (point) => point.y) ?? 0, chart.unit)}`]
      : []),
    `largest ${quantity(top, chart.unit)}`,
    ...(failed.length > 0
      ? [`${count(failed.length)} failed, marked ×${good.length > 0 ? ' and left out of the lines' : ''}`]
      : []),
    ...(shown.length < good.length
      ? [
          `thinned: ${count(shown.length + failed.length)} drawn, the slowest${failed.length > 0 ? ' and all failed' : ''} among them`,
        ]
      : []),
  ].join(' · ')

  const ends = spread(
    lines.map((each) => ({ name: each.name, y: y(each.values.at(-1)?.y ?? 0) })),
    LABEL_ROW,
  )
  const path = line<{ x: number; y: number }>()
    .x((value) => x(value.x))
    .y((value) => y(value.y))
    .digits(1)

  return figure(
    chart.title,
    caption,
    html`<svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${clip(chart.title, TITLE_CHARACTERS)}: ${caption}">
${windows.map((window) => {
  const from = x(Math.max(window.from, domainX[0]))
  return html`<rect class="window" x="${at(from)}" y="8" width="${at(Math.max(x(window.to) - from, 1))}" height="${BOTTOM - 8}"><title>${clip(window.label, TITLE_CHARACTERS)}: ${quantity(window.from, 's')} to ${quantity(window.to, 's')}</title></rect>\n`
})}${windowLabels.map(
  (label) =>
    html`<text class="where" x="${at(label.fits ? label.at + 4 : label.at - 4)}" y="${19 + (label.row + above) * LABEL_ROW}" text-anchor="${label.fits ? 'start' : 'end'}">${label.text}</text>\n`,
)}${valueAxis(y, left, right, textsY, ticksY.values)}
${baseAxis(shownX, textsX, ticksX.values)}
${/* Under the dots: a label must not hide the sample that missed the limit. */ limit && limitInside && limitLine(y(limit.value), left, right, limit.label)}
<g class="${shown.length > DENSE_FROM ? 'dots dense' : 'dots'}">
${shown.map((point) => html`<circle cx="${at(x(point.x))}" cy="${at(y(point.y))}" r="2"><title>${titleOf(point)}</title></circle>\n`)}</g>
${lines.map((each) => html`<path class="trend ${each.name}" d="${path(each.values) ?? ''}"/>\n`)}${ends.map(
  (end) => html`<text class="trend-name" x="${right + 5}" y="${at(end.y + 4)}">${end.name}</text>\n`,
)}${
  limit && !limitInside
    ? html`<text class="limit-name" x="${right}" y="12" text-anchor="end">↑ ${clip(limit.label, LABEL_CHARACTERS)}, far above this picture</text>`
    : ''
}
${failedMarks(failed, x, y, titleOf, dots)}</svg>`,
  )
}

function limitLine(y: number, left: number, right: number, label: string): Markup {
  // Above the line, or below it where the picture ends.
  const below = y < LABEL_ROW
  return html`<path class="limit" d="M${left} ${at(y)}H${right}"/><text class="limit-name" x="${right}" y="${at(below ? y + 14 : y - 5)}" text-anchor="end">${clip(label, LABEL_CHARACTERS)}</text>`
}

/** Equal numbers of samples a segment, so that every point of the line rests on as much as the next. */
function segmentLine(sorted: Point[], samplesMin: number, share: number, name: string) {
  const segments = Math.min(SEGMENTS_MAX, Math.floor(sorted.length / samplesMin))
  if (segments < SEGMENTS_MIN) return []
  const values = Array.from({ length: segments }, (_none, index) => {
    const part = sorted.slice(
      Math.floor((index * sorted.length) / segments),
      Math.floor(((index + 1) * sorted.length) / segments),
    )
    return { x: mean(part, (point) => point.x) ?? 0, y: quantile(part, share, (point) => point.y) ?? 0 }
  })
  return [{ name, values }]
}

/** The slowest stay, and of the others every k-th in time: the same samples always give the same picture. */
function thinned(sorted: Point[], wanted: number): Point[] {
  if (sorted.length <= wanted) return sorted
  const slowest = new Set(sorted.toSorted((a, b) => descending(a.y, b.y)).slice(0, SLOWEST_KEPT))
  const others = sorted.filter((point) => !slowest.has(point))
  const room = Math.max(wanted - slowest.size, 0)
  const kept = new Set(
    Array.from({ length: room }, (_none, index) => others[Math.floor((index * others.length) / room)]),
  )
  return sorted.filter((point) => slowest.has(point) || kept.has(point))
}

/** All of them, always. Beyond what a picture holds they share one path and lose their titles, never their marks. */
function failedMarks(
  failed: Point[],
  x: ScaleLinear<number, number>,
  y: ScaleLinear<number, number>,
  titleOf: (point: Point) => string,
  titled: number,
): Markup {
  const cross = (point: Point) => `M${at(x(point.x) - 3.5)} ${at(y(point.y) - 3.5)}l7 7m0-7l-7 7`
  if (failed.length === 0) return html``
  if (failed.length > titled) return html`<path class="failed" d="${failed.map(cross).join('')}"/>\n`
  return html`<g class="failed">\n${failed.map((point) => html`<path d="${cross(point)}"><title>failed: ${titleOf(point)}</title></path>\n`)}</g>\n`
}

/** Moves labels apart that would stand on each other, keeping their order. */
function spread<T extends { y: number }>(labels: T[], gap: number): T[] {
  const out: T[] = []
  for (const label of labels.toSorted((a, b) => b.y - a.y)) {
    const below = out.at(-1)
    out.push(below && below.y - label.y < gap ? { ...label, y: below.y - gap } : label)
  }
  return out
}

// ── distribution ─────────────────────────────────────────────────────────────────────────────────────────────────────

function distribution(chart: Distribution): Markup {
  const values = chart.values.filter((value) => Number.isFinite(value))
  if (values.length === 0) return figure(chart.title, 'No samples.', html``)
  const top = max(values) ?? 0
  const limit = chart.limit && Number.isFinite(chart.limit.value) ? chart.limit : undefined
  const limitInside = limit !== undefined && limit.value <= Math.max(top, Number.MIN_VALUE) * LIMIT_IN_PICTURE
  const marks = (chart.marks ?? []).filter((each) => Number.isFinite(each.value))

  const highest = Math.max(top, limitInside ? limit.value : 0, max(marks, (each) => each.value) ?? 0) || 1
  const scale = scaleFor(highest, chart.unit)
  const inUnit = (value: number) => value / scale.divisor
  const domainX = [Math.min(0, inUnit(min(values) ?? 0)), inUnit(highest) * 1.04] as const

  const binning = scaleLinear(domainX, [0, 1])
  const bins = bin<number, number>().domain([domainX[0], domainX[1]]).thresholds(binning.ticks(32))(values.map(inUnit))
  const most = max(bins, (each) => each.length) ?? 1

  const y = scaleLinear([0, most], [BOTTOM, 0])
  const ticksY = ticksOf(y, 3)
  const wholeY = ticksY.values.filter((value) => Number.isInteger(value))
  const textsY = wholeY.map((value) => count(value))
  const left = Math.ceil(Math.max(...textsY.map((text) => text.length), 2) * CHARACTER) + 8
  const right = WIDTH - 8
  const x = scaleLinear(domainX, [left, right])
  const labels = stackLabels(
    [
      ...marks.map((each) => ({ at: x(inUnit(each.value)), text: clip(each.label, LABEL_CHARACTERS), kind: 'where' })),
      ...(limit && limitInside
        ? [{ at: x(inUnit(limit.value)), text: clip(limit.label, LABEL_CHARACTERS), kind: 'limit' }]
        : []),
    ],
    left,
    right,
  ) as { at: number; text: string; kind: string; row: number; fits: boolean }[]
  const rows = Math.max(limit && !limitInside ? 1 : 0, ...labels.map((label) => label.row + 1))
  y.range([BOTTOM, 8 + rows * LABEL_ROW])

  const ticksX = ticksOf(x, 5)
  const textsX = ticksX.values.map((value, i) =>
    axisText(value, { divisor: 1, unit: scale.unit }, ticksX.step, i === ticksX.values.length - 1),
  )
  const caption = `${plural(values.length, 'sample', 'samples')} · median ${quantity(median(values) ?? 0, chart.unit)} · largest ${quantity(top, chart.unit)}`

  return figure(
    chart.title,
    caption,
    html`<svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${clip(chart.title, TITLE_CHARACTERS)}: ${caption}">
${valueAxis(y, left, right, textsY, wholeY)}
${baseAxis(x, textsX, ticksX.values)}
<g class="bars">
${bins
  .filter((each) => each.length > 0)
  .map((each) => {
    const from = x(each.x0 ?? 0)
    const to = x(each.x1 ?? 0)
    // One sample among thousands must still be seen.
    const height = Math.max(BOTTOM - y(each.length), 2)
    return html`<rect x="${at(from + 0.5)}" y="${at(BOTTOM - height)}" width="${at(Math.max(to - from - 1, 1))}" height="${at(height)}"><title>${limitValue((each.x0 ?? 0) * scale.divisor, chart.unit)} to ${limitValue((each.x1 ?? 0) * scale.divisor, chart.unit)}: ${count(each.length)} of ${count(values.length)}</title></rect>\n`
  })}</g>
${labels.map((label) => {
  const textY = 12 + label.row * LABEL_ROW
  const limitLabel = label.kind === 'limit'
  return html`<path class="${limitLabel ? 'limit' : 'mark-line'}" d="M${at(label.at)} ${label.row * LABEL_ROW + 3}V${BOTTOM}"/><text class="${limitLabel ? 'limit-name' : 'where'}" x="${at(label.fits ? label.at + 4 : label.at - 4)}" y="${textY}" text-anchor="${label.fits ? 'start' : 'end'}">${label.text}</text>\n`
})}${
  limit && !limitInside
    ? html`<text class="limit-name" x="${right}" y="12" text-anchor="end">${clip(limit.label, LABEL_CHARACTERS)}, far to the right →</text>`
    : ''
}</svg>`,
  )
}
