import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { mapInParallel } from './parallel.ts'

test('results keep the order of the items, and no more than the width are under way', async () => {
  let underWay = 0
  let most = 0
  const doubled = await mapInParallel([5, 1, 4, 2, 3], 2, async (item) => {
    most = Math.max(most, ++underWay)
    await delay(item)
    underWay -= 1
    return item * 2
  })
  expect(doubled).toEqual([10, 2, 8, 4, 6])
  expect(most).toBe(2)
})

test('nothing new is begun after a failure', async () => {
  const begun: number[] = []
  const work = mapInParallel([1, 2, 3, 4], 1, async (item) => {
    begun.push(item)
    if (item === 2) throw new Error('two')
  })
  await expect(work).rejects.toThrow('two')
  expect(begun).toEqual([1, 2])
})

test('no items, no work', async () => {
  expect(await mapInParallel([], 4, async () => 1)).toEqual([])
})
