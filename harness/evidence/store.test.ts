import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Type } from 'typebox'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { UsageError } from '../errors.ts'
import { Redactor } from './redact.ts'
import {
  brokenSeals,
  demandSchema,
  findRun,
  newRunId,
  openRunsFolder,
  RunFolder,
  readJsonFile,
  readJsonLines,
} from './store.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'conman-readiness-test-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

test('run ids sort by time', () => {
  const ids = [newRunId(new Date('2026-11-22T05:00:00Z')), newRunId(new Date('2026-11-22T05:00:01Z'))]
  expect(ids[0]).toMatch(/^20261122T050000Z-[0-9a-f]{6}$/)
  expect([...ids].sort()).toEqual(ids)
})

test('what is written is redacted', () => {
  const redactor = new Redactor()
  redactor.add('correct horse battery')
  const run = new RunFolder(join(root, 'r'), redactor)
  run.writeJson('L1/evidence.json', { note: 'correct horse battery', n: 1 })
  expect(readFileSync(join(root, 'r/L1/evidence.json'), 'utf8')).not.toContain('horse')
})

test('a seal notices a file that was altered, removed or added', () => {
  const run = new RunFolder(join(root, 'r'), new Redactor())
  run.writeJson('plan.json', { run: 'r' })
  run.writeJson('L1/evidence.json', { n: 1 })
  expect(brokenSeals(run.path)).toBeNull()
  run.seal()
  expect(brokenSeals(run.path)).toEqual([])
  // Derived files may change: they are not evidence.
  run.writeJson('verdicts.json', {})
  run.writeJson('L1/verdict.json', {})
  expect(brokenSeals(run.path)).toEqual([])
  writeFileSync(join(run.path, 'L1/evidence.json'), '{"n":2}')
  run.writeText('L1/more.json', '{}')
  rmSync(join(run.path, 'plan.json'))
  expect(brokenSeals(run.path)).toEqual(['L1/evidence.json', 'L1/more.json', 'plan.json'])
})

test('a file cut short is one clear error with a remedy', () => {
  const path = join(root, 'evidence.json')
  writeFileSync(path, '{"schema": "readiness-edits/1", "ed')
  expect(() => readJsonFile(path)).toThrow(/cut short or not JSON/)
  try {
    readJsonFile(path)
  } catch (cause) {
    expect(cause).toBeInstanceOf(UsageError)
    expect((cause as UsageError).remedy).toMatch(/run the check again/)
  }
})

test('a file of another schema is refused, with the place that does not fit', () => {
  const schema = Type.Object({ schema: Type.Literal('a/1'), n: Type.Integer() })
  expect(() => demandSchema(schema, { schema: 'a/1', n: 'x' }, 'evidence.json')).toThrow(/evidence\.json .*\/n/)
  expect(() => demandSchema(schema, { schema: 'a/1', n: 1 }, 'evidence.json')).not.toThrow()
})

test('a runs folder that cannot be one is a usage error', () => {
  writeFileSync(join(root, 'file'), '')
  expect(() => openRunsFolder(join(root, 'file', 'runs'))).toThrow(UsageError)
})

test('runs are found by id, by path and as latest', () => {
  const run = new RunFolder(join(root, 'r1'), new Redactor())
  run.writeJson('plan.json', { run: 'r1' })
  run.markLatest()
  expect(findRun(root, 'r1')).toBe(join(root, 'r1'))
  expect(findRun(root, 'latest')).toBe(join(root, 'r1'))
  expect(findRun('elsewhere', run.path)).toBe(join(root, 'r1'))
  expect(() => findRun(root, 'r2')).toThrow(UsageError)
})

test('lines are there at once, redacted, and read back whole or not at all', () => {
  const redactor = new Redactor()
  redactor.add('hunter22hunter22')
  const folder = new RunFolder(root, redactor)
  folder.appendJsonLine('F4/outage.jsonl', { token: 'hunter22hunter22' })
  folder.appendJsonLine('F4/outage.jsonl', { id: 2 })
  const path = join(root, 'F4/outage.jsonl')
  expect(readJsonLines(path)).toEqual([{ token: '[redacted]' }, { id: 2 }])
  writeFileSync(path, '{"id":1}\n{"id":')
  expect(() => readJsonLines(path)).toThrow(/cut short/)
  writeFileSync(path, '{"id":1}\nno\n')
  expect(() => readJsonLines(path)).toThrow(/line 2, is no JSON/)
  expect(() => readJsonLines(join(root, 'none.jsonl'))).toThrow(UsageError)
})
