// The history: a line before each request and one after it, and what the two together say.

import { expect, test } from 'vitest'
import { startClock } from '../clock.ts'
import { type HistoryLine, operationsOf, Recorder } from './history.ts'

const invoke = { process: 7, f: 'comment', class: 'plain-write' as const, key: 'k-1', on: { changeset: 'c' } }
const end = { type: 'ok' as const, status: 201, code: null, because: null, made: { comment: 'x' }, saw: [] }

test('what is recorded is what is read again, and is known meanwhile', () => {
  const lines: HistoryLine[] = []
  const recorder = new Recorder(startClock(), (line) => lines.push(line))
  const first = recorder.invoke(invoke)
  expect(lines).toHaveLength(1)
  recorder.invoke({ ...invoke, key: 'k-2' })
  first(end)
  const read = operationsOf(JSON.parse(JSON.stringify(lines)))
  expect(read).toEqual(recorder.operations)
  expect(read.map(({ key, type, ended_ms }) => [key, type, ended_ms === null])).toEqual([
    ['k-1', 'ok', false],
    // Nobody knows what became of it.
    ['k-2', 'info', true],
  ])
})

test('lines that are no history are not read as one', () => {
  const line = { id: 1, t: 1, ...invoke, type: 'invoke' }
  expect(() => operationsOf([{ ...line, class: 'tea' }])).toThrow(/the history/)
  expect(() => operationsOf([{ id: 2, t: 2, process: 1, f: 'x', class: 'jobs', ...end }])).toThrow(/no beginning/)
})
