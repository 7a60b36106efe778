// F3's verdicts on evidence: right, wrong in each way, and where the harness or the machine may be to blame.

import { describe, expect, test } from 'vitest'
import type { Check, Limits } from '../../harness/check.ts'
import { demandSchema } from '../../harness/evidence/store.ts'
import { comment, refused, unanswered } from '../lib/checkers/history.fixture.ts'
import { type Case, FAULT, linesOf, soundCase } from '../lib/evidence.fixture.ts'
import { type FaultEvidence, FaultEvidenceSchema } from '../lib/evidence.ts'
import { backAfterLoss, nothingLost, stepDownSurvived } from './check.ts'

function judge(change: (all: Case) => void = () => {}, check: Check<FaultEvidence> = stepDownSurvived) {
  const all = soundCase('step-down')
  change(all)
  demandSchema(FaultEvidenceSchema, all.evidence, 'the test’s evidence')
  const limits = Object.fromEntries(check.limits.map((limit) => [limit.name, limit])) as Limits
  return check.evaluate(all.evidence, limits, linesOf(all))
}
const episode = ({ evidence }: Case) => evidence.episodes[0]!
const history = ({ histories }: Case) => histories['step-down.jsonl']!
const meanwhile = (all: Case, of = 'plain-write') =>
  history(all).filter((one) => one.class === of && one.invoked_ms >= FAULT.from_ms && one.invoked_ms < FAULT.over_ms)

test('survived, told and over in time', () => {
  const verdict = judge()
  expect(verdict.findings.filter(({ outcome }) => outcome !== 'pass')).toEqual([])
  expect(verdict).toMatchObject({ outcome: 'pass', measured: { label: 'back after the step-down', value: 5 } })
  expect(verdict.charts[0]).toMatchObject({ kind: 'timeline', windows: [{ from: 6, to: 11 }] })
  expect(judge(undefined, nothingLost).outcome).toBe('pass')
  expect(judge(undefined, backAfterLoss).outcome).toBe('pass')
})

describe('the target’s failures', () => {
  test.each<[string, (all: Case) => void, string]>([
    [
      'a lost write',
      (all) => episode(all).readings[1]!.effects.pop(),
      '1 of 8 acknowledged writes are lost, first comment step-down-after',
    ],
    [
      'a doubled one',
      (all) => (episode(all).readings[0]!.effects[0]!.count = 2),
      'done more often than they were asked for',
    ],
    [
      'an illegal transition',
      (all) => episode(all).states!.push({ at_ms: 9_000, kind: 'job', id: 'j', from: 'succeeded', to: 'running' }),
      'job j from succeeded to running',
    ],
    [
      'health that says healthy always',
      (all) => {
        for (const one of history(all).filter(({ f }) => f === 'health')) {
          Object.assign(one, { status: 200, type: 'ok', saw: [{ kind: 'component', id: 'mongodb', state: 'healthy' }] })
        }
      },
      'polls say otherwise',
    ],
    [
      'a refusal that blames the user',
      (all) => Object.assign(meanwhile(all)[2]!, refused(404, 'not_found')),
      'HTTP 404 not_found',
    ],
    [
      'a request that waits for ever',
      (all) => (meanwhile(all)[2]!.ended_ms = FAULT.from_ms + 44_000),
      'were not answered within 35 s',
    ],
    [
      'a broken connection',
      (all) => Object.assign(meanwhile(all)[2]!, unanswered),
      'connections were refused or broken',
    ],
    [
      'a process that ended',
      (all) => (episode(all).processes!.after[0]!.pid = 99),
      'conman-api (process 11) did not survive',
    ],
    [
      'no recovery',
      (all) => {
        for (const one of history(all)) {
          if (one.class === 'plain-write' && one.invoked_ms > FAULT.from_ms)
            Object.assign(one, refused(503, 'unavailable'))
        }
      },
      'it took more than 24 s after it was injected to be back, limit 17 s',
    ],
  ])('%s is a failure, for that reason', (_, change, reason) => {
    const verdict = judge(change)
    expect(verdict.outcome).toBe('fail')
    expect(verdict.because).toContain(reason)
  })

  test('what was wrong stands first in the tables', () => {
    const { tables } = judge((all) => episode(all).readings[1]!.effects.pop())
    expect(tables[0]).toMatchObject({ title: 'First wrong lines of the history' })
    expect(tables[0]!.rows[0]!.join()).toContain('comment step-down-after')
  })
})

