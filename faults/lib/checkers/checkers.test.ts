// The other claims, each on a history made by hand: one that holds, one for each way to break it, one that shows nothing.

import { describe, expect, test } from 'vitest'
import type { Trail } from '../workload/trail.ts'
import { boundedWaiting, goesOnAnswering, specifiedCodes, unaffected } from './answers.ts'
import { effectsOnce } from './effects.ts'
import { healthTruthful } from './health.ts'
import { change, comment, operation, poll, polls, reading, refused, steady, unanswered } from './history.fixture.ts'
import { unlessBusy } from './judgement.ts'
import { noLeaks } from './leaks.ts'
import { environmentLocks } from './locks.ts'
import { queueOrder } from './queue-order.ts'
import { auditComplete, outboxComplete } from './trail.ts'
import { legalTransitions, WAYS } from './transitions.ts'

describe('legal transitions', () => {
  test('every way of the table is legal, and the first state of each kind', () => {
    for (const [kind, ways] of Object.entries(WAYS)) {
      for (const [from, tos] of Object.entries(ways)) {
        for (const to of tos) {
          const one = change(kind, from === 'begins' ? null : from, to)
          expect(legalTransitions([one], null).finding.outcome, JSON.stringify(one)).toBe('pass')
        }
      }
    }
  })

  test.each([
    ['job', 'succeeded', 'running'],
    ['changeset', 'draft', 'queued'],
    ['release', 'published', 'draft_release'],
    ['deployment', 'failed', 'succeeded'],
    ['temp-env', 'deleted', 'active'],
    ['changeset', null, 'approved'],
    ['job', 'running', null],
  ])('%s from %s to %s is not', (kind, from, to) => {
    const { finding } = legalTransitions([change('job', null, 'queued'), change(kind, from, to)], null)
    expect(finding.outcome).toBe('fail')
    expect(finding.because).toContain(`${kind} x from ${from ?? 'nothing'} to ${to ?? 'nothing'}`)
  })

  test('no change, and changes that cannot be read, show nothing', () => {
    expect(legalTransitions([], null).finding.outcome).toBe('not-verified')
    expect(legalTransitions(null, 'no log').finding.because).toContain('no log')
  })
})

describe('environment locks', () => {
  const deployment = (id: string, from: string | null, to: string, place = 'prod') =>
    change('deployment', from, to, { id, place })

  test('one after the other, and side by side in two environments', () => {
    const states = [
      deployment('a', null, 'pending'),
      deployment('b', null, 'pending', 'dev'),
      deployment('a', 'pending', 'running'),
      deployment('a', 'running', 'succeeded'),
      deployment('c', null, 'pending'),
    ]
    expect(environmentLocks(states, null).finding).toMatchObject({ outcome: 'pass', n: 3 })
  })

  test('two at once', () => {
    const states = [
      deployment('a', null, 'pending'),
      deployment('a', 'pending', 'running'),
      deployment('c', null, 'pending'),
    ]
    expect(environmentLocks(states, null).finding.because).toContain(
      'environment prod had 2 active deployments at once',
    )
  })

  test('none at all shows nothing', () => {
    expect(environmentLocks([], null).finding.outcome).toBe('not-verified')
  })
})

describe('the queue', () => {
  const enqueue = (id: string, position: number, invoked_ms: number) =>
    operation({
      f: 'enqueue',
      class: 'plain-write',
      on: { app: 'a', changeset: id },
      invoked_ms,
      saw: [{ kind: 'changeset', id, state: 'queued', position }],
    })
  const listing = (...positions: number[]) =>
    operation({
      f: 'list-queue',
      saw: positions.map((position) => ({ kind: 'changeset', id: `c${position}`, state: 'queued', position })),
    })

  test('in order', () => {
    expect(queueOrder([enqueue('x', 1, 0), enqueue('y', 2, 100), listing(1, 2, 7)]).finding).toMatchObject({
      outcome: 'pass',
      n: 2,
    })
  })

  test('a later one before an earlier one, a place taken twice, a list in another order', () => {
    expect(queueOrder([enqueue('x', 3, 0), enqueue('y', 2, 100)]).finding.outcome).toBe('fail')
    expect(queueOrder([enqueue('x', 3, 0), enqueue('y', 3, 100)]).finding.outcome).toBe('fail')
    expect(queueOrder([listing(1, 3, 2)]).finding.because).toContain('position 2 stands after 3')
  })

  test('two at the same time, or with a release between them, have no order', () => {
    expect(queueOrder([enqueue('x', 3, 0), enqueue('y', 2, 10)]).finding.outcome).toBe('not-verified')
    const publish = operation({ f: 'publish', class: 'release', on: { app: 'a' }, invoked_ms: 50 })
    expect(queueOrder([enqueue('x', 3, 0), publish, enqueue('y', 1, 100)]).finding.outcome).toBe('not-verified')
  })
})

