// L5's verdicts on evidence: every way to fail is seen failing, for its own reason, and what the harness did wrong itself is
// never a failure of the target.

import { describe, expect, test } from 'vitest'
import type { Limits } from '../../harness/check.ts'
import { demandSchema } from '../../harness/evidence/store.ts'
import { soundLoad } from '../lib/evidence.fixture.ts'
import { largeRepository } from './check.ts'
import { type ReadingEvidence, ReadingEvidenceSchema } from './evidence.ts'
import { L5_LIMITS } from './limits.ts'

const limits = Object.fromEntries(L5_LIMITS.map((limit) => [limit.name, limit])) as Limits

const TIMES = { tree: 80, file: 12, diff: 300 }

function good(): ReadingEvidence {
  const subjects: ReadingEvidence['subjects'] = [
    { kind: 'tree', label: 'the root', count: 28, digest: 'a'.repeat(32) },
    { kind: 'tree', label: 'catalogue', count: 1_200, digest: 'b'.repeat(32) },
    { kind: 'file', label: 'README.md', count: 812, digest: 'c'.repeat(64) },
    { kind: 'diff', label: '11111111…22222222', count: 1_000, digest: 'd'.repeat(32) },
  ]
  const load = (temperature: 'cold' | 'warm', n: number): ReadingEvidence['loads'][number] => ({
    temperature,
    planned: n,
    load: soundLoad(n),
    readings: Array.from({ length: n }, (_, index) => {
      const subject = index % subjects.length
      const { kind, count, digest } = subjects[subject]!
      return { subject, started_ms: index * 10, duration_ms: TIMES[kind], status: 200, error: '', count, digest }
    }),
  })
  return {
    schema: 'readiness-readings/1',
    repository: { files: 10_203, directories: 1_227, bytes: 16_000_000, commits: 400, branches: 88 },
    cold_means: 'the first reading of a repository that the server has never seen',
    readers: 4,
    subjects,
    loads: [load('cold', 12), load('warm', 120)],
  }
}

function judge(change: (evidence: ReadingEvidence) => void = () => {}) {
  const evidence = good()
  change(evidence)
  demandSchema(ReadingEvidenceSchema, evidence, 'the test’s evidence')
  return largeRepository.evaluate(evidence, limits)
}

const reading = (e: ReadingEvidence, load: 0 | 1, subject: number) =>
  e.loads[load]!.readings.find((one) => one.subject === subject)!

test('all in time and as git has it: pass, with the slowest of each kind and the number nearest to its limit', () => {
  const verdict = judge()
  expect(verdict).toMatchObject({
    outcome: 'pass',
    // 300 of 5000 ms; 12 of 500 ms and 80 of 3000 ms are further from their limits.
    measured: { value: 300, unit: 'ms', label: 'slowest of 3' },
    limit: { name: 'diff_ms_max' },
    n: 3,
    verifiedBy: ['http', 'git-storage'],
  })
  expect(verdict.because).toContain('cold: slowest tree 80 ms, file 12 ms, diff 300 ms of 12')
  expect(verdict.charts).toHaveLength(12)
})

describe('the target’s failures', () => {
  test.each<[string, (e: ReadingEvidence) => void, string]>([
    [
      'a slow cold tree',
      (e) => (reading(e, 0, 0).duration_ms = 3_400),
      '1 of 6 cold tree listings took longer than 3000 ms, the slowest 3400 ms',
    ],
    ['a slow warm file', (e) => (reading(e, 1, 2).duration_ms = 900), 'warm file readings took longer than 500 ms'],
    ['a slow diff', (e) => (reading(e, 1, 3).duration_ms = 6_000), 'warm diffs took longer than 5000 ms'],
    ['a 504', (e) => Object.assign(reading(e, 1, 3), { status: 504, count: null, digest: '' }), 'HTTP 504 × 1'],
    [
      'a tree that is cut short',
      (e) => Object.assign(reading(e, 1, 1), { count: 1_000, digest: 'e'.repeat(32) }),
      'the tree catalogue: 1000 entries instead of 1200',
    ],
    [
      'a file with other bytes',
      (e) => (reading(e, 0, 2).digest = 'e'.repeat(64)),
      'the file README.md: as many bytes as in git, but others',
    ],
    [
      'an answer that is none',
      (e) => Object.assign(reading(e, 0, 3), { count: null, digest: '' }),
      'the diff 11111111…22222222: the answer holds none',
    ],
  ])('%s is a failure, for that reason', (_, change, reason) => {
    const verdict = judge(change)
    expect(verdict.outcome).toBe('fail')
    expect(verdict.because).toContain(reason)
  })
})

describe('what is not the target’s', () => {
  test.each<[string, (e: ReadingEvidence) => void, string]>([
    ['no such repository', (e) => Object.assign(e, { repository: null, subjects: [], loads: [] }), 'could be made'],
    ['a smaller one', (e) => (e.repository!.files = 9_000), '9000 files, 10000 are specified'],
    ['fewer directories', (e) => (e.repository!.directories = 40), '40 directories, 500 are specified'],
    ['k6 crashed', (e) => (e.loads[1]!.load.generator.exit_code = 107), 'k6 ended with exit code 107'],
    ['readings are missing', (e) => e.loads[0]!.readings.pop(), '11 of 12 planned cold readings ended'],
    ['no cold readings', (e) => e.loads.shift(), 'there are no cold readings'],
    [
      'no diff was read',
      (e) => {
        for (const load of e.loads) {
          load.readings = load.readings.filter(({ subject }) => subject !== 3)
          load.planned = load.readings.length
          load.load = soundLoad(load.planned)
        }
      },
      'no cold diffs ended',
    ],
    [
      'the machine was starved for as long',
      (e) => {
        reading(e, 1, 2).duration_ms = 700
        e.loads[1]!.load.generator.pulse_lag_ms_max = 300
      },
      'kept ready processes waiting for up to 300 ms',
    ],
  ])('%s: not verified', (_, change, reason) => {
    const verdict = judge(change)
    expect(verdict.outcome).toBe('not-verified')
    expect(verdict.because).toContain(reason)
    expect(verdict.remedy).toBeTruthy()
  })
})
