// The record of a fault: what was seen to happen and to end, with its times, and what never was.

import { expect, test } from 'vitest'
import type { Run } from '../../../harness/run.ts'
import { startClock } from '../clock.ts'
import { type Deed, harmOf, inject } from './fault.ts'

const site = { run: { signal: new AbortController().signal } as Run, clock: startClock() }
const fault = { id: 'light-out', title: 'the light goes out' }

function lamp(changes: Partial<Deed> = {}) {
  const state = { on: true, undone: 0 }
  const deed: Deed = {
    strike: async () => {
      state.on = false
    },
    observe: () => (state.on ? undefined : ['it is dark']),
    undo: async () => {
      state.on = true
      state.undone += 1
    },
    confirm: () => (state.on ? ['it is light'] : undefined),
    observeWithin_ms: 30,
    confirmWithin_ms: 30,
    ...changes,
  }
  return { state, deed }
}

test('what was seen has its times, in their order; disposing heals, once', async () => {
  const { state, deed } = lamp()
  let record: Awaited<ReturnType<typeof inject>>['record']
  {
    await using injected = await inject(site, fault, deed)
    expect(state.on).toBe(false)
    record = injected.record
    expect(record).toMatchObject({ fault: 'light-out', observed: ['it is dark'], healed_at_ms: null })
    expect(harmOf(record)).toBeNull()
    await injected.heal()
  }
  expect(state).toEqual({ on: true, undone: 1 })
  expect(record.confirmed).toEqual(['it is light'])
  const times = [record.requested_at_ms, record.observed_at_ms, record.healed_at_ms, record.confirmed_at_ms]
  expect(times).toEqual(times.toSorted((a, b) => a! - b!))
  expect(harmOf(record)).toEqual({ from_ms: record.observed_at_ms, to_ms: record.healed_at_ms })
})

test('what was not seen to happen is not taken for done, and is undone all the same', async () => {
  const { state, deed } = lamp({ strike: () => Promise.reject(new Error('the switch is stuck')) })
  const injected = await inject(site, fault, deed)
  expect(injected.record.observed_at_ms).toBeNull()
  expect(injected.record.unobserved_because).toContain('the switch is stuck')
  await injected.heal()
  expect(state.undone).toBe(1)
  expect(harmOf(injected.record)).toBeNull()
})

test('what went wrong while it was done, and was done all the same, is seen', async () => {
  const { state, deed } = lamp({
    strike: async () => {
      state.on = false
      throw new Error('no answer')
    },
  })
  const injected = await inject(site, fault, deed)
  expect(injected.record).toMatchObject({ observed: ['it is dark'], unobserved_because: null })
})

test('an end that is not seen says why; a look that throws is a look in vain', async () => {
  const { deed } = lamp({
    confirm: () => {
      throw new Error('the eye is closed')
    },
  })
  const injected = await inject(site, fault, deed)
  await injected.heal()
  expect(injected.record.confirmed_at_ms).toBeNull()
  expect(injected.record.unconfirmed_because).toContain('the eye is closed')
})

test('a harm that ends by itself ends then, and not when it is undone', async () => {
  const { state, deed } = lamp({ over: () => (state.on ? ['somebody lit a candle'] : undefined) })
  const injected = await inject(site, fault, deed)
  expect(await injected.overByItself(20)).toBe(false)
  state.on = true
  expect(await injected.overByItself(20)).toBe(true)
  await injected.heal()
  const { over_at_ms, healed_at_ms, observed_at_ms } = injected.record
  expect(over_at_ms).toBeLessThanOrEqual(healed_at_ms!)
  expect(harmOf(injected.record)).toEqual({ from_ms: observed_at_ms, to_ms: over_at_ms })
})