describe('left-over temporary environments', () => {
  const deleted = operation({ f: 'delete-temp-env', class: 'temp-env', on: { 'temp-env': 't' } })
  const rows = (...found: { kind: string; id: string; state: string }[]) => ({
    ...reading('database', []),
    rows: found,
  })

  test('gone, or a row that says so', () => {
    expect(noLeaks([deleted], [rows()]).finding.outcome).toBe('pass')
    expect(noLeaks([deleted], [rows({ kind: 'temp-env', id: 't', state: 'deleted' })]).finding.outcome).toBe('pass')
  })

  test('a row in another state, a branch that is still there', () => {
    expect(noLeaks([deleted], [rows({ kind: 'temp-env', id: 't', state: 'expiring' })]).finding.because).toContain(
      'it is expiring',
    )
    expect(
      noLeaks([deleted], [rows({ kind: 'temp-env-branch', id: 't', state: 'temp/t/ws' })]).finding.because,
    ).toContain('its branch temp/t/ws')
  })

  test('while jobs go on it is not known, nor where none was deleted', () => {
    const busy = rows({ kind: 'temp-env', id: 't', state: 'expired' }, { kind: 'job', id: 'j', state: 'running' })
    expect(noLeaks([deleted], [busy]).finding.outcome).toBe('not-verified')
    expect(noLeaks([], [rows()]).finding.outcome).toBe('not-verified')
  })
})

describe('effects of jobs', () => {
  const outcomes = (done: string[], succeeded: string[]) =>
    effectsOnce({ done, succeeded }).map(({ finding }) => finding.outcome)

  test('once each', () => expect(outcomes(['a', 'b'], ['a'])).toEqual(['pass', 'pass']))
  test('twice', () => expect(outcomes(['a', 'a'], ['a'])).toEqual(['fail', 'pass']))
  test('never, and succeeded', () => expect(outcomes(['a'], ['a', 'b'])).toEqual(['pass', 'fail']))
  test('nothing done', () => expect(outcomes([], [])).toEqual(['not-verified', 'not-verified']))
})

