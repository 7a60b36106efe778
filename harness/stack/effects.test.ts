// The ledger of effects as a worker's shell writes it: real commands, in a real shell.

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { EffectsLedger, effectsCommand, parseEffects } from './effects.ts'
import { waitFor } from './wait-for.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "effects o'clock "))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** As data-and-runtime §2.8 has it: `sh -lc`, with the variables of the job. */
async function deploy(file: string, id: string, payload: string): Promise<number | null> {
  const child = spawn('sh', ['-lc', effectsCommand(file)], {
    env: { PATH: process.env.PATH, CONMAN_ENTITY_ID: id, CONMAN_JOB_PAYLOAD: payload },
    stdio: 'ignore',
  })
  return await new Promise((resolve) => child.once('close', resolve))
}

test('commands that run at the same time leave whole lines, each its beginning and its end', async () => {
  const file = join(folder, 'many')
  const ids = Array.from({ length: 12 }, (_, index) => `${index}`.padStart(24, 'a'))
  const payload = `{\n  "environment_id": "e1",\n  "release_id": "r1",\n  "more": "${'x'.repeat(1_500)} ‘%s’ \\\\n"\n}`
  expect(await Promise.all(ids.map((id) => deploy(file, id, payload)))).toEqual(ids.map(() => 0))
  const { effects, unreadable } = new EffectsLedger(file).read()
  expect(unreadable).toBe(0)
  for (const id of ids) {
    const [begin, end, ...more] = effects.filter(({ deployment_id }) => deployment_id === id)
    expect(begin).toMatchObject({ phase: 'begin', environment_id: 'e1', release_id: 'r1', pid: expect.any(Number) })
    expect(end).toMatchObject({ phase: 'end', pid: begin!.pid })
    expect(more).toEqual([])
  }
})

test('held, a deployment stays under way until it is let go', async () => {
  const file = join(folder, 'held')
  const ledger = new EffectsLedger(file)
  expect(ledger.read()).toEqual({ effects: [], unreadable: 0 })
  let ended: Promise<number | null>
  {
    using _held = ledger.hold()
    ended = deploy(file, 'd1', '{}')
    await waitFor(() => existsSync(file), { what: 'the deployment to begin', within_ms: 10_000 })
    expect(ledger.read().effects).toMatchObject([{ phase: 'begin', deployment_id: 'd1', environment_id: null }])
  }
  expect(await ended).toBe(0)
  expect(ledger.read().effects.map(({ phase }) => phase)).toEqual(['begin', 'end'])
})

test('what is no line of the command is counted and not read', () => {
  const line = 'begin d1 7 1700000000 {"environment_id":5}\n'
  expect(parseEffects(`${line}a login shell says hello\nend d1 7 1700000001 {\n${line}end d1 7 17`)).toEqual({
    effects: Array(2).fill({
      phase: 'begin',
      deployment_id: 'd1',
      pid: 7,
      at_s: 1_700_000_000,
      environment_id: null,
      release_id: null,
    }),
    unreadable: 3,
  })
})
