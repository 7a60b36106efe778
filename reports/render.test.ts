import { expect, test } from 'vitest'
import { fixture, RENEW } from './fixtures.ts'
import { renderReport } from './render.ts'

const FIXTURES = ['all-pass', 'failures'] as const

test.each(FIXTURES)('%s: the page is as it was', async (name) => {
  await expect(renderReport(fixture(name)), RENEW).toMatchFileSnapshot(`./fixtures/${name}.html.golden`)
})

test('the same input gives the same page', () => {
  expect(renderReport(fixture('failures'))).toBe(renderReport(fixture('failures')))
})

test('a run that cannot give GO says so, and one that can does not', () => {
  const run = fixture('all-pass')
  expect(renderReport(run)).toContain('This run cannot give GO: its profile is standard')
  const whole = golive()
  expect(renderReport(whole)).not.toContain('cannot give GO')
  expect(renderReport(whole)).toContain('<h1 class="pass">')
})

test('a GO that its own rows do not bear out does not look like one', () => {
  const run = golive()
  run.verdicts.checks[0]!.outcome = 'not-verified'
  const page = renderReport(run)
  expect(page).toContain('do not sign this')
  expect(page).toContain('these MUST rows did not pass: L1')
  expect(page).toContain('<h1 class="not-verified">')
})

test('GO from a run that was not the whole catalogue is disputed', () => {
  const run = fixture('all-pass')
  run.verdicts.verdict = 'GO'
  expect(renderReport(run)).toContain('It says GO, and this run cannot.')
})

test('who signed is shown, escaped, and a signature under other verdicts as that', () => {
  const one = { section: 'Load', note: null, at: '2026-11-25T12:00:00Z', seen: '3 pass' }
  const given = [
    { ...one, name: '<b>R. Manager</b>', verdicts_sha256: 'a'.repeat(64) },
    { ...one, name: 'S. Engineer', verdicts_sha256: 'b'.repeat(64) },
  ]
  const page = renderReport({ ...fixture('all-pass'), signOffs: { given, verdicts_sha256: 'a'.repeat(64) } })
  expect(page).toContain('&lt;b&gt;R. Manager&lt;/b&gt;')
  expect(page.match(/Other verdicts than these/g)).toHaveLength(1)
  expect(page).toMatch(/S\. Engineer.*Other verdicts than these/)
})

test('a check without a result is missing from the run, not from the page', () => {
  const run = fixture('failures')
  run.verdicts.checks = run.verdicts.checks.filter((check) => check.id !== 'S16')
  run.verdicts.ended = 'interrupted'
  run.verdicts.ended_because = 'stopped after 12 min'
  const page = renderReport(run)
  expect(page).toContain('<tbody id="S16" class="not-verified">')
  expect(page).toContain('The run left no result for this check.')
  expect(page).toContain('The run was cut short: it was interrupted.')
})

test('changed limits and a seeded defect are said loudly', () => {
  const run = golive()
  const changed = { ...run.plan.checks[0]!.limits[0]!, value: 5000, overriddenFrom: 2000 }
  run.plan.checks[0]!.limits[0] = changed
  run.verdicts.checks[0]!.limit = changed
  run.verdicts.target.settings.defect = 'acknowledges before it commits'
  const page = renderReport(run)
  expect(page).toContain('Limits were changed from what the requirement says.')
  expect(page).toContain('limit changed; the requirement says 2\u202Fs')
  expect(page).toContain('This target was given a known defect on purpose.')
  expect(page).toContain('It says GO, and this run cannot.')
})

test('details of a check that is in no row are not drawn', () => {
  const run = fixture('failures')
  run.verdicts.checks = run.verdicts.checks.filter((check) => check.id !== 'L1')
  run.plan.checks = run.plan.checks.filter((check) => check.id !== 'L1')
  expect(renderReport(run)).not.toContain('id="pictures"')
})

test('10,000 samples: quick, small, thinned, and never without the slowest or the failed', () => {
  const run = fixture('all-pass')
  const chart = run.details[0]!.charts[0]!
  if (chart.kind !== 'over-time') throw new Error('the fixture’s first picture is over time')
  chart.points = Array.from({ length: 10_000 }, (_none, index) => ({
    x: index * 0.06,
    y: 100 + ((index * 7919) % 997) / 10,
    label: `user ${index % 50}`,
    ...(index % 400 === 7 ? { failed: true } : {}),
  }))
  chart.points[4321] = { x: 4321 * 0.06, y: 1777, label: 'the slowest' }
  const from = performance.now()
  const page = renderReport(run)
  // Two seconds is what a person waits for a command without wondering; 3 MB is what a chat takes as an attachment.
  expect(performance.now() - from).toBeLessThan(2000)
  expect(page.length).toBeLessThan(3_000_000)
  expect(page.match(/<circle cx="[\d.]+" cy="[\d.]+" r="2">/g)?.length).toBeLessThanOrEqual(2000)
  expect(page.match(/<title>failed: /g)).toHaveLength(25)
  expect(page).toContain('the slowest</title>')
  expect(page).toContain('thinned: 2000 drawn, the slowest and all failed among them')
  expect(page).toContain('class="trend p99"')
})

test('where every sample failed, every one is marked', () => {
  const run = fixture('all-pass')
  const chart = run.details[0]!.charts[0]!
  if (chart.kind !== 'over-time') throw new Error('the fixture’s first picture is over time')
  chart.points = Array.from({ length: 10_000 }, (_none, index) => ({ x: index, y: 1, label: '', failed: true }))
  const page = renderReport(run)
  expect(page.match(/l7 7m0-7l-7 7/g)).toHaveLength(10_000)
  expect(page.length).toBeLessThan(3_000_000)
})

test('pictures without samples, with one, or with numbers that are none are still pages', () => {
  const run = fixture('all-pass')
  const [overTime, distribution] = run.details[0]!.charts
  if (overTime?.kind !== 'over-time' || distribution?.kind !== 'distribution') throw new Error('another fixture')
  for (const ys of [[], [0], [5], [Number.NaN, 3], [1e9]]) {
    overTime.points = ys.map((y) => ({ x: 0, y, label: '' }))
    distribution.values = ys
    expect(renderReport(run)).not.toMatch(/="[^"]*NaN/)
  }
})

function golive() {
  const run = fixture('all-pass')
  run.plan.profile = 'golive'
  run.plan.whole_catalogue = true
  run.verdicts.profile = 'golive'
  run.verdicts.verdict = 'GO'
  return run
}
