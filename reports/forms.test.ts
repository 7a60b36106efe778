// The verdicts in the forms of other programs: nothing that did not pass is told as passed, and what a target says stays text.

import { expect, test } from 'vitest'
import { fixture } from './fixtures.ts'
import { renderJunit } from './junit.ts'
import { renderSarif } from './sarif.ts'

const sarifOf = (input: Omit<Parameters<typeof renderSarif>[0], 'harnessVersion'>) =>
  JSON.parse(renderSarif({ ...input, harnessVersion: '0.1.0' })) as {
    version: string
    runs: {
      tool: { driver: { rules: { id: string }[] } }
      results: { ruleId: string; ruleIndex: number; kind: string; level: string; message: { text: string } }[]
    }[]
  }

test('JUnit: a MUST that failed is a failure, one that was not verified an error; a SHOULD turns nothing red', () => {
  const { plan, verdicts } = fixture('failures')
  const rows = verdicts.checks
  const of = (level: string, outcome: string) =>
    rows.filter((row) => row.level === level && row.outcome === outcome).length
  const xml = renderJunit({ plan, verdicts })
  const [, tests, failures, errors, skipped] = /tests="(\d+)" failures="(\d+)" errors="(\d+)" skipped="(\d+)"/.exec(
    xml,
  )!
  expect([tests, failures, errors].map(Number)).toEqual([
    plan.checks.length,
    of('MUST', 'fail'),
    of('MUST', 'not-verified'),
  ])
  expect(Number(skipped)).toBe(
    rows.length -
      of('MUST', 'fail') -
      of('MUST', 'not-verified') -
      rows.filter(({ outcome }) => outcome === 'pass').length,
  )
  expect(of('MUST', 'fail')).toBeGreaterThan(0)
  expect(of('MUST', 'not-verified')).toBeGreaterThan(0)
  expect(xml.match(/<testcase /g)).toHaveLength(plan.checks.length)
  expect(xml.match(/<failure /g)).toHaveLength(of('MUST', 'fail'))
})

test('JUnit: a check without a result is an error, not a hole', () => {
  const { plan, verdicts } = fixture('all-pass')
  const missing = verdicts.checks[0]!
  const xml = renderJunit({ plan, verdicts: { ...verdicts, checks: verdicts.checks.slice(1) } })
  expect(xml).toContain(`<testcase classname="Load" name="${missing.id} `)
  expect(xml).toMatch(/<error message="MUST not-verified/)
})

test('what a target says is text in both, whatever it is', () => {
  const run = fixture('failures')
  const hostile = `"/><script>alert(1)</script>]]>\u0000\u001b[31m\u202e&`
  run.verdicts.checks.find(({ outcome }) => outcome === 'fail')!.because = hostile
  const xml = renderJunit(run)
  expect(xml).not.toContain('<script>')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  expect(xml).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u202e]/)
  // No bare ampersand, and no tag but ours.
  expect(xml).not.toMatch(/&(?!(amp|lt|gt|quot|#\d+);)/)
  expect(new Set([...xml.matchAll(/<\/?([a-z?]+)/g)].map(([, tag]) => tag))).toEqual(
    new Set(['?xml', 'testsuites', 'testsuite', 'properties', 'property', 'testcase', 'failure', 'error', 'skipped']),
  )
  const [sarif] = sarifOf(run).runs
  const told = sarif!.results.map(({ message }) => message.text).join()
  for (const character of ['\u001b', '\u202e']) expect(told).not.toContain(character)
})

test('SARIF: each check is a rule and a result, by its kind; only failures have a level', () => {
  const { plan, verdicts } = fixture('failures')
  const { version, runs } = sarifOf({ plan, verdicts })
  const [run] = runs
  expect(version).toBe('2.1.0')
  expect(run!.results).toHaveLength(plan.checks.length)
  for (const result of run!.results) {
    const check = verdicts.checks.find(({ id }) => id === result.ruleId)
    expect(run!.tool.driver.rules[result.ruleIndex]!.id).toBe(result.ruleId)
    const kinds = { pass: 'pass', fail: 'fail', 'not-verified': 'open', 'not-applicable': 'notApplicable' }
    expect(result.kind).toBe(kinds[check?.outcome ?? 'not-verified'])
    const level = check?.outcome === 'fail' ? (check.level === 'MUST' ? 'error' : 'warning') : 'none'
    expect(result.level, result.ruleId).toBe(level)
  }
})
