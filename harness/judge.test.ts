import { describe, expect, test } from 'vitest'
import type { AnyCheck } from './catalogue.ts'
import type { Limit } from './check.ts'
import { decide, evaluateSafely, exitCodeOf } from './judge.ts'
import { keeps, verdictOf, worst } from './verdict.ts'

const base = {
  must: 3,
  failed: [] as string[],
  open: [] as string[],
  canGo: false,
  ended: 'complete' as const,
  because: null,
}

describe('the run’s word', () => {
  test('GO and NO-GO only where the run can give them', () => {
    expect(decide(base).verdict).toBe('PASS')
    expect(decide({ ...base, canGo: true }).verdict).toBe('GO')
    expect(decide({ ...base, failed: ['L1'] }).verdict).toBe('FAIL')
    expect(decide({ ...base, canGo: true, failed: ['L1'] }).verdict).toBe('NO-GO')
  })

  test('not verified is never a pass, and never a GO', () => {
    expect(decide({ ...base, open: ['L1'] }).verdict).toBe('INCOMPLETE')
    expect(decide({ ...base, canGo: true, open: ['L1'] }).verdict).toBe('NO-GO')
  })

  test('a run that was cut short passes nothing; a failure that it saw stays one', () => {
    expect(decide({ ...base, ended: 'interrupted' }).verdict).toBe('INCOMPLETE')
    expect(decide({ ...base, ended: 'failed', canGo: true }).verdict).toBe('NO-GO')
    expect(decide({ ...base, ended: 'interrupted', failed: ['L1'] }).verdict).toBe('FAIL')
  })

  test('a run without a MUST has not passed', () => {
    expect(decide({ ...base, must: 0 }).verdict).toBe('INCOMPLETE')
  })
})

describe('the exit code', () => {
  const code = (input: Partial<Parameters<typeof exitCodeOf>[0]>) =>
    exitCodeOf({ ended: 'complete', harnessFailed: false, failed: 0, open: 0, ...input })

  test.each([
    [{}, 0],
    [{ failed: 1 }, 1],
    [{ open: 1 }, 2],
    [{ failed: 1, open: 1 }, 1],
    [{ harnessFailed: true, failed: 1 }, 4],
    [{ ended: 'failed' as const }, 4],
    [{ ended: 'interrupted' as const, harnessFailed: true, failed: 1 }, 130],
  ])('%o gives %i: 130 > 4 > 1 > 2 > 0', (input, wanted) => {
    expect(code(input)).toBe(wanted)
  })
})

describe('claims make a verdict', () => {
  test('the worst decides', () => {
    expect(worst(['pass', 'not-verified', 'fail'])).toBe('fail')
    expect(worst(['pass', 'not-verified'])).toBe('not-verified')
    expect(worst(['pass', 'not-applicable'])).toBe('pass')
  })

  test('no claim at all verifies nothing', () => {
    expect(worst([])).toBe('not-verified')
    expect(verdictOf({ findings: [], whenPassed: 'fine', verifiedBy: [] }).outcome).toBe('not-verified')
  })

  test('the words are those of the claims that decided', () => {
    const verdict = verdictOf({
      findings: [
        { claim: 'a', outcome: 'not-verified', because: 'no access' },
        { claim: 'b', outcome: 'fail', because: '3 are missing' },
      ],
      whenPassed: 'fine',
      verifiedBy: ['http'],
      remedy: 'look',
    })
    expect(verdict).toMatchObject({ outcome: 'fail', because: '3 are missing', remedy: 'look' })
  })

  test('a check that throws is not verified: its failure is the harness’s', () => {
    const broken = {
      evaluate: () => {
        throw new Error('no such field')
      },
    } as unknown as AnyCheck
    expect(evaluateSafely(broken, {}, {})).toMatchObject({
      outcome: 'not-verified',
      because: 'the check itself failed: no such field',
    })
  })
})

test('limits: at most, at least, exactly; what is no number keeps none', () => {
  const limit = (compare: Limit['compare']): Limit => ({ name: 'x', value: 2, unit: '', compare, source: '' })
  expect([1, 2, 3].map((value) => keeps(value, limit('at-most')))).toEqual([true, true, false])
  expect([1, 2, 3].map((value) => keeps(value, limit('at-least')))).toEqual([false, true, true])
  expect([1, 2, 3].map((value) => keeps(value, limit('exactly')))).toEqual([false, true, false])
  expect(keeps(Number.NaN, limit('at-most'))).toBe(false)
  expect(keeps(Number.NEGATIVE_INFINITY, limit('at-most'))).toBe(false)
})
