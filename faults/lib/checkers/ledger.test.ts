// Lost, invented, doubled: each kind of violation on a history made by hand, and on histories made at random.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Operation } from '../workload/history.ts'
import type { Reading } from '../workload/readings.ts'
import { comment, operation, reading, refused, unanswered, write } from './history.fixture.ts'
import { ledger } from './ledger.ts'

function judged(
  operations: Operation[],
  readings: Reading[],
  more: { fresh_write?: boolean; there_before?: string[] } = {},
) {
  const [lost, invented, doubled] = ledger({ operations, readings, fresh_write: true, there_before: [], ...more })
  return { lost: lost!, invented: invented!, doubled: doubled! }
}
const outcomes = (all: ReturnType<typeof judged>) => Object.values(all).map(({ finding }) => finding.outcome)

test('what was acknowledged is there once, by every source', () => {
  const operations = [comment('a'), write('b')]
  const api = reading(
    'api',
    [
      ['comment', 'a'],
      ['file', 'b'],
    ],
    ['comment', 'file'],
  )
  const git = reading(
    'git',
    [
      ['commit', 'b'],
      ['file', 'b'],
    ],
    ['commit', 'file'],
  )
  expect(outcomes(judged(operations, [api, git]))).toEqual(['pass', 'pass', 'pass'])
})

describe('the target’s failures', () => {
  test('an acknowledged write that one source does not have is lost, whatever the others say', () => {
    const api = reading('api', [['comment', 'a']], ['comment'])
    const { lost } = judged([comment('a')], [api, reading('database', [], ['comment'])])
    expect(lost.finding).toMatchObject({ outcome: 'fail' })
    expect(lost.finding.because).toContain('1 of 1 acknowledged writes are lost, first comment a')
    expect(lost.finding.because).toContain('the database does not have it')
    expect(lost.wrong).toHaveLength(1)
  })

  test('a release whose id was given is nowhere', () => {
    const made = operation({ f: 'create-release', class: 'release', made: { release: 'r1' } })
    expect(judged([made], [reading('api', [])]).lost.finding.outcome).toBe('fail')
  })

  test('what was refused was done all the same', () => {
    const { invented } = judged(
      [comment('a', refused(409, 'conflict')), comment('b')],
      [
        reading(
          'api',
          [
            ['comment', 'a'],
            ['comment', 'b'],
          ],
          ['comment'],
        ),
      ],
    )
    expect(invented.finding.because).toContain('the comment a in the API, which was refused')
  })

  test('what nobody wrote is there', () => {
    expect(
      judged(
        [comment('a')],
        [
          reading(
            'api',
            [
              ['comment', 'a'],
              ['comment', 'z'],
            ],
            ['comment'],
          ),
        ],
      ).invented.finding.outcome,
    ).toBe('fail')
  })

  test('more rows than requests can have made', () => {
    const lost = operation({ f: 'deploy', class: 'deploy', ...unanswered })
    const api = reading('api', [])
    api.rows.push(...['d1', 'd2', 'old'].map((id) => ({ kind: 'deployment', id, state: 'succeeded', place: 'e' })))
    const { invented } = judged([lost], [api], { there_before: ['old'] })
    expect(invented.finding.because).toContain('2 deployment rows in the API that 1 unanswered requests can have made')
  })

  test('done twice, asked for once', () => {
    const { doubled } = judged([comment('a')], [reading('api', [['comment', 'a', 2]], ['comment'])])
    expect(doubled.finding.because).toContain('the API has 2 of the comment, asked for 1 time')
  })
})

describe('what is not the target’s', () => {
  test('nobody knows of an unanswered write: there or not, it is right', () => {
    for (const found of [[], [['comment', 'a'] as ['comment', string]]]) {
      const all = judged(
        [comment('a', unanswered), comment('b')],
        [reading('api', [['comment', 'b'], ...found], ['comment'])],
      )
      expect(outcomes(all)).toEqual(['pass', 'pass', 'pass'])
    }
  })

  test('asked for twice because the first answer was lost, it may be there twice', () => {
    const all = judged([comment('a', unanswered), comment('a')], [reading('api', [['comment', 'a', 2]], ['comment'])])
    expect(outcomes(all)).toEqual(['pass', 'pass', 'pass'])
  })

  test('a second attempt that was refused for the first one’s sake is no invention', () => {
    const operations = [
      operation({ f: 'begin-changeset', class: 'plain-write', key: 'a', ...unanswered }),
      operation({ f: 'begin-changeset', class: 'plain-write', key: 'a', ...refused(409, 'conflict') }),
      comment('b'),
    ]
    const api = reading('api', [
      ['changeset', 'a'],
      ['comment', 'b'],
    ])
    expect(judged(operations, [api]).invented.finding.outcome).toBe('pass')
  })

  test('what cannot be read again is not verified, nor what was read before a fresh write', () => {
    const unread = { ...reading('api', [], []), unread: ['comments: HTTP 500'] }
    expect(judged([comment('a')], [unread]).lost.finding).toMatchObject({ outcome: 'not-verified' })
    const api = reading('api', [['comment', 'a']], ['comment'])
    expect(judged([comment('a')], [api], { fresh_write: false }).lost.finding.outcome).toBe('not-verified')
    expect(judged([], [api]).lost.finding.outcome).toBe('not-verified')
  })

  test('what was taken away again may be gone', () => {
    const made = operation({ f: 'create-temp-env', class: 'temp-env', made: { 'temp-env': 't' } })
    const gone = operation({ f: 'delete-temp-env', class: 'temp-env', on: { 'temp-env': 't' }, ...unanswered })
    expect(judged([made, gone], [reading('api', [])]).lost.finding.outcome).toBe('pass')
    expect(judged([made], [reading('api', [])]).lost.finding.outcome).toBe('fail')
  })
})

test('whatever the mix of answers: right if and only if each key’s count is one that they allow', () => {
  const attempt = fc.constantFrom<'ok' | 'info' | 'fail'>('ok', 'info', 'fail')
  const keyed = fc.record({
    attempts: fc.array(attempt, { minLength: 1, maxLength: 3 }),
    count: fc.integer({ min: 0, max: 4 }),
  })
  fc.assert(
    fc.property(fc.array(keyed, { minLength: 1, maxLength: 8 }), (keys) => {
      const named = keys.map((one, index) => ({ ...one, key: `k${index}` }))
      const operations = named.flatMap(({ key, attempts }) =>
        attempts.map((type) =>
          comment(key, type === 'ok' ? {} : type === 'info' ? unanswered : refused(400, 'validation_error')),
        ),
      )
      const found = named
        .filter(({ count }) => count > 0)
        .map(({ key, count }) => ['comment', key, count] as ['comment', string, number])
      const all = judged(operations, [reading('database', found, ['comment'])])
      const may = (one: (typeof named)[number]) => one.attempts.filter((type) => type !== 'fail').length
      const must = (one: (typeof named)[number]) => one.attempts.includes('ok')
      expect(all.lost.finding.outcome === 'fail').toBe(named.some((one) => must(one) && one.count === 0))
      expect(all.invented.finding.outcome === 'fail').toBe(named.some((one) => may(one) === 0 && one.count > 0))
      expect(all.doubled.finding.outcome === 'fail').toBe(named.some((one) => may(one) > 0 && one.count > may(one)))
    }),
  )
})
