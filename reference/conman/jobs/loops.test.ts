/** The worker's loops go on, whatever one turn of one of them does. */
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { runLoop } from './loops.ts'

function createLog() {
  const lines: Record<string, unknown>[] = []
  const logger = pino(
    { base: null, messageKey: 'message' },
    { write: (line: string) => void lines.push(JSON.parse(line)) },
  )
  return { lines, logger }
}

test('a turn that fails is told about and followed by the next', async () => {
  const { lines, logger } = createLog()
  const stop = new AbortController()
  let turns = 0
  const turn = async () => {
    turns += 1
    if (turns === 3) stop.abort()
    throw new Error(`turn ${turns}`)
  }
  await runLoop({ name: 'failing', everyMs: 1, turn }, stop.signal, logger)
  expect(turns).toBe(3)
  expect(lines[0]).toMatchObject({ loop: 'failing', error: 'Error: turn 1', message: 'job runner turn failed' })
})

test('a turn that does not end is given up on', async () => {
  const { lines, logger } = createLog()
  const stop = new AbortController()
  let turns = 0
  const turn = () => {
    turns += 1
    if (turns === 2) stop.abort()
    return new Promise<boolean>(() => undefined)
  }
  await runLoop({ name: 'hanging', everyMs: 1, turn, limitMs: 20 }, stop.signal, logger)
  expect(turns).toBe(2)
  expect(lines).toMatchObject([{ error: 'TimedOut: no answer within 20 ms' }, {}])
})

test('a turn that found work is followed at once, one that found none after the pause, which a stop cuts short', async () => {
  const { logger } = createLog()
  const stop = new AbortController()
  let turns = 0
  const turn = async () => {
    turns += 1
    if (turns === 50) setTimeout(() => stop.abort(), 20)
    return turns < 50
  }
  const startedMs = performance.now()
  await runLoop({ name: 'busy', everyMs: 60_000, turn }, stop.signal, logger)
  expect(turns).toBe(50)
  expect(performance.now() - startedMs).toBeLessThan(30_000)
})
