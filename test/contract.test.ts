// The contract suite: the probe through all three doors comes to the same steps with the same ends, and prints what differs
// from the contract. And another program, where READINESS_TEST_CONMAN names one: whatever it does, every step comes to an end.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { contract } from '../checklist/CONTRACT/check.ts'
import type { ContractEvidence } from '../checklist/CONTRACT/evidence.ts'
import { line, PARTS } from '../checklist/CONTRACT/gather.ts'
import { ROWS } from '../checklist/CONTRACT/rows.ts'
import { aim } from '../harness/config/aim.ts'
import { withConsent } from '../harness/consent.ts'
import { type Executed, execute } from '../harness/execute.ts'
import { silent } from '../harness/progress.ts'
import { quoteWords } from '../harness/quoting.ts'
import { BUNDLED_CONMAN } from '../harness/stack/conman.ts'
import { EffectsLedger } from '../harness/stack/effects.ts'
import { type Stack, startStack } from '../harness/stack/stack.ts'
import type { ClientStatistics } from '../harness/target/conman/statistics.ts'
import { openTarget } from '../harness/target/open.ts'
import { UNTHROTTLED } from '../harness/target/own-stack.ts'
import { visibleLine } from '../reports/visible.ts'
import { Sandbox } from './sandbox.ts'

const FOREIGN = process.env.READINESS_TEST_CONMAN

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'conman-readiness-test-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Probed extends Executed {
  evidence: ContractEvidence
}

async function probed(env: Record<string, string>): Promise<Probed> {
  const { options } = await aim({ target: undefined, config: undefined }, env, folder)
  const executed = await execute({
    checks: [contract],
    profile: 'smoke',
    runsFolder: join(folder, 'runs'),
    randomSeed: 1,
    overrides: new Map(),
    seedOver: 'http',
    command: './readiness probe',
    target: withConsent(options, { 'allow-writes': true, 'allow-destructive': false }),
    openTarget,
    progress: silent,
    signal: new AbortController().signal,
  })
  const evidence = JSON.parse(readFileSync(join(executed.folder, 'CONTRACT/evidence.json'), 'utf8')) as ContractEvidence
  print(env, evidence)
  return { ...executed, evidence }
}

/** The table of differences, for who reads the suite's output. */
function print(env: Record<string, string>, { steps }: ContractEvidence): void {
  const door = env.CONMAN_BASE_URL ?? env.CONMAN_SERVER_CMD ?? 'the bundled Conman'
  const differing = steps.filter(({ outcome }) => outcome !== 'worked')
  console.log([`${door}: ${steps.length} steps`, ...differing.map((step) => `  ${visibleLine(line(step))}`)].join('\n'))
}

const byUrl = (stack: Stack) => ({
  CONMAN_BASE_URL: stack.baseUrl,
  CONMAN_CONSENT_HOST: new URL(stack.baseUrl).host,
  CONMAN_ADMIN_EMAIL: stack.adminEmail,
  CONMAN_ADMIN_PASSWORD: stack.adminPassword,
})

/** What must not depend on the door. */
const ends = ({ evidence }: Probed) =>
  evidence.steps.map(({ id, method, route, status, outcome }) => ({ id, method, route, status, outcome }))