describe('the trail', () => {
  const row = (id: string) => ({ entity_type: 'comment', action: 'created', entity_id: id, commit: null })
  const trail = (rows: string[], outbox: Trail['outbox'] = null): Trail => ({
    audit: { source: 'database', rows: rows.map(row) },
    outbox,
  })
  const submit = (key: string, invoked_ms = 0) =>
    operation({ f: 'submit', class: 'plain-write', key, on: { changeset: key }, invoked_ms })
  const mail = (key: string, recipient = 'r') => ({
    event: 'changeset_submitted',
    recipient,
    subject: `[app] Changeset submitted: ${key}`,
    state: 'sent',
  })

  test('a row for each deed', () => {
    const operations = [comment('a'), comment('b')]
    expect(auditComplete({ operations, trail: trail(['id-of-a', 'id-of-b']), excused: null }).finding.outcome).toBe(
      'pass',
    )
  })

  test('one that is missing, and one that a failover excuses', () => {
    const operations = [comment('a'), comment('b', { invoked_ms: 5_000 })]
    const judge = (excused: { from_ms: number; to_ms: number } | null) =>
      auditComplete({ operations, trail: trail(['id-of-a']), excused }).finding
    expect(judge(null)).toMatchObject({ outcome: 'fail' })
    expect(judge({ from_ms: 4_000, to_ms: 6_000 })).toMatchObject({ outcome: 'pass' })
    expect(judge({ from_ms: 4_000, to_ms: 6_000 }).because).toContain(
      '1 are missing of what was done while the database failed over',
    )
  })

  test('a kind without a single row has another name, which is no loss; without a log nothing is known', () => {
    expect(auditComplete({ operations: [comment('a')], trail: trail([]), excused: null }).finding.outcome).toBe(
      'not-verified',
    )
    expect(auditComplete({ operations: [comment('a')], trail: null, excused: null }).finding.outcome).toBe(
      'not-verified',
    )
  })

  test('mails: told, not told, told twice, and such as do not say of what they tell', () => {
    const judge = (mails: Trail['outbox'], operations = [submit('a'), submit('b')]) =>
      outboxComplete({ operations, trail: trail([], mails), excused: null }).map(({ finding }) => finding.outcome)
    expect(judge([mail('a'), mail('b'), mail('b', 's')])).toEqual(['pass', 'pass'])
    expect(judge([mail('a')])).toEqual(['fail', 'pass'])
    expect(judge([mail('a'), mail('b'), mail('b')])).toEqual(['pass', 'fail'])
    expect(judge([{ ...mail('a'), subject: 'Changeset submitted' }])).toEqual(['not-verified', 'not-applicable'])
    expect(judge(null)).toEqual(['not-verified', 'not-verified'])
  })
})

describe('health', () => {
  const limits = { tellsWithin_ms: 3_000, clearsWithin_ms: 5_000, answersWithin_ms: 5_000 }
  const input = {
    component: 'mongodb',
    broken: [{ from_ms: 10_000, to_ms: 20_000 }],
    says: ['unhealthy'],
    is503: true,
    alsoSick: ['job_runner'],
    before_ms: 10_000,
    after_ms: 20_000,
    ...limits,
  }
  const well = [...polls(0, 10_000), ...polls(10_000, 20_000, { mongodb: 'unhealthy' }), ...polls(20_000, 30_000)]
  const judge = (operations = well, more: Partial<typeof input> = {}) =>
    healthTruthful({ ...input, operations, ...more }).map(({ finding }) => finding.outcome)

  test('told in time, taken back in time', () => {
    expect(judge()).toEqual(['pass', 'pass', 'pass', 'pass'])
    const late = [
      ...polls(0, 12_900),
      ...polls(12_900, 20_000, { mongodb: 'unhealthy' }),
      ...polls(20_000, 24_900, { mongodb: 'unhealthy' }),
      ...polls(25_000, 30_000),
    ]
    expect(judge(late)).toEqual(['pass', 'pass', 'pass', 'pass'])
  })

  test('healthy always; late; with 200; another one blamed; not taken back; not answered', () => {
    expect(judge(polls(0, 30_000))[0]).toBe('fail')
    expect(judge([...polls(0, 14_000), ...well.filter(({ invoked_ms }) => invoked_ms >= 14_000)])[0]).toBe('fail')
    expect(judge(well.map((one) => ({ ...one, status: 200 })))[0]).toBe('fail')
    expect(judge([...well, poll(15_000, { mongodb: 'unhealthy', gitaly: 'unhealthy' })])[1]).toBe('fail')
    expect(judge([...well, poll(15_000, { mongodb: 'unhealthy', job_runner: 'degraded' })])[1]).toBe('pass')
    expect(judge([...well, poll(26_000, { mongodb: 'unhealthy' })])[2]).toBe('fail')
    expect(judge([...well, { ...poll(15_000), ...unanswered, ended_ms: 45_000 }])[3]).toBe('fail')
  })

  test('broken for too short a time to be told, or watched for too short a time after it: not verified', () => {
    expect(judge(well, { broken: [{ from_ms: 10_000, to_ms: 12_000 }] })[0]).toBe('not-verified')
    expect(judge(well.filter(({ invoked_ms }) => invoked_ms < 22_000))[2]).toBe('not-verified')
    expect(judge([])).toEqual(['not-verified', 'not-verified', 'not-verified', 'not-verified'])
  })
})

