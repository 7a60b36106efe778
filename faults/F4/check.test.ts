// F4's verdicts on evidence. What it shares with F3 is tested there.

import { expect, test } from 'vitest'
import type { Check, Limits } from '../../harness/check.ts'
import { demandSchema } from '../../harness/evidence/store.ts'
import { comment, refused, steady } from '../lib/checkers/history.fixture.ts'
import { MIX_CLASSES } from '../lib/drill.ts'
import { type Case, FAULT, linesOf, soundCase } from '../lib/evidence.fixture.ts'
import { type FaultEvidence, FaultEvidenceSchema } from '../lib/evidence.ts'
import { outageSurvived, trailComplete } from './check.ts'

function judge(change: (all: Case) => void = () => {}, check: Check<FaultEvidence> = outageSurvived) {
  const all = soundCase('outage')
  all.evidence.episodes[0]!.fault!.over_at_ms = null
  change(all)
  demandSchema(FaultEvidenceSchema, all.evidence, 'the test’s evidence')
  const limits = Object.fromEntries(check.limits.map((limit) => [limit.name, limit])) as Limits
  return check.evaluate(all.evidence, limits, linesOf(all))
}
const history = ({ histories }: Case) => histories['outage.jsonl']!
const never = (all: Case) => {
  for (const one of history(all))
    if (one.invoked_ms > FAULT.from_ms && one.class !== 'health') Object.assign(one, refused(503, 'unavailable'))
}

test('survived, told, over by itself', () => {
  const verdict = judge()
  expect(verdict.findings.filter(({ outcome }) => outcome !== 'pass')).toEqual([])
  expect(verdict).toMatchObject({ outcome: 'pass', measured: { label: 'back after the database' } })
})

test('a server that stays away: a failure where it was watched for as long as the limit, not verified where it was not', () => {
  expect(judge(never)).toMatchObject({ outcome: 'not-verified' })
  const longer = (all: Case) => {
    const { spans } = all.evidence.episodes[0]!
    spans.recovery!.to_ms = 80_000
    spans.settled = { from_ms: 80_000, to_ms: 85_000 }
    history(all).push(...steady(MIX_CLASSES, { from_ms: FAULT.end_ms, to_ms: 85_000 }))
    never(all)
  }
  const verdict = judge(longer)
  expect(verdict.findings.find(({ claim }) => claim.includes('recovers by itself'))).toMatchObject({
    outcome: 'fail',
    because: expect.stringContaining('it took more than 74 s after the database was there again to be back'),
  })
})

test('processes that were started again did not survive', () => {
  expect(judge((all) => (all.evidence.episodes[0]!.processes!.after[1]!.pid = 77)).because).toContain('conman-worker')
})

test('the trail: whole, broken after the outage, and what an outage excuses', () => {
  const whole = judge(undefined, trailComplete)
  // The other kinds of deeds of the hand-made history have no rows at all: they may have another name.
  expect(whole).toMatchObject({ outcome: 'not-verified' })
  const only = (all: Case) => {
    all.histories['outage.jsonl'] = history(all).filter(
      ({ f, key }) =>
        f !== 'enqueue' &&
        (key !== null || !['create-release', 'deploy', 'promote', 'create-temp-env', 'delete-temp-env'].includes(f)) &&
        !['submit', 'write-file'].includes(f),
    )
  }
  const lost = (at_ms: number) => (all: Case) => {
    only(all)
    history(all).push(comment('outage-unaudited', { invoked_ms: at_ms }))
  }
  const audit = (change: (all: Case) => void) =>
    judge(change, trailComplete).findings.find(({ claim }) => claim.includes('audit row'))!
  expect(audit(only).outcome).toBe('pass')
  expect(audit(lost(25_000))).toMatchObject({ outcome: 'fail' })
  expect(audit(lost(FAULT.from_ms + 500))).toMatchObject({ outcome: 'pass' })
})
