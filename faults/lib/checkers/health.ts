// Health says what is so, of each component, and soon: the broken one is named while it is broken and no other, and before and
// after all is well.

import type { Operation } from '../workload/history.ts'
import { failed, type Judgement, none, passed, told, unverified } from './judgement.ts'
import { durationOf, type Span, within } from './recovery.ts'

export interface HealthInput {
  operations: readonly Operation[]
  /** The component that is broken: `mongodb`, `gitaly`, `job_runner`. */
  component: string
  /** When it really was. */
  broken: readonly Span[]
  /** What it may say then. */
  says: readonly string[]
  /** Whether a 503 belongs to it. */
  is503: boolean
  /** Others that may be said to be sick with it. */
  alsoSick: readonly string[]
  /** Until then nothing was wrong. */
  before_ms: number
  /** From then on nothing is. */
  after_ms: number
  /** To be noticed, and to be taken back. */
  tellsWithin_ms: number
  clearsWithin_ms: number
  answersWithin_ms: number
}

export function healthTruthful(input: HealthInput): Judgement[] {
  const polls = input.operations.filter(({ f }) => f === 'health')
  return [named(polls, input), othersWell(polls, input), wellBeforeAndAfter(polls, input), answers(polls, input)]
}

/** The polls whose looking falls wholly into a time in which the component was broken for long enough. */
function during(polls: readonly Operation[], { broken, tellsWithin_ms }: HealthInput): Operation[] {
  return polls.filter(
    ({ invoked_ms, ended_ms, status }) =>
      status !== 0 &&
      ended_ms !== null &&
      broken.some(({ from_ms, to_ms }) => invoked_ms >= from_ms + tellsWithin_ms && ended_ms <= to_ms),
  )
}

function named(polls: readonly Operation[], input: HealthInput): Judgement {
  const { component, says, is503, broken, tellsWithin_ms } = input
  const claim = `health says that ${component} is ${says.join(' or ')} while it is${is503 ? ', with 503' : ''}`
  const told_ = during(polls, input)
  const longest = Math.max(0, ...broken.map(({ from_ms, to_ms }) => to_ms - from_ms))
  if (told_.length === 0) {
    return unverified(
      claim,
      `no health was asked and answered later than ${tellsWithin_ms / 1_000} s after it broke: it was broken for ${(longest / 1_000).toFixed(1)} s`,
      0,
    )
  }
  const wrong = told_.filter((poll) => {
    const state = stateOf(poll, component)
    return state === undefined || !says.includes(state) || (is503 && state === 'unhealthy' && poll.status !== 503)
  })
  const first = wrong[0]
  return first === undefined
    ? passed(claim, `${told_.length} of ${told_.length} polls`, told_.length)
    : failed(
        claim,
        `${wrong.length} of ${told_.length} polls say otherwise, first ${told(first)}: ${component} is ‘${stateOf(first, component) ?? 'not named'}’`,
        wrong,
        told_.length,
      )
}

function othersWell(polls: readonly Operation[], input: HealthInput): Judgement {
  const { component, alsoSick } = input
  const claim = 'health blames no component that works'
  const told_ = during(polls, input)
  const wrong = told_.filter(({ saw }) =>
    saw.some(({ id, state }) => id !== 'overall' && id !== component && !alsoSick.includes(id) && state !== 'healthy'),
  )
  return none(claim, wrong, 'polls blame another', told_.length)
}

function wellBeforeAndAfter(
  polls: readonly Operation[],
  { before_ms, after_ms, clearsWithin_ms }: HealthInput,
): Judgement {
  const claim = 'before and after, health says that all is well'
  const meant = polls.filter(
    ({ invoked_ms, ended_ms }) =>
      (ended_ms !== null && ended_ms <= before_ms) || invoked_ms >= after_ms + clearsWithin_ms,
  )
  if (!meant.some(({ invoked_ms }) => invoked_ms >= after_ms)) {
    return unverified(claim, `nobody asked later than ${clearsWithin_ms / 1_000} s after it was over`, meant.length)
  }
  const wrong = meant.filter(
    ({ status, saw }) => status !== 200 || saw.some(({ id, state }) => id !== 'overall' && state !== 'healthy'),
  )
  return none(claim, wrong, 'polls say otherwise', meant.length)
}

function answers(polls: readonly Operation[], { answersWithin_ms, before_ms, after_ms }: HealthInput): Judgement {
  const claim = `health answers within ${answersWithin_ms / 1_000} s, whatever is broken`
  const meant = polls.filter(({ invoked_ms }) => within(invoked_ms, { from_ms: before_ms, to_ms: after_ms }))
  const wrong = meant.filter((poll) => poll.status === 0 || durationOf(poll) > answersWithin_ms)
  return none(claim, wrong, 'polls were not answered in time', meant.length)
}

function stateOf({ saw }: Operation, component: string): string | undefined {
  return saw.find(({ kind, id }) => kind === 'component' && id === component)?.state
}
