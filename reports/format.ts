// Numbers as people read them: a unit always, three significant digits, and never rounded across the limit that they are
// held against. Times are UTC.

import type { Limit, Measured } from '../harness/check.ts'

/** Narrow no-break space: between a number and its unit, and between groups of three digits. */
export const THIN = '\u202F'
const MINUS = '\u2212'

/** A unit that is scaled for the reader: its size in the family's base, and the family's steps from small to large. */
interface Family {
  steps: readonly { unit: string; size: number; from: number }[]
}
const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
// `from` is where a step takes over: 90 s and 100 min read better than 1.5 min and 1.67 h.
const TIME: Family = {
  steps: [
    { unit: 'µs', size: 0.001, from: 0 },
    { unit: 'ms', size: 1, from: 1 },
    { unit: 's', size: SECOND_MS, from: SECOND_MS },
    { unit: 'min', size: MINUTE_MS, from: 2 * MINUTE_MS },
    { unit: 'h', size: HOUR_MS, from: 2 * HOUR_MS },
    { unit: 'days', size: DAY_MS, from: 2 * DAY_MS },
  ],
}
const KIBI = 1024
const BYTES: Family = {
  steps: [
    { unit: 'B', size: 1, from: 0 },
    { unit: 'KiB', size: KIBI, from: KIBI },
    { unit: 'MiB', size: KIBI ** 2, from: KIBI ** 2 },
    { unit: 'GiB', size: KIBI ** 3, from: KIBI ** 3 },
  ],
}
const SCALED: Readonly<Record<string, { family: Family; size: number }>> = {
  us: { family: TIME, size: 0.001 },
  µs: { family: TIME, size: 0.001 },
  ms: { family: TIME, size: 1 },
  s: { family: TIME, size: SECOND_MS },
  min: { family: TIME, size: MINUTE_MS },
  h: { family: TIME, size: HOUR_MS },
  days: { family: TIME, size: DAY_MS },
  B: { family: BYTES, size: 1 },
  bytes: { family: BYTES, size: 1 },
  KiB: { family: BYTES, size: KIBI },
  MiB: { family: BYTES, size: KIBI ** 2 },
  GiB: { family: BYTES, size: KIBI ** 3 },
  ratio: { family: { steps: [{ unit: '%', size: 0.01, from: 0 }] }, size: 1 },
}

/** How a value is written: divided by `divisor`, followed by `unit`. */
export interface Scale {
  divisor: number
  unit: string
}

/** The scale for values up to `largest`, so that an axis has one unit. */
export function scaleFor(largest: number, unit: string): Scale {
  const scaled = Object.hasOwn(SCALED, unit) ? SCALED[unit] : undefined
  if (!scaled) return { divisor: 1, unit: unit === 'count' || unit === '1' ? '' : unit }
  const base = Math.abs(largest) * scaled.size
  const steps = scaled.family.steps
  // Zero has no size: it keeps the unit that it came in.
  const step =
    base === 0
      ? (steps.find((each) => each.size === scaled.size) ?? steps[0])
      : (steps.findLast((each) => base >= each.from) ?? steps[0])
  return step ? { divisor: step.size / scaled.size, unit: step.unit } : { divisor: 1, unit }
}

function grouped(digits: string): string {
  const [whole = '', fraction] = digits.split('.')
  // Four digits stay together: 1000 is read at a glance, 10 000 is not.
  const parts = whole.length > 4 ? whole.replace(/\B(?=(\d{3})+$)/g, THIN) : whole
  return fraction === undefined ? parts : `${parts}.${fraction}`
}

function written(value: number, significant: number): string {
  const size = Math.abs(value)
  const whole = Math.max(significant, size >= 1 ? Math.floor(Math.log10(size)) + 1 : 1)
  // An integer is a count or an exact limit and is written out; anything else gets its significant digits.
  const digits = Number.isInteger(size) ? size.toFixed(0) : plainDigits(size, Math.min(whole, 17))
  return (value < 0 && Number(digits) !== 0 ? MINUS : '') + grouped(digits)
}

function plainDigits(size: number, significant: number): string {
  const precise = size.toPrecision(significant)
  return precise.includes('e') ? String(Number(precise)) : precise
}

/** A whole number, e.g. of samples. */
export function count(value: number): string {
  return written(value, 3)
}

export function quantity(value: number, unit: string, significant = 3): string {
  if (!Number.isFinite(value)) return 'no number'
  const scale = scaleFor(value, unit)
  const shown = tidy(value / scale.divisor)
  const number = written(shown, scale.unit === '%' ? Math.max(significant, digitsNearWhole(shown)) : significant)
  return scale.unit === '' ? number : `${number}${THIN}${scale.unit}`
}

/** 99.95 % must not become 100 %: near the whole, the digits that count are those of what is missing. */
function digitsNearWhole(percentage: number): number {
  const missing = 100 - percentage
  return missing > 0 && missing < 10 ? 2 + Math.min(6, Math.max(1, Math.ceil(-Math.log10(missing)))) : 1
}

// 1100 / 1000 and 0.29 / 0.01 leave dust in the last bits that would be written out as digits.
function tidy(value: number): number {
  return Number(value.toPrecision(12))
}

const COMPARED: Readonly<Record<Limit['compare'], string>> = {
  'at-most': 'at most',
  'at-least': 'at least',
  exactly: 'exactly',
}

/** The limit's own number, without false digits: `at most 2 s`, `at least 99.9 %`. */
export function limitText(limit: Limit): string {
  return `${COMPARED[limit.compare]} ${limitValue(limit.value, limit.unit)}`
}