describe('answers', () => {
  const baseline = { from_ms: 0, to_ms: 5_000 }
  const harm = { from_ms: 5_000, to_ms: 10_000 }
  const input = { classes: ['plain-read' as const], baseline, harm, other_load: [] }
  const all = () => steady(['plain-read', 'git-read'], { to_ms: 10_000 })
  const meanwhile = (operations = all()) =>
    operations.filter((one) => one.class === 'plain-read' && one.invoked_ms >= 5_000)

  test('a class that goes on, one that fails, one that is slow, one that is hardly asked', () => {
    expect(unaffected(all(), input)[0]!.finding.outcome).toBe('pass')
    const broken = all()
    Object.assign(meanwhile(broken)[4]!, refused(502, 'git_error'))
    expect(unaffected(broken, input)[0]!.finding.because).toContain('1 of 25 of plain-read failed')
    const slow = all()
    for (const one of meanwhile(slow)) one.ended_ms = one.invoked_ms + 400
    expect(unaffected(slow, input)[0]!.finding.outcome).toBe('fail')
    expect(unaffected(slow, { ...input, other_load: [{ ...harm, share: 0.8 }] })[0]!.finding.outcome).toBe(
      'not-verified',
    )
    expect(unaffected(all().slice(0, 55), input)[0]!.finding.outcome).toBe('not-verified')
  })

  test('codes as they are specified, and not a refusal that blames the user', () => {
    const git = all().filter((one) => one.class === 'git-read')
    const judge = () =>
      specifiedCodes(git, { classes: ['git-read'], span: harm, statuses: [502], codes: ['git_error'] }).finding
    expect(judge().because).toBe('nothing failed')
    Object.assign(git[30]!, refused(502, 'git_error'))
    expect(judge().outcome).toBe('pass')
    Object.assign(git[31]!, refused(404, 'not_found'))
    expect(judge().because).toContain('HTTP 404 not_found')
  })

  test('bounded, and there', () => {
    const operations = all()
    const judge = () =>
      boundedWaiting(operations, { classes: ['plain-read', 'git-read'], span: harm, within_ms: 1_000 }).finding
    expect(judge().outcome).toBe('pass')
    operations.at(-1)!.ended_ms = null
    expect(judge().outcome).toBe('fail')
    expect(goesOnAnswering(operations, harm).finding.outcome).toBe('pass')
    Object.assign(operations.at(-2)!, unanswered)
    expect(goesOnAnswering(operations, harm).finding.outcome).toBe('fail')
    Object.assign(operations.at(-2)!, { because: 'no answer (no whole answer within 45 s)' })
    expect(goesOnAnswering(operations, harm).finding.outcome).toBe('pass')
  })
})

describe('a busy machine', () => {
  const span = { from_ms: 0, to_ms: 10_000 }
  const busy = { from_ms: 0, to_ms: 1_000, share: 0.9 }
  const calm = { from_ms: 1_000, to_ms: 10_000, share: 0.1 }
  const broken = (...at_ms: number[]) =>
    goesOnAnswering(
      at_ms.map((invoked_ms) => operation({ ...unanswered, invoked_ms })),
      span,
    )

  test('excuses what was broken while it was busy, and nothing else', () => {
    expect(unlessBusy(broken(500), [busy, calm], span).finding).toMatchObject({ outcome: 'not-verified' })
    expect(unlessBusy(broken(500, 5_000), [busy, calm], span).finding.outcome).toBe('fail')
    expect(unlessBusy(broken(500), [], span).finding.outcome).toBe('fail')
    const well = goesOnAnswering([operation()], span)
    expect(unlessBusy(well, [busy], span).finding.outcome).toBe('pass')
  })

  test('excuses what no operation broke when it was busy for half of the time', () => {
    const late = { finding: { claim: 'c', outcome: 'fail' as const, because: 'late' }, wrong: [] }
    expect(unlessBusy(late, [busy, calm], span).finding.outcome).toBe('not-verified')
    expect(unlessBusy(late, [busy, calm, calm], span).finding.outcome).toBe('fail')
  })
})
