import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { createCoalescer } from './coalescer.ts'

describe('looking once for many', () => {
  test('those who ask during a look share the next one, and none gets an answer from before they asked', async () => {
    let now = 0
    const looks: number[] = []
    const ask = createCoalescer(
      () => 'key',
      async (items: readonly number[]) => {
        looks.push(items.length)
        const seen = now
        await sleep(5)
        return seen
      },
    )
    const first = ask(0)
    await sleep(1)
    now = 1
    const later = Array.from({ length: 9 }, () => ask(1))
    expect(await first).toBe(0)
    expect(await Promise.all(later)).toEqual(Array(9).fill(1))
    expect(looks).toEqual([1, 9])
  })

  test('other keys do not wait, and a failure reaches those of its own look only', async () => {
    const gate = Promise.withResolvers<void>()
    let fails = true
    const ask = createCoalescer(
      (key: string) => key,
      async ([key]) => {
        if (key === 'slow') await gate.promise
        if (key === 'bad' && fails) throw new Error('no')
        return `${key} done`
      },
    )
    const slow = ask('slow')
    expect(await ask('quick')).toBe('quick done')
    const bad = [ask('bad'), ask('bad')]
    for (const one of bad) await expect(one).rejects.toThrow('no')
    fails = false
    expect(await ask('bad')).toBe('bad done')
    gate.resolve()
    expect(await slow).toBe('slow done')
  })

  test('one who asks in the moment in which the last look ended is served', async () => {
    const ask = createCoalescer(
      () => 'key',
      async (items: readonly number[]) => Math.max(...items),
    )
    for (let round = 0; round < 200; round += 1) expect(await ask(round)).toBe(round)
  })
})
