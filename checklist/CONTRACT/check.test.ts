import { describe, expect, test } from 'vitest'
import { contract } from './check.ts'
import type { TakenStep } from './evidence.ts'

const step = (id: string, more: Partial<TakenStep> = {}): TakenStep => ({
  id,
  part: 'Part',
  name: `do ${id}`,
  of_flow: true,
  method: 'GET',
  route: '/api/apps',
  status: 200,
  duration_ms: 3.2,
  outcome: 'worked',
  reached: true,
  because: null,
  differences: [],
  ...more,
})

const judge = (...steps: TakenStep[]) => contract.evaluate({ schema: 'readiness-contract/1', app: 'a', steps }, {})

describe('the verdict', () => {
  test('passes when every step of the flow worked', () => {
    const verdict = judge(step('a'), step('b'), step('look', { of_flow: false }))
    expect(verdict).toMatchObject({ outcome: 'pass', n: 2, measured: { value: 2 } })
    expect(verdict.because).toBe('all 2 steps of the flow worked, and nothing that was seen differs from the contract')
    expect(verdict.tables.map(({ title }) => title)).toEqual(['Step by step'])
  })

  test('says what was not seen beside the flow, and why where it was tried', () => {
    const unseen = { of_flow: false, reached: false } as const
    const verdict = judge(
      step('a'),
      step('look', { ...unseen, outcome: 'refused', status: 500, because: 'HTTP 500' }),
      step('look on', { ...unseen, outcome: 'skipped', because: 'it needs look' }),
    )
    expect(verdict.outcome).toBe('pass')
    expect(verdict.because).toMatch(/ differs from the contract; 2 steps beside the flow could not be taken$/)
    expect(verdict.findings.slice(1)).toEqual([
      {
        claim: '‘do look’ works',
        outcome: 'not-applicable',
        because: '‘do look’ did not work: HTTP 500; noted, no condition here',
      },
    ])
  })

  test('is not verified where a step beside the flow was not answered', () => {
    const lost = step('look', { of_flow: false, outcome: 'no answer', reached: false, status: 0, because: 'reset' })
    expect(judge(step('a'), lost)).toMatchObject({
      outcome: 'not-verified',
      because: '‘do look’ was not answered: reset',
    })
  })

  test('fails with the step that did not work, and counts those that could not be taken', () => {
    const verdict = judge(
      step('a'),
      step('b', { outcome: 'refused', reached: false, status: 500, because: 'doing b: HTTP 500' }),
      step('c', { outcome: 'skipped', reached: false, because: 'it needs b' }),
    )
    expect(verdict.outcome).toBe('fail')
    expect(verdict.because).toBe('‘do b’ did not work: doing b: HTTP 500; 1 later step could not be taken')
    expect(verdict.remedy).toMatch(/first step/)
  })

  test('says why the flow was left where it was never tried', () => {
    const silent = { outcome: 'skipped', reached: false, because: 'the target no longer answers' } as const
    const verdict = judge(step('a'), step('b', silent), step('c', silent))
    expect(verdict.outcome).toBe('fail')
    expect(verdict.because).toBe(
      '‘do b’ could not be taken: the target no longer answers; 1 later step could not be taken',
    )
  })

  test('fails for what the contract demands of a step of the flow', () => {
    const differences = [{ id: 'HD16', wanted: 'a version', got: 'none' }]
    const verdict = judge(step('a', { outcome: 'differs', differences }))
    expect(verdict.outcome).toBe('fail')
    expect(verdict.because).toBe('HD16, do a: wanted a version, got none')
    expect(verdict.tables[0]).toEqual({
      title: 'Differences from the contract',
      columns: ['Row', 'Topic', 'Step', 'Wanted', 'Got'],
      rows: [['HD16', 'health', 'do a', 'a version', 'none']],
    })
  })

  test.each([
    ['what it only notes', step('a', { outcome: 'differs', differences: [{ id: 'HD60', wanted: 'w', got: 'g' }] })],
    [
      'what was only tried to see it refused',
      step('b', { of_flow: false, outcome: 'differs', differences: [{ id: 'HD1', wanted: 'w', got: 'g' }] }),
    ],
  ])('passes over %s, and says it', (_, differing) => {
    const verdict = judge(step('z'), differing)
    expect(verdict.outcome).toBe('pass')
    expect(verdict.because).toContain('and 1 answer differs from the contract')
    expect(verdict.findings.at(-1)).toMatchObject({ outcome: 'not-applicable' })
    expect(verdict.tables[0]!.rows).toHaveLength(1)
  })

  test('is not verified by nothing', () => {
    expect(judge().outcome).toBe('not-verified')
  })
})
