// A whole drill on a real stack, as small as it can be: without a fault, and with the git backend cut off. What it brings home is
// whole, has its shape, and is right.

import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { demandSchema } from '../../harness/evidence/store.ts'
import { PROFILES } from '../../harness/profiles.ts'
import { openSession, type Session } from '../../harness/session.ts'
import { openTarget } from '../../harness/target/open.ts'
import { referenceOptions } from '../../harness/target/options.ts'
import { specifiedCodes, unaffected } from './checkers/answers.ts'
import { injected } from './checkers/conduct.ts'
import { healthTruthful } from './checkers/health.ts'
import { ledger } from './checkers/ledger.ts'
import { drill } from './drill.ts'
import { type Episode, EpisodeSchema } from './evidence.ts'
import { configured } from './injectors/configuration.ts'
import { harmOf } from './injectors/fault.ts'
import { cut } from './injectors/toxics.ts'
import { type Operation, operationsOf } from './workload/history.ts'

let session: Session
const lines = new Map<string, unknown[]>()

beforeAll(async () => {
  session = await openSession('drill-test', {
    profile: 'smoke',
    randomSeed: 1,
    overrides: new Map(),
    seedOver: 'database',
    target: referenceOptions(),
    openTarget,
    progress: { say: () => {}, update: () => {} } as never,
    signal: new AbortController().signal,
  })
})
afterAll(() => session?.[Symbol.asyncDispose]())

async function through(name: string, fault: Parameters<typeof drill>[1]['fault']) {
  const faults = { ...PROFILES.smoke.faults, users: 6, control_s: 3, baseline_s: 3, settled_s: 3, recovery_s_max: 20 }
  const run = {
    ...session.run,
    profile: { ...session.run.profile, faults },
    appendLine: (file: string, line: unknown) => {
      lines.set(file, [...(lines.get(file) ?? []), JSON.parse(JSON.stringify(line))])
    },
  }
  const episode = await drill(run, { name, fault, hold_ms: 4_000 })
  demandSchema(EpisodeSchema, JSON.parse(JSON.stringify(episode)), 'the episode')
  return { episode, operations: operationsOf(lines.get(episode.history)!) }
}

describe('a drill', () => {
  let control: { episode: Episode; operations: Operation[] }

  test('without a fault: every kind of reading, every change of a state, and nothing wrong', async () => {
    control = await through('control', null)
    const { episode, operations } = control
    expect(episode.readings.map(({ source }) => source)).toEqual(['api', 'database', 'git'])
    expect(episode.readings.flatMap(({ unread }) => unread)).toEqual([])
    for (const { finding } of ledger({ operations, ...episode }))
      expect(finding, finding.because).toMatchObject({ outcome: 'pass' })
    expect(new Set(episode.states!.map(({ kind }) => kind))).toEqual(
      new Set(['changeset', 'release', 'deployment', 'job', 'temp-env']),
    )
    expect(episode.trail!.audit!.rows.length).toBeGreaterThan(10)
    expect(episode.load.stories.map(({ abandoned }) => abandoned)).toContain(null)
  })

  test('with the git backend cut off: git requests fail as specified, others go on, health says so, nothing is lost', async () => {
    const { episode, operations } = await through('cut', cut('git', { kind: 'down' }))
    expect(injected(episode).finding).toMatchObject({ outcome: 'pass' })
    const harm = harmOf(episode.fault!)!
    const { baseline, settled } = episode.spans
    const codes = specifiedCodes(operations, {
      classes: ['git-read', 'git-write'],
      span: harm,
      statuses: [502],
      codes: ['git_error'],
    })
    expect(codes.finding, codes.finding.because).toMatchObject({ outcome: 'pass' })
    expect(codes.finding.n).toBeGreaterThan(5)
    const others = unaffected(operations, {
      classes: ['plain-read', 'plain-write'],
      baseline,
      harm,
      other_load: [{ ...harm, share: 1 }],
    })
    for (const { finding } of others) expect(finding.outcome, finding.because).not.toBe('fail')
    const [named] = healthTruthful({
      operations,
      component: 'gitaly',
      broken: [harm],
      says: ['unhealthy'],
      is503: true,
      alsoSick: [],
      before_ms: harm.from_ms,
      after_ms: settled.from_ms,
      tellsWithin_ms: 2_500,
      clearsWithin_ms: 2_500,
      answersWithin_ms: 5_000,
    })
    expect(named!.finding, named!.finding.because).toMatchObject({ outcome: 'pass' })
    for (const { finding } of ledger({ operations, ...episode }))
      expect(finding, finding.because).toMatchObject({ outcome: 'pass' })
  })
})

test('Conman with other variables for a while, and then as it was', async () => {
  const { stack } = session.run.target
  const environment = () => readFileSync(`/proc/${stack!.api.pid}/environ`, 'latin1').split('\0')
  const before = stack!.api.pid
  {
    await using _ = await configured(session.run, { CONMAN_RUNNER_STALE_SECONDS: '7' })
    expect(stack!.api.pid).not.toBe(before)
    expect(environment()).toContain('CONMAN_RUNNER_STALE_SECONDS=7')
  }
  expect(environment()).not.toContain('CONMAN_RUNNER_STALE_SECONDS=7')
  expect((await session.run.target.conman.health()).status).toBe(200)
})
