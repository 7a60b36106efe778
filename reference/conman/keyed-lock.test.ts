import { expect, test } from 'vitest'
import { createKeyedLock } from './keyed-lock.ts'

test('turns of one key follow each other and hand on their result', async () => {
  const lock = createKeyedLock<number>()
  const seen: (number | undefined)[] = []
  const turn = (result: number) =>
    lock.run('a', async (previous) => {
      seen.push(previous)
      return result
    })
  await Promise.all([turn(1), turn(2), turn(3)])
  expect(seen).toEqual([undefined, 1, 2])
  expect(lock.size).toBe(0)
})

test('keys do not wait for each other, and a failure ends only its own turn', async () => {
  const lock = createKeyedLock<string>()
  const stuck = lock.run('a', () => new Promise(() => undefined))
  expect(stuck).toBeInstanceOf(Promise)
  await expect(lock.run('b', () => Promise.reject(new Error('failed')))).rejects.toThrow('failed')
  expect(await lock.run('b', async (previous) => previous ?? 'nothing')).toBe('nothing')
})
