// F4: no member of the database is there. The API stays, says so, and is itself again when the database is.

import type { Check } from '../../harness/check.ts'
import { recovered, tenths } from '../lib/checkers/conduct.ts'
import { unverified } from '../lib/checkers/judgement.ts'
import { auditComplete, outboxComplete } from '../lib/checkers/trail.ts'
import { databaseAway } from '../lib/database-claims.ts'
import type { FaultEvidence } from '../lib/evidence.ts'
import { faultGatherer } from '../lib/gathering.ts'
import { databaseStops } from '../lib/injectors/replica-set.ts'
import { faultCheck, kept, recoveryFrom, type Seen, vacancies } from '../lib/judging.ts'
import { F4_LIMITS } from './limits.ts'

const outage = faultGatherer({
  id: 'F4',
  title: 'all members of the database are stopped under load',
  needs: ['http', 'repositories', 'mongo', 'mongo-control'],
  breaks: 'nothing that needs the database works until it is started again',
  drills: ({ F4 }) => [{ name: 'outage', fault: databaseStops, hold_ms: F4.outage_s * 1_000 }],
  expected_s: ({ F4 }) => F4.outage_s + 20,
})

const PROFILES: Check<FaultEvidence>['profiles'] = ['smoke', 'standard', 'golive']

export const outageSurvived = faultCheck({
  id: 'F4',
  title: 'An outage of the database is told and survived, and ends by itself',
  failureTitle: 'An outage of the database takes the server with it, or it does not come back by itself',
  requirement: {
    level: 'MUST',
    source: 'E12 §6.8 F4',
    text: 'stop all members: endpoints 500/503; health 503 with mongodb unhealthy; process survives; automatic recovery',
  },
  gatherer: outage,
  profiles: PROFILES,
  limits: F4_LIMITS,
  claims: {
    ofEpisode(seen, limits) {
      const again_ms = backFrom(seen)
      const claim = 'it recovers by itself, in time'
      return [
        ...kept(seen),
        ...databaseAway(seen, vacancies(seen.episode), limits),
        again_ms === null
          ? unverified(claim, 'the database was not seen to be there again')
          : recovered(claim, recoveryFrom(seen, again_ms), limits.back_ms_max!, 'the database was there again', seen),
      ]
    },
    headline(seen, limits) {
      const [first] = seen
      const again_ms = first === undefined ? null : backFrom(first)
      const back_ms = first === undefined || again_ms === null ? null : recoveryFrom(first, again_ms).back_ms
      return back_ms === null
        ? undefined
        : {
            measured: { value: tenths(back_ms), unit: 's', label: 'back after the database' },
            limit: limits.back_ms_max!,
            n: first!.operations.length,
          }
    },
    whenPassed: (seen) =>
      `${seen.map(told).join(', ')}; its processes survived, health told it, and nothing acknowledged was lost`,
    remedy:
      'look at the timeline and at the first wrong lines: no request may wait for ever, none may end the process, and the driver must be left to find its servers again',
  },
})

export const trailComplete = faultCheck({
  id: 'F4.trail',
  title: 'After an outage of the database the audit log and the mails are as complete as before',
  failureTitle: 'After an outage of the database deeds go unrecorded, or people untold',
  requirement: {
    level: 'SHOULD',
    source: 'E12 §6.10 GL-R4; data-and-runtime §3.7 and §3.8',
    text: 'every event is in the audit log, append-only; recipients are told of it',
  },
  gatherer: outage,
  profiles: PROFILES,
  limits: [],
  claims: {
    ofEpisode({ episode, operations, recovery }) {
      const { spans, trail } = episode
      // Until it was back: what was done then may lack its row and its mail.
      const excused =
        spans.fault === null || spans.recovery === null
          ? null
          : {
              from_ms: spans.fault.from_ms,
              to_ms: spans.recovery.from_ms + (recovery?.back_ms ?? recovery?.watched_ms ?? 0),
            }
      return [auditComplete({ operations, trail, excused }), ...outboxComplete({ operations, trail, excused })]
    },
    whenPassed: () =>
      'every deed before and after the outage has its audit row, every submitted changeset its mails, none twice',
    remedy: 'what writes the audit log and the outbox must find the database again as everything else does',
  },
})

/** When there was a primary again. */
function backFrom({ episode }: Seen): number | null {
  return vacancies(episode).at(-1)?.to_ms ?? episode.fault?.confirmed_at_ms ?? null
}

function told(seen: Seen): string {
  const again_ms = backFrom(seen)
  const back_ms = again_ms === null ? null : recoveryFrom(seen, again_ms).back_ms
  return `${seen.episode.name}: ${back_ms === null ? 'not back' : `back ${(back_ms / 1_000).toFixed(1)} s after the database`}`
}
