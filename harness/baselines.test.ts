// Baselines come from runs and from nowhere else, and docs/scale.md is what the command writes.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { queuedListing } from '../scenarios/L7/check.ts'
import {
  type Baseline,
  baselinesIn,
  baselineTable,
  loadChecks,
  type MeasuredRun,
  merged,
  withTable,
} from './baselines.ts'
import { knownBaselines, pageWith, SCALE_PAGE } from './cli/baselines.ts'
import { savedPlan } from './plan.fixture.ts'
import type { CheckDetails, Plan } from './result.ts'

const limit = queuedListing.limits.find(({ name }) => name === 'latency_ms_p99')!

function run(change: (run: { plan: Plan; details: CheckDetails }) => void = () => {}): MeasuredRun {
  const plan = savedPlan([queuedListing])
  plan.profile = 'standard'
  plan.target.version = '0.1.0 | <b>'
  const details: CheckDetails = {
    schema: 'readiness-check/1',
    result: {
      id: 'L7',
      title: queuedListing.title,
      failure_title: queuedListing.failureTitle,
      level: 'MUST',
      requirement: queuedListing.requirement,
      outcome: 'pass',
      because: 'p99 175 ms',
      measured: { value: 175, unit: 'ms', label: 'p99' },
      limit,
      n: 4_500,
      verified_by: ['http'],
      findings: [],
      remedy: null,
      evidence: 'L7/evidence.json',
      details: 'L7/verdict.json',
    },
    charts: [],
    tables: [],
  }
  const made = { plan, details }
  change(made)
  return { plan: made.plan, details: [made.details] }
}

describe('what a run has to say', () => {
  test('its figures, each with its limit, its n and where it was measured', () => {
    const { taken, left } = baselinesIn(run())
    expect(left).toEqual([])
    expect(taken).toMatchObject([
      {
        check: 'L7',
        value: 175,
        n: 4_500,
        limit: { value: 500 },
        profile: 'standard',
        hardware: '2 × a processor, 24 GiB',
        commit: 'a'.repeat(40),
      },
    ])
  })

  test.each<[string, Parameters<typeof run>[0], string]>([
    ['not verified', ({ details }) => (details.result.outcome = 'not-verified'), 'L7: not-verified (p99 175 ms)'],
    [
      'a seeded defect',
      ({ plan }) => (plan.target.settings.CONMAN_DEFECT = 'slow-listing'),
      'the known defect slow-listing was seeded',
    ],
    [
      'a changed limit',
      ({ plan }) => (plan.checks[0]!.limits = [{ ...limit, value: 900, overriddenFrom: 500 }]),
      'L7: its limits were changed',
    ],
  ])('%s: nothing, and why', (_, change, reason) => {
    const { taken, left } = baselinesIn(run(change))
    expect(taken).toEqual([])
    expect(left).toEqual([expect.stringContaining(reason)])
  })

  test('a failure is a figure too: it was measured', () => {
    expect(baselinesIn(run(({ details }) => (details.result.outcome = 'fail'))).taken).toMatchObject([
      { outcome: 'fail' },
    ])
  })

  test('of a check that is no load: nothing', () => {
    expect(baselinesIn(run(({ details }) => (details.result.id = 'CONTRACT'))).taken).toEqual([])
  })
})

test('the newest of each is kept, and the same run twice changes nothing', () => {
  const [old] = baselinesIn(run()).taken as [Baseline]
  const newer = { ...old, value: 180, at: '2026-11-26T10:00:00Z' }
  const elsewhere = { ...old, hardware: '8 × another, 64 GiB' }
  expect(merged([newer], [old])).toEqual([newer])
  expect(merged([old], [newer])).toEqual([newer])
  expect(merged([newer, elsewhere], [newer])).toHaveLength(2)
})

test('what a target says of itself breaks no table', () => {
  const table = baselineTable(baselinesIn(run()).taken)
  const [head, , row] = table.split('\n')
  const bars = (line: string | undefined) => line?.match(/(?<!\\)\|/g)?.length
  expect(bars(row)).toBe(bars(head))
  expect(row).not.toContain('<b>')
})

test('a page without a place for a table is refused, with how to make one', () => {
  expect(() => withTable('no marks', 'limits', 'a table')).toThrow('the page has no place for the limits')
})

test('docs/scale.md is what `./readiness baselines` writes', () => {
  const page = readFileSync(SCALE_PAGE, 'utf8')
  expect(pageWith(page, knownBaselines())).toBe(page)
  for (const { id } of loadChecks()) expect(page, id).toContain(`| ${id} |`)
})
