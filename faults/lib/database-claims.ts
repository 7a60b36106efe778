// What is claimed whenever the database is away: by F3 and F4 alike.

import type { Limits } from '../../harness/check.ts'
import { boundedWaiting, goesOnAnswering, specifiedCodes } from './checkers/answers.ts'
import { survived } from './checkers/conduct.ts'
import { healthTruthful } from './checkers/health.ts'
import { type Judgement, unlessBusy, unverified } from './checkers/judgement.ts'
import type { Span } from './checkers/recovery.ts'
import type { Seen } from './judging.ts'
import { CLASSES } from './workload/history.ts'

const ALL_BUT_HEALTH = CLASSES.filter((name) => name !== 'health')

/** `away`: when there was nobody to write to. */
export function databaseAway(seen: Seen, away: readonly Span[], limits: Limits): Judgement[] {
  const { episode, operations, disturbed } = seen
  const { fault } = episode
  const over_ms = away.at(-1)?.to_ms ?? fault?.confirmed_at_ms ?? null
  if (fault === null || disturbed === null || over_ms === null) {
    return [unverified('the API bears the loss of its database', 'the fault was not seen')]
  }
  const inTime = [
    ...healthTruthful({
      operations,
      component: 'mongodb',
      broken: away,
      says: ['unhealthy'],
      is503: true,
      // Its heartbeats stand in the database.
      alsoSick: ['job_runner'],
      before_ms: fault.requested_at_ms,
      after_ms: Math.max(over_ms, fault.confirmed_at_ms ?? over_ms),
      tellsWithin_ms: limits.health_tells_ms_max!.value,
      clearsWithin_ms: limits.health_clears_ms_max!.value,
      answersWithin_ms: limits.health_answers_ms_max!.value,
    }),
    boundedWaiting(operations, { classes: ALL_BUT_HEALTH, span: disturbed, within_ms: limits.answer_ms_max!.value }),
    goesOnAnswering(operations, disturbed),
  ]
  return [
    ...inTime.map((one) => unlessBusy(one, episode.other_load, disturbed)),
    specifiedCodes(operations, { classes: ALL_BUT_HEALTH, span: disturbed, statuses: [500, 503] }),
    survived(episode),
  ]
}
