import { expect, test } from 'vitest'
import { createBatcher } from './batcher.ts'

const turn = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)))

test('what is asked for during a batch goes out together afterwards, each with its own answer', async () => {
  const sent: number[][] = []
  const gates: (() => void)[] = []
  const double = createBatcher<number, number>(
    async (items) => {
      sent.push(items)
      await new Promise<void>((resolve) => gates.push(resolve))
      return items.map((item) => item * 2)
    },
    { maxSize: 3, patienceMs: 60_000 },
  )
  const first = double(1)
  await turn()
  const rest = [2, 3, 4, 5].map(double)
  await turn()
  expect(sent).toEqual([[1]])
  gates.shift()?.()
  await first
  await turn()
  expect(sent).toEqual([[1], [2, 3, 4]])
  gates.shift()?.()
  await Promise.all(rest.slice(0, 3))
  await turn()
  gates.shift()?.()
  expect(await Promise.all(rest)).toEqual([4, 6, 8, 10])
})

test('a failure reaches all of its batch and nobody else', async () => {
  const odd = createBatcher<number, number>(
    async (items) => {
      if (items.includes(13)) throw new Error('unlucky')
      return items
    },
    { maxSize: 10, patienceMs: 60_000 },
  )
  const outcomes = await Promise.allSettled([odd(1), odd(13)])
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(await odd(2)).toBe(2)
})

test('a batch that never ends does not hold up the next for ever', async () => {
  let calls = 0
  const slow = createBatcher<number, number>(
    (items) => {
      calls += 1
      return calls === 1 ? new Promise(() => undefined) : Promise.resolve(items)
    },
    { maxSize: 10, patienceMs: 20 },
  )
  void slow(1)
  await turn()
  expect(await slow(2)).toBe(2)
})