export function limitValue(value: number, unit: string): string {
  const scale = scaleFor(value, unit)
  const number = written(Number((value / scale.divisor).toPrecision(6)), 1)
  const shortest = Number.isInteger(tidy(value / scale.divisor))
    ? number
    : grouped(String(Number(Math.abs(value / scale.divisor).toPrecision(6))))
  const signed = value < 0 && !shortest.startsWith(MINUS) ? MINUS + shortest : shortest
  return scale.unit === '' ? signed : `${signed}${THIN}${scale.unit}`
}

/** A measured value in the limit's unit; null where the two cannot be compared. */
export function inUnitOf(measured: Measured, limit: Limit): number | null {
  if (measured.unit === limit.unit) return measured.value
  const from = Object.hasOwn(SCALED, measured.unit) ? SCALED[measured.unit] : undefined
  const to = Object.hasOwn(SCALED, limit.unit) ? SCALED[limit.unit] : undefined
  return from && to && from.family === to.family ? (measured.value * from.size) / to.size : null
}

/** The measured value with as many digits as it takes to stand on its own side of the limit: 2.003 s is not '2.00 s'. */
export function measuredText(measured: Measured, limit: Limit | null): string {
  const comparable = limit ? inUnitOf(measured, limit) : null
  if (!limit || comparable === null) return quantity(measured.value, measured.unit)
  const scale = scaleFor(measured.value, measured.unit)
  const side = Math.sign(comparable - limit.value)
  for (let significant = 3; significant <= 12; significant++) {
    const rounded = Number((measured.value / scale.divisor).toPrecision(significant)) * scale.divisor
    const back = (rounded / measured.value) * comparable
    if (measured.value === 0 || Math.sign(tidy(back) - limit.value) === side) {
      return quantity(measured.value, measured.unit, significant)
    }
  }
  return quantity(measured.value, measured.unit, 12)
}

/** How far it is to the limit, or how far beyond, in a few words; empty where there is nothing to say. */
export function headroomText(measured: Measured, limit: Limit): string {
  const value = inUnitOf(measured, limit)
  if (value === null) return ''
  const difference = tidy(Math.abs(value - limit.value))
  const whole = Number.isInteger(value) && Number.isInteger(limit.value) && !Object.hasOwn(SCALED, limit.unit)
  if (limit.compare === 'at-most') {
    if (value <= limit.value) return limit.value > 0 ? `${percent(1 - value / limit.value)} headroom` : ''
    if (limit.value <= 0) return `${quantity(difference, limit.unit)} too many`
    const times = value / limit.value
    return times >= 2 ? `${written(times, 2)} times the limit` : `${percent(times - 1)} over the limit`
  }
  if (difference === 0) return ''
  if (value < limit.value) return whole ? `${count(difference)} short` : `${quantity(difference, limit.unit)} short`
  if (limit.compare === 'exactly')
    return whole ? `${count(difference)} too many` : `${quantity(difference, limit.unit)} off`
  const budget = errorBudget(limit)
  if (budget !== null)
    return `${percent(1 - (budget.whole - value) / (budget.whole - limit.value))} of the error budget left`
  return limit.value > 0 ? `${percent(value / limit.value - 1)} headroom` : ''
}

/** A share that must stay near the whole (99.9 %) is read by what is missing from the whole, not by what is there. */
export function errorBudget(limit: Limit): { whole: number } | null {
  const whole = limit.unit === 'ratio' ? 1 : limit.unit === '%' ? 100 : null
  const near = 0.9
  return whole !== null && limit.compare === 'at-least' && limit.value >= near * whole && limit.value < whole
    ? { whole }
    : null
}

function percent(share: number): string {
  const value = share * 100
  // Rounded towards nothing left: 99.6 % must not read as all of it, nor 0.4 % as none at all.
  if (value > 0 && value < 1) return `under 1${THIN}%`
  return `${Math.floor(value + 1e-9)}${THIN}%`
}

/** `2026-11-22 05:48 UTC`. */
export function instant(iso: string): string {
  const time = new Date(iso)
  return Number.isNaN(time.getTime()) ? iso : `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

/** `31 min`, `1 min 47 s`: nobody plans by the seconds of a long run. */
export function duration(ms: number): string {
  const secondsMatterBelow = 10 * MINUTE_MS
  if (ms < SECOND_MS) return `under 1${THIN}s`
  if (ms >= MINUTE_MS && ms < secondsMatterBelow) {
    const seconds = Math.floor((ms % MINUTE_MS) / SECOND_MS)
    return `${Math.floor(ms / MINUTE_MS)}${THIN}min${seconds === 0 ? '' : ` ${seconds}${THIN}s`}`
  }
  const scale = scaleFor(ms, 'ms')
  return `${Math.floor(ms / scale.divisor)}${THIN}${scale.unit}`
}

export function between(fromIso: string, toIso: string): number | null {
  const ms = new Date(toIso).getTime() - new Date(fromIso).getTime()
  return Number.isNaN(ms) ? null : ms
}

export function plural(n: number, one: string, many: string): string {
  return `${count(n)} ${n === 1 ? one : many}`
}

/** Ids that count on are told as ranges: `L2–L7, S1, GL-X1`. */
export function ranges(ids: readonly string[]): string {
  const texts: (string | { prefix: string; from: number; to: number })[] = []
  for (const id of ids) {
    const match = /^(.*?)(\d+)$/.exec(id)
    const last = texts.at(-1)
    if (!match) texts.push(id)
    else if (typeof last === 'object' && last.prefix === match[1] && last.to + 1 === Number(match[2])) last.to += 1
    else texts.push({ prefix: match[1] ?? '', from: Number(match[2]), to: Number(match[2]) })
  }
  return texts
    .map((each) => {
      if (typeof each === 'string') return each
      const { prefix, from, to } = each
      return from === to ? `${prefix}${from}` : `${prefix}${from}–${prefix}${to}`
    })
    .join(', ')
}
