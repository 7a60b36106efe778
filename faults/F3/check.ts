// F3: the primary of the database is lost, by a planned step-down, by death, by frost, and with writes that only it has.

import type { Check } from '../../harness/check.ts'
import { recovered, tenths } from '../lib/checkers/conduct.ts'
import { type Judgement, unverified } from '../lib/checkers/judgement.ts'
import { databaseAway } from '../lib/database-claims.ts'
import type { FaultEvidence } from '../lib/evidence.ts'
import { faultGatherer } from '../lib/gathering.ts'
import { primaryDies, primaryDiesAhead, primaryFreezes, primaryStepsDown } from '../lib/injectors/replica-set.ts'
import { faultCheck, kept, recoveryFrom, type Seen, vacancies } from '../lib/judging.ts'
import { BACK_LIMITS, F3_LIMITS } from './limits.ts'

/** E12 has 2–10 s without a primary; long enough for health to tell it and to be asked some more. */
const VACANCY_S = 5

/** An election's time-out, a split vote, and the election that follows. */
const ELECTED_WITHIN_MS = 45_000

const stepDown = faultGatherer({
  id: 'F3',
  title: 'the primary of the database steps down under load',
  needs: ['http', 'repositories', 'mongo', 'mongo-stepdown'],
  breaks: 'writes fail for some seconds while the database elects another primary',
  drills: () => [
    {
      name: 'step-down',
      fault: primaryStepsDown({ vacancy_s: VACANCY_S }),
      hold_ms: 0,
      overWithin_ms: ELECTED_WITHIN_MS,
    },
  ],
  expected_s: () => VACANCY_S + 10,
})

const loss = faultGatherer({
  id: 'F3.loss',
  title: 'the primary of the database is killed, frozen, and killed with writes that only it has',
  needs: ['http', 'repositories', 'mongo', 'processes'],
  breaks: 'each time the database is without a primary until it has elected another',
  drills: ({ name, F3 }) => {
    const lost = (drill: string, fault: typeof primaryDies) => ({
      name: drill,
      fault,
      hold_ms: 0,
      overWithin_ms: ELECTED_WITHIN_MS,
    })
    return [
      lost('killed-ahead', primaryDiesAhead({ writesFor_ms: F3.writes_ahead_s * 1_000 })),
      ...(name === 'smoke' ? [] : [lost('killed', primaryDies), lost('frozen', primaryFreezes)]),
    ]
  },
  expected_s: ({ name, election_timeout_ms }) => (name === 'smoke' ? 1 : 3) * (10 + election_timeout_ms / 500),
})

const PROFILES: Check<FaultEvidence>['profiles'] = ['smoke', 'standard', 'golive']

export const stepDownSurvived = faultCheck({
  id: 'F3',
  title: 'A failover of the database is survived, told, and over within seconds, and nothing acknowledged is lost',
  failureTitle: 'A failover of the database loses changes, is not told, or needs somebody to restart the server',
  requirement: {
    level: 'MUST',
    source: 'E12 §6.8 F3',
    text: 'rs.stepDown(): writes fail about 2–10 s; health 503 meanwhile; automatic recovery (2 s wait, then up to 15 s); no loss of majority-acknowledged writes',
  },
  gatherer: stepDown,
  profiles: PROFILES,
  limits: F3_LIMITS,
  claims: {
    ofEpisode: (seen, limits) => [
      ...kept(seen),
      ...databaseAway(seen, vacancies(seen.episode), limits),
      backIn(seen, 'it recovers by itself, in time', limits.back_ms_max!),
    ],
    headline(seen, limits) {
      const { back_ms } = recoveryOfFirst(seen) ?? { back_ms: null }
      return back_ms === null
        ? undefined
        : {
            measured: { value: tenths(back_ms), unit: 's', label: 'back after the step-down' },
            limit: limits.back_ms_max!,
            n: seen[0]!.operations.length,
          }
    },
    whenPassed: (seen) => `${told(seen)}; nothing acknowledged was lost, and health told it`,
    remedy:
      'look at the timeline and at the first wrong lines: write with a majority, let the driver find the new primary by itself, and ask it for the health',
  },
})

export const nothingLost = faultCheck({
  id: 'F3.loss',
  title: 'Whatever ends the primary of the database, nothing that was acknowledged is lost',
  failureTitle: 'Acknowledged changes are gone after the primary of the database died',
  requirement: {
    level: 'MUST',
    source: 'E12 §6.8 F3; decisions C23',
    text: 'no loss of majority-acknowledged writes; after a kill or freeze: no loss is MUST',
  },
  gatherer: loss,
  profiles: PROFILES,
  limits: [],
  claims: {
    ofEpisode: (seen) => kept(seen),
    whenPassed: (seen) => `${told(seen)}; nothing acknowledged was lost`,
    remedy: 'write with {w: "majority", j: true}; the lost writes are the first wrong lines of the history',
  },
})

export const backAfterLoss = faultCheck({
  id: 'F3.back',
  title: 'After the primary of the database died or froze, all goes on within 45 seconds',
  failureTitle: 'After the primary of the database died, the server stays away for long',
  requirement: {
    level: 'SHOULD',
    source: 'decisions C23',
    text: 'after a kill or freeze: back within 45 s SHOULD',
  },
  gatherer: loss,
  profiles: PROFILES,
  limits: BACK_LIMITS,
  claims: {
    ofEpisode: (seen, limits) => [backIn(seen, 'it is back in time', limits.back_ms_max!)],
    whenPassed: told,
    remedy:
      'look at how long the driver waits for a server that does not answer (connectTimeoutMS, heartbeatFrequencyMS)',
  },
})

function backIn(seen: Seen, claim: string, limit: Parameters<typeof recovered>[2]): Judgement {
  const { fault } = seen.episode
  if (fault === null || fault.observed_at_ms === null) return unverified(claim, 'the fault was not seen')
  const recovery = recoveryFrom(seen, fault.requested_at_ms)
  return recovered(claim, recovery, limit, 'it was injected', seen)
}

function recoveryOfFirst(seen: readonly Seen[]) {
  const first = seen[0]
  const from_ms = first?.episode.fault?.requested_at_ms
  return first === undefined || from_ms === undefined ? undefined : recoveryFrom(first, from_ms)
}

/** `step-down: back after 6.2 s`. */
function told(seen: readonly Seen[]): string {
  return seen
    .map((one) => {
      const from_ms = one.episode.fault?.requested_at_ms ?? 0
      const { back_ms, watched_ms } = recoveryFrom(one, from_ms)
      const when =
        back_ms === null
          ? `not back within ${(watched_ms / 1_000).toFixed(0)} s`
          : `back ${(back_ms / 1_000).toFixed(1)} s after`
      return `${one.episode.name}: ${when}`
    })
    .join(', ')
}
