// What a user selects by what he types.

import { describe, expect, test } from 'vitest'
import { CATALOGUE, selectChecks, WHOLE_CATALOGUE } from './catalogue.ts'
import { forecast, isWholeCatalogue } from './planning.ts'
import { REQUIRED_FOR_GO } from './requirements.ts'

const ids = (names: string[], profile: 'smoke' | 'golive' = 'golive') =>
  selectChecks(names, profile).map(({ id }) => id)

describe('what runs only when it is named', () => {
  const apart = CATALOGUE.filter((check) => check.onlyByName)

  test('is the scale tier, in every profile', () => {
    expect(apart.map(({ id }) => id)).toEqual(['scale.bulk-queue', 'scale.auth-burst', 'scale.poll-storm'])
    for (const check of apart) expect(check.profiles).toEqual(['smoke', 'standard', 'golive'])
    expect(ids(['scale'])).toEqual(apart.map(({ id }) => id))
    expect(ids(['scale.poll-storm'], 'smoke')).toEqual(['scale.poll-storm'])
  })

  test('is no part of the whole catalogue, blocks no GO, and is never a MUST', () => {
    expect(ids([])).not.toEqual(expect.arrayContaining(apart.map(({ id }) => id)))
    expect(WHOLE_CATALOGUE).toEqual(CATALOGUE.filter((check) => !apart.includes(check)))
    for (const { id, requirement } of apart) {
      expect(REQUIRED_FOR_GO).not.toContain(id)
      expect(requirement.level).toBe('SHOULD')
    }
    // With a check for every requirement, the others suffice.
    const required = REQUIRED_FOR_GO.map((id) => ({ ...CATALOGUE[0]!, id }))
    expect(isWholeCatalogue([...WHOLE_CATALOGUE, ...required])).toBe(true)
  })

  test('is not said to be left out', () => {
    const { go } = forecast({
      target: {
        kind: 'reference',
        address: 'a stack',
        capabilities: new Set(),
        unreachable: new Map(),
        processes: 'split',
        allowed: 'disrupts',
        loadBounds: undefined,
      },
      fingerprint: null,
      checks: WHOLE_CATALOGUE,
      profile: 'golive',
      seedOver: 'database',
      overridden: false,
      tools: [],
    })
    expect(go.because.join()).not.toContain('left out')
  })
})

test('the load tests are those of the table L, the steady mixes and what is judged from them; not the scale tier', () => {
  const mixes = ['api-mix', 'job-mix', 'GL-P2', 'GL-P3', 'GL-P5', 'SLO1', 'SLO2', 'SLO3', 'SLO4', 'SLO5']
  expect(ids(['loadtest'])).toEqual(
    expect.arrayContaining(['L1', 'L1.audit', 'L1.open', 'L5', 'L7', 'L7.open', ...mixes]),
  )
  expect(ids(['loadtest']).filter((id) => !/^(L\d|(api|job)-mix|GL-P[235]$|SLO\d)/.test(id))).toEqual([])
})

test('an id selects itself and what stands under it; a table its rows', () => {
  expect(ids(['L1'], 'smoke')).toEqual(['L1', 'L1.audit'])
  expect(ids(['IX'])).toHaveLength(28)
  expect(() => ids(['scales'])).toThrow("there is no check 'scales'")
})
