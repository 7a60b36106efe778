// How fast a target answers one who only looks, and how its clock stands against ours. Five health requests, one fetch of
// the API description, all within a bound: whatever the target does, it costs a few seconds at most and is no error.

import type { Times } from '../result.ts'
import { ascending, percentile } from '../statistics.ts'
import type { HttpAnswer, HttpClient } from './http.ts'

const HEALTH_REQUESTS = 5

/** For all requests together. A health that is slower than this under no load is told by the absence of its times. */
const LOOK_WITHIN_MS = 15_000

/** A `Date` header names the whole second in which the answer was made. */
const DATE_STEP_MS = 1_000

export interface Look {
  /** The last health that came, whatever its status; undefined when none did. */
  health: HttpAnswer | undefined
  openapi: HttpAnswer | undefined
  times: Omit<Times, 'login_ms'>
}

/** One answer's `Date`, and between which moments of our clock it was made. All in ms since 1970. */
export interface DateSample {
  sent: number
  received: number
  date: number
}

export async function look(http: HttpClient, within_ms = LOOK_WITHIN_MS): Promise<Look> {
  const signal = AbortSignal.timeout(within_ms)
  const dates: DateSample[] = []
  const ask = async (path: string): Promise<HttpAnswer | undefined> => {
    const sent = Date.now()
    try {
      const answer = await http.request('GET', path, { signal })
      const date = dateOf(answer.headers.date)
      if (date !== undefined) dates.push({ sent, received: Date.now(), date })
      return answer.status === 0 ? undefined : answer
    } catch (cause) {
      if (signal.aborted) return undefined
      throw cause
    }
  }

  const answers: HttpAnswer[] = []
  for (let request = 0; request < HEALTH_REQUESTS && !signal.aborted; request += 1) {
    const answer = await ask('/api/health')
    if (answer !== undefined) answers.push(answer)
  }
  const openapi = signal.aborted ? undefined : await ask('/api/openapi.json')
  const durations = answers.filter(isOk).map((answer) => answer.duration_ms)
  return {
    health: answers.at(-1),
    openapi,
    times: {
      health_ms: summaryOf(durations),
      openapi_ms: openapi !== undefined && isOk(openapi) ? tenths(openapi.duration_ms) : null,
      clock_ahead_ms: clockAhead(dates),
    },
  }
}

/**
 * By how much the other clock is ahead of ours. Each answer was made between its request and its arrival, within the
 * second that its `Date` names: so each bounds the difference from both sides, and together they bound it more closely.
 * Where they contradict each other (a cache, a clock that is being set) the quickest answer alone is believed.
 */
export function clockAhead(samples: readonly DateSample[]): Times['clock_ahead_ms'] {
  const quickest = samples.toSorted((a, b) => a.received - a.sent - (b.received - b.sent))[0]
  if (quickest === undefined) return null
  const earliest = Math.max(...samples.map(({ date, received }) => date - received))
  const latest = Math.min(...samples.map(({ date, sent }) => date + DATE_STEP_MS - sent))
  const [from, to] =
    earliest <= latest
      ? [earliest, latest]
      : [quickest.date - quickest.received, quickest.date + DATE_STEP_MS - quickest.sent]
  return { value: Math.round((from + to) / 2), uncertainty: Math.ceil((to - from) / 2) }
}

/** Only the form that HTTP prescribes: what else parses as a date is no clock. */
function dateOf(header: string | undefined): number | undefined {
  if (header === undefined || !/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(header)) {
    return undefined
  }
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : date
}

function summaryOf(durations: readonly number[]): Times['health_ms'] {
  const sorted = ascending(durations)
  const worst = sorted.at(-1)
  return worst === undefined
    ? null
    : { median: tenths(percentile(sorted, 0.5)), worst: tenths(worst), n: sorted.length }
}

function isOk({ status }: HttpAnswer): boolean {
  return status === 200
}

function tenths(ms: number): number {
  return Math.round(ms * 10) / 10
}
