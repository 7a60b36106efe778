// What is left of a ledger when each intent has met its end: what may have been made, though nobody was told.

import { describe, expect, test } from 'vitest'
import { unanswered } from './cleaning.ts'
import type { MadeLine } from './target/made.ts'

const line = (phase: MadeLine['phase'], kind: string, name: string | null, id: string | null = null): MadeLine => ({
  kind,
  name,
  id,
  app_id: 'a1',
  phase,
})

describe('an intent', () => {
  test('that was made or refused is answered', () => {
    expect(
      unanswered([
        line('intent', 'invite', 'one'),
        line('intent', 'invite', 'two'),
        line('refused', 'invite', 'two'),
        line('made', 'invite', 'one', 'i1'),
      ]),
    ).toEqual([])
  })

  test('without an end is not, though another of its kind has one', () => {
    const lines = [
      line('intent', 'invite', 'one'),
      line('intent', 'invite', 'two'),
      line('made', 'invite', 'two', 'i2'),
    ]
    expect(unanswered(lines).map(({ name }) => name)).toEqual(['one'])
  })

  test('of the same name twice needs two ends', () => {
    const twice = [
      line('intent', 'release', null),
      line('intent', 'release', null),
      line('made', 'release', null, 'r1'),
    ]
    expect(unanswered(twice)).toHaveLength(1)
  })

  test('without a name takes the end that brings one, and leaves the named ones theirs', () => {
    const lines = [
      line('intent', 'workspace', null),
      line('intent', 'workspace', 'extra'),
      line('made', 'workspace', 'extra', 'w2'),
      line('made', 'workspace', 'ws/u1/app', 'w1'),
    ]
    expect(unanswered(lines)).toEqual([])
  })

  test('in another app is another', () => {
    expect(
      unanswered([line('intent', 'invite', 'one'), { ...line('made', 'invite', 'one'), app_id: 'a2' }]),
    ).toHaveLength(1)
  })
})
