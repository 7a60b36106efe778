// By its prefix a run's things are told from everybody else's: names that only look like it are never the run's.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { newRunId } from './evidence/store.ts'
import { carries, isMailOf, isOfSomeRun, mailOf, prefixOf, urlPrefix } from './prefix.ts'

const hex = (count: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${count}}$`))
const prefix = hex(6).map((id) => urlPrefix(`20261125T045400Z-${id}`))
const somebody = fc.stringMatching(/^[a-z0-9-]{0,20}$/)

test('on a URL it is the end of the run’s id, elsewhere the seed number', () => {
  const id = newRunId()
  expect(prefixOf('url', id, 1)).toBe(`readiness-${id.slice(-6)}`)
  expect([prefixOf('reference', id, 7), prefixOf('command', id, 7)]).toEqual(['readiness-7', 'readiness-7'])
})

describe('a name', () => {
  test('that a run gives is the run’s, and one of some run’s', () => {
    fc.assert(
      fc.property(prefix, somebody, (ours, who) => {
        expect(carries(ours, `${ours}-${who}`)).toBe(true)
        expect(isOfSomeRun(`${ours}-${who}`)).toBe(true)
        expect(isMailOf(ours, mailOf(ours, who))).toBe(true)
      }),
    )
  })

  test('of another run is not', () => {
    fc.assert(
      fc.property(prefix, prefix, somebody, (ours, theirs, who) => {
        fc.pre(ours !== theirs)
        expect(carries(ours, `${theirs}-${who}`)).toBe(false)
        expect(isMailOf(ours, mailOf(theirs, who))).toBe(false)
      }),
    )
  })

  test('that only contains the prefix, or goes on with a longer one, is somebody else’s', () => {
    fc.assert(
      fc.property(prefix, fc.stringMatching(/^[a-z0-9-]{1,8}$/), hex(1), somebody, (ours, before, more, who) => {
        for (const name of [ours, `${before}${ours}-${who}`, `${ours}${more}-${who}`, ours.toUpperCase()]) {
          // Unless what stands before happens to make it begin with the prefix itself.
          fc.pre(!`${before}${ours}-${who}`.startsWith(`${ours}-`))
          expect(carries(ours, name), name).toBe(false)
        }
      }),
    )
  })
})

test('an address is the run’s only where its mail goes nowhere', () => {
  const ours = 'readiness-1a2b3c'
  for (const email of [
    'readiness-1a2b3c-user-0001@readiness.test.example.com',
    'readiness-1a2b3c-user-0001@example.com',
    'readiness-1a2b3c-user-0001@example.com@readiness.test',
    'a-readiness-1a2b3c-user-0001@readiness.test',
    'user-0001@readiness-1a2b3c-readiness.test',
  ]) {
    expect(isMailOf(ours, email), email).toBe(false)
  }
})