describe('what is not the target’s', () => {
  test.each<[string, (all: Case) => void, string]>([
    [
      'the fault was not seen',
      (all) => Object.assign(episode(all).fault!, { observed_at_ms: null, unobserved_because: 'the hook failed' }),
      'the hook failed',
    ],
    [
      'its end was not seen',
      (all) => Object.assign(episode(all).fault!, { confirmed_at_ms: null, unconfirmed_because: 'no primary' }),
      'no primary',
    ],
    [
      'the load was not made',
      (all) => {
        all.histories['step-down.jsonl'] = history(all).filter((one) => one.class !== 'git-write' || one.key !== null)
      },
      'the load was not made as planned: 1 of 30 operations of git-write in the phase baseline',
    ],
    ['a rate limit held it back', (all) => (episode(all).load.throttled = 3), '3 answers were 429'],
    [
      'something failed without a fault',
      (all) => Object.assign(all.histories['control.jsonl']![5]!, refused(500, 'internal')),
      '1 of 1060 operations failed without a fault',
    ],
    [
      'a kind took no part',
      (all) => {
        for (const operations of Object.values(all.histories)) {
          for (const one of operations) if (one.class === 'promotion') one.type = 'info'
        }
      },
      'no operation of promotion succeeded',
    ],
    [
      'changes of states cannot be read',
      (all) => Object.assign(episode(all), { states: null, states_because: 'no oplog' }),
      'no oplog',
    ],
    ['no fresh write', (all) => (episode(all).fresh_write = false), 'what was read may be old'],
    [
      'the database was away for too short a time to be told',
      (all) => (episode(all).primaries!.at(-1)!.at_ms = FAULT.from_ms + 2_000),
      'no health was asked and answered later than 3 s after it broke',
    ],
    [
      'others had the processors, and all took too long',
      (all) => {
        episode(all).other_load[0]!.share = 0.9
        for (const one of history(all)) {
          if (one.class === 'plain-write' && one.invoked_ms > FAULT.from_ms)
            Object.assign(one, refused(503, 'unavailable'))
        }
      },
      'other programs took up to 90 %',
    ],
  ])('%s: not verified', (_, change, reason) => {
    const verdict = judge(change)
    expect(verdict.because).toContain(reason)
    expect(verdict.outcome).toBe('not-verified')
  })

  test('a history with a line that is none cannot be judged', () => {
    expect(() => judge((all) => Object.assign(history(all)[0]!, { class: 'tea' }))).toThrow(/the history/)
  })
})

test('where its processes cannot be seen, that it goes on answering stands for their survival', () => {
  expect(judge((all) => (episode(all).processes = null)).outcome).toBe('pass')
})

describe('killed and frozen primaries', () => {
  test('no loss is demanded, and being late is another check’s', () => {
    const late = (all: Case) => {
      for (const one of history(all)) {
        if (one.class === 'plain-read' && one.invoked_ms > FAULT.from_ms)
          Object.assign(one, refused(503, 'unavailable'))
      }
    }
    expect(judge(late, nothingLost).outcome).toBe('pass')
    const lost = (all: Case) => history(all).push(comment('step-down-gone', { invoked_ms: 5_000 }))
    expect(judge(lost, nothingLost).because).toContain('comment step-down-gone')
    expect(judge(lost, backAfterLoss).outcome).toBe('pass')
    // Watched for 24 s: that it would have taken more than 45 s is not known.
    expect(judge(late, backAfterLoss)).toMatchObject({ outcome: 'not-verified' })
  })
})
