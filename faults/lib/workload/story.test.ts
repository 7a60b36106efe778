// A story goes on as a person would: looks up what it was not told, tries again what was refused for the moment, gives up the rest.

import { expect, test } from 'vitest'
import { comment } from '../../../harness/target/conman/changesets.ts'
import { Conman } from '../../../harness/target/conman.ts'
import type { HttpAnswer, HttpClient } from '../../../harness/target/http.ts'
import { startClock } from '../clock.ts'
import { Recorder } from './history.ts'
import { type Steps, type StoryFacts, tell } from './story.ts'

const reply = (status: number, json: unknown): HttpAnswer => ({ status, json, headers: {}, text: '', duration_ms: 1 })
const made = reply(201, { data: { id: 'x', body: 'text' } })
const act = { f: 'comment', class: 'plain-write' as const, token: 't', call: comment('a', 'c', 'text'), key: 'k' }

/** Tells one story against these answers, one after the other. */
async function told(answers: HttpAnswer[], story: (step: Steps) => Promise<unknown>) {
  const http = { request: async () => answers.shift() ?? made } as unknown as HttpClient
  const recorder = new Recorder(startClock(), () => {})
  const stop = new AbortController()
  const into: StoryFacts[] = []
  let outcome: unknown
  const never = new AbortController().signal
  const broken: unknown[] = []
  const broke = (cause: unknown) => void broken.push(cause)
  const teller = {
    conman: new Conman(http),
    recorder,
    clock: startClock(),
    process: 1,
    stop: stop.signal,
    cut: never,
    broke,
  }
  await tell(teller, 'it', into, async (step) => {
    stop.abort()
    outcome = await story(step)
  })
  return {
    outcome,
    types: recorder.operations.map(({ type, status }) => `${type} ${status}`),
    abandoned: into[0]?.abandoned,
    broken,
  }
}

test('what failed for the moment is tried again', async () => {
  const { outcome, types, abandoned } = await told([reply(503, {}), reply(409, {})], (step) => step.until(act))
  expect(types).toEqual(['info 503', 'fail 409', 'ok 201'])
  expect([outcome, abandoned]).toEqual([{ id: 'x', body: 'text' }, null])
})

test('what was done without an answer is found, and not done again', async () => {
  const { outcome, types } = await told([reply(503, {})], (step) =>
    step.until(act, async () => ({ id: 'found', body: '' })),
  )
  expect(types).toEqual(['info 503'])
  expect(outcome).toMatchObject({ id: 'found' })
})

test('what will never be is given up, and said', async () => {
  expect(await told([reply(403, {})], (step) => step.until(act))).toMatchObject({ abandoned: 'comment: HTTP 403' })
  const never = await told([], (step) =>
    step.see(
      { ...act },
      () => false,
      () => 'it is gone',
    ),
  )
  expect(never.abandoned).toBe('comment: it is gone')
})

test('what no target can have done ends the stories, and is told', async () => {
  const cause = new TypeError('no such thing')
  expect(await told([], () => Promise.reject(cause))).toMatchObject({ broken: [cause], abandoned: undefined })
})