describe('the bundled Conman', () => {
  let first: Probed
  beforeAll(async () => {
    first = await probed({})
  })

  test('by default: the whole flow works, and nothing differs', async () => {
    const { steps } = first.evidence
    expect(steps.map(({ id }) => id)).toEqual(PARTS.flatMap((part) => part.steps.map(({ id }) => id)))
    expect(steps.filter(({ outcome }) => outcome !== 'worked').map(({ id, because }) => ({ id, because }))).toEqual([
      { id: 'rate-headers', because: 'the limits are off on this stack' },
    ])
    expect(first.verdicts.checks[0]).toMatchObject({ outcome: 'pass', level: 'SHOULD' })
    expect(first.verdicts.exit_code).toBe(0)
    const client = JSON.parse(readFileSync(join(first.folder, 'client.json'), 'utf8')) as ClientStatistics
    expect(client.requests).toBeGreaterThan(steps.length)
    expect(client.retries.map(({ reason }) => reason)).toEqual(['gate job'])
  })

  test('by its command: the same', async () => {
    const { command, args } = BUNDLED_CONMAN
    expect(ends(await probed({ CONMAN_SERVER_CMD: quoteWords([command, ...args]) }))).toEqual(ends(first))
  })

  test('by its URL: the same, limits included, and once more on the app of the first run', async () => {
    // Limits as wide as they can be and still be told in headers.
    const env = Object.fromEntries(Object.keys(UNTHROTTLED).map((name) => [name, '1000000']))
    await using stack = await startStack({ env })
    await stack.createRepository('probed.git', { 'README.md': '# Probed\n' })
    const aimed = { ...byUrl(stack), CONMAN_REPOS: 'probed.git' }
    const steps = ends(await probed(aimed))
    const wanted = ends(first).map((step) =>
      step.id === 'rate-headers'
        ? { ...step, method: 'GET', route: '/api/apps', status: 200, outcome: 'worked' }
        : step,
    )
    expect(steps).toEqual(wanted)
    const { effects, unreadable } = new EffectsLedger(stack.addresses.effectsFile).read()
    const done = (phase: string) => effects.filter((one) => one.phase === phase).map((one) => one.deployment_id)
    // Deployed, promoted, deployed past a stage, deployed again, rolled back: each of them once.
    expect({ unreadable, deployments: new Set(done('begin')).size, begun: done('begin').length }).toEqual({
      unreadable: 0,
      deployments: 5,
      begun: 5,
    })
    expect(done('end').sort()).toEqual(done('begin').sort())
    const again = await probed(aimed)
    expect(again.evidence.steps.find(({ id }) => id === 'create-app')).toMatchObject({
      outcome: 'worked',
      status: 409,
      because: expect.stringContaining('that is used again'),
    })
    expect(again.evidence.steps.filter(({ outcome }) => outcome !== 'worked')).toEqual([])
  })

  test('a URL that nobody consented to is not walked, and a person is told what to give', async () => {
    using sandbox = new Sandbox()
    await using stack = await startStack({ env: UNTHROTTLED })
    const { CONMAN_CONSENT_HOST: _, ...aimed } = byUrl(stack)
    const ended = await sandbox.readiness(['probe'], { ...aimed, CONMAN_REPOS: 'any.git' })
    expect(ended.code).toBe(3)
    expect(ended.stderr).toMatch(/the flow was not walked: .*no consent/)
    expect(ended.stderr).toMatch(/→ .*--allow-writes/)
    expect(ended.stdout).toBe('')
  })

  test('as a person sees it: a line a step, and a sentence at the end', async () => {
    using sandbox = new Sandbox()
    const ended = await sandbox.readiness(['probe'])
    expect(ended).toMatchObject({ code: 0 })
    const lines = ended.stdout.trimEnd().split('\n')
    expect(lines.filter((one) => /^ {2}✓ /.test(one)).length).toBe(first.evidence.steps.length - 1)
    expect(lines.at(-1)).toMatch(
      /^The whole product flow works, all \d+ steps of it, and nothing that was seen differs/,
    )
    expect(ended.stderr).toMatch(/✓ roll dev back/)
    await sandbox.expectNothingLeft()
  })

  test('with a known defect it is red for its reason, and what does not stand on it goes on', async () => {
    using sandbox = new Sandbox()
    const { stdout } = await sandbox.readiness([
      'run',
      'CONTRACT',
      '--profile',
      'smoke',
      '--defect',
      'no-rollback',
      '--json',
    ])
    const verdicts = JSON.parse(stdout) as Executed['verdicts']
    expect(verdicts.checks[0]).toMatchObject({ outcome: 'fail' })
    expect(verdicts.checks[0]!.because).toContain('‘roll dev back to the first release’ did not work')
    expect(verdicts.checks[0]!.because).not.toContain('later steps')
    expect(verdicts.exit_code).toBe(0)
  })
})

test('every row that a step names is in the table', () => {
  const sources = ['platform', 'team', 'editing', 'changing', 'releasing', 'temporary'].map((name) =>
    readFileSync(join(import.meta.dirname, `../checklist/CONTRACT/steps/${name}.ts`), 'utf8'),
  )
  const named = sources.flatMap((text) => [...text.matchAll(/'(HD\d+|§[\d.]+)'/g)].map((match) => match[1]!))
  expect([...new Set(named), 'HD15'].sort()).toEqual(Object.keys(ROWS).sort())
})

describe.skipIf(!FOREIGN)(
  `another Conman${FOREIGN ? '' : ' (not run: READINESS_TEST_CONMAN="/path/to/conman" names a program)'}`,
  () => {
    test('every step comes to an end; what differs is printed', async () => {
      const { evidence, verdicts } = await probed({ CONMAN_SERVER_CMD: FOREIGN! })
      const silentSteps = evidence.steps.filter(({ outcome }) => outcome === 'no answer')
      expect(silentSteps).toEqual([])
      expect(evidence.steps).toHaveLength(PARTS.flatMap(({ steps }) => steps).length)
      expect(verdicts.exit_code).toBe(0)
    })
  },
)
