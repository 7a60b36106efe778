// What a plan says of made-up checks on made-up targets: nothing is started and nothing asked.

import { Type } from 'typebox'
import { describe, expect, test } from 'vitest'
import { briefForecast, renderForecast } from '../reports/forecast.ts'
import type { Capability } from './capabilities.ts'
import { type AnyCheck, CATALOGUE } from './catalogue.ts'
import type { Gatherer, Level } from './check.ts'
import { demandSchema } from './evidence/store.ts'
import { ForecastSchema } from './forecast.ts'
import { criticalPath, type ForecastInput, forecast, isWholeCatalogue, reachOf, type Step } from './planning.ts'
import { REQUIRED_FOR_GO } from './requirements.ts'

function gatherer(id: string, over: Partial<Gatherer<unknown>> = {}): Gatherer<unknown> {
  return {
    id,
    title: `gathers ${id}`,
    schema: Type.Unknown(),
    needs: ['http'],
    effect: 'reads',
    expected_s: () => 10,
    gather: () => Promise.reject(new Error('a plan gathers nothing')),
    ...over,
  }
}

function check(id: string, from: Gatherer<unknown>, level: Level = 'MUST'): AnyCheck {
  return {
    id,
    title: `${id} holds`,
    failureTitle: `${id} does not hold`,
    requirement: { level, source: 'a test', text: id },
    gatherer: from,
    profiles: ['smoke', 'standard', 'golive'],
    limits: [],
    evaluate: () => {
      throw new Error('a plan judges nothing')
    },
  }
}

const url = (over: Partial<ForecastInput['target']> = {}): ForecastInput['target'] => ({
  kind: 'url',
  address: 'https://conman.example.test',
  capabilities: new Set<Capability>(['http']),
  unreachable: new Map<Capability, string>([['mongo', 'it was not handed over']]),
  processes: null,
  allowed: 'reads',
  loadBounds: undefined,
  ...over,
})

const ahead = (checks: AnyCheck[], over: Partial<ForecastInput> = {}) => {
  const made = forecast({
    target: url(),
    fingerprint: null,
    checks,
    profile: 'standard',
    seedOver: 'http',
    overridden: false,
    tools: [],
    ...over,
  })
  demandSchema(ForecastSchema, made, 'the forecast')
  return made
}

const READS = check('A1', gatherer('A1'))
const MONGO = check('A2', gatherer('A2', { needs: ['http', 'mongo'] }))
const WRITES = check(
  'A3',
  gatherer('A3', { effect: 'writes', leaves: 'an app', load: () => ({ users: 50, requests_per_s: null }) }),
)
const SPLIT = check('A4', gatherer('A4', { inapplicableTo: () => 'it is one process' }))

describe('what will be verified', () => {
  test('each check says whether it will run, and if not why and what to do', () => {
    const { checks } = ahead([READS, MONGO, WRITES, SPLIT])
    expect(checks.map(({ id, outlook }) => [id, outlook])).toEqual([
      ['A1', 'will-run'],
      ['A2', 'cannot-run'],
      ['A3', 'cannot-run'],
      ['A4', 'not-applicable'],
    ])
    expect(checks[1]).toMatchObject({
      because: 'the harness cannot reach the database (it was not handed over)',
      remedy: expect.stringContaining('CONMAN_MONGO_URI'),
    })
    expect(checks[2]?.remedy).toContain('--allow-writes')
    expect(checks[3]).toMatchObject({ because: 'it is one process', remedy: null })
  })

  test('the exit code: 2 as soon as a MUST cannot be verified; a SHOULD and what does not apply change nothing', () => {
    expect(ahead([READS, SPLIT]).exit_code).toBe(0)
    expect(ahead([READS, MONGO]).exit_code).toBe(2)
    expect(ahead([READS, check('A2', MONGO.gatherer, 'SHOULD')]).exit_code).toBe(0)
  })

  test('what is reached, and what to hand over for the rest', () => {
    const reach = reachOf(url())
    expect(reach.find((each) => each.capability === 'http')).toEqual({
      capability: 'http',
      reached: true,
      because: null,
      hand_over: null,
    })
    expect(reach.find((each) => each.capability === 'mongo')).toMatchObject({
      reached: false,
      because: 'it was not handed over',
      hand_over: expect.stringContaining('CONMAN_MONGO_URI'),
    })
  })
})

describe('GO', () => {
  test('needs golive, the whole catalogue, its own limits, a check for every requirement, and every MUST verified', () => {
    const { go } = ahead([MONGO], { overridden: true })
    expect(go.possible).toBe(false)
    expect(go.because.join('; ')).toMatch(/golive.*left out.*no check for.*limits are changed.*verified: A2/)
  })

  test('a selection is the whole catalogue only with every check and every requirement', () => {
    expect(isWholeCatalogue(CATALOGUE)).toBe(false)
    const everything = [...CATALOGUE, ...REQUIRED_FOR_GO.map((id) => check(id, READS.gatherer))]
    expect(isWholeCatalogue(everything)).toBe(true)
    expect(isWholeCatalogue(everything.slice(1))).toBe(true)
    expect(isWholeCatalogue(everything.slice(0, -1))).toBe(false)
  })
})

describe('how long', () => {
  test('a stack of our own starts first; users that several need are seeded once; then one gatherer after another', () => {
    const twin = check(
      'A5',
      gatherer('A5', { effect: 'writes', leaves: 'an app', load: () => ({ users: 50, requests_per_s: null }) }),
    )
    const own = url({ kind: 'reference', allowed: 'disrupts' })
    const { time } = ahead([READS, WRITES, twin], { target: own, seedOver: 'database' })
    expect(time.steps.map((step) => step.what)).toEqual([
      'start-up of the stack',
      'seeding of 50 users',
      'A1',
      'A3',
      'A5',
    ])
    expect(time.total_s).toBe(time.steps.reduce((sum, step) => sum + step.expected_s, 0))
    expect(time.critical_path).toEqual(time.steps.map((step) => step.what))
    expect(time.critical_path_s).toBe(time.total_s)
    expect(time.seeding_limited_s).toBeNull()
  })

  test('what cannot run takes no time, and nothing at all starts no stack', () => {
    expect(ahead([MONGO]).time).toMatchObject({ steps: [], total_s: 0 })
    expect(ahead([MONGO], { target: url({ kind: 'reference' }) }).time.steps).toEqual([])
  })

  test('on a URL seeding takes as long as the target hashes passwords, or as its limits want it', () => {
    const login = (login_ms: number) => ({
      kind: 'url' as const,
      address: '',
      version: null,
      openapi_sha256: null,
      health: [],
      headers: [],
      mongodb: null,
      capabilities: [],
      settings: {},
      times: { health_ms: null, openapi_ms: null, login_ms, clock_ahead_ms: null },
    })
    const seeding = (login_ms: number) =>
      ahead([WRITES], { target: url({ allowed: 'writes' }), fingerprint: login(login_ms) }).time
    expect(seeding(500).steps[0]).toEqual({ what: 'seeding of 50 users', expected_s: 25 })
    expect(seeding(1).steps[0]?.expected_s).toBeGreaterThan(1)
    expect(seeding(500).seeding_limited_s).toBe(300)
  })

  const steps: Step[] = [
    { what: 'stack', expected_s: 4, alone: true },
    { what: 'a', expected_s: 10, alone: false },
    { what: 'writes', expected_s: 20, alone: true },
    { what: 'b', expected_s: 7, alone: false },
    { what: 'c', expected_s: 5, alone: false },
  ]

  test.each([
    [1, ['stack', 'a', 'writes', 'b', 'c']],
    [2, ['stack', 'writes', 'b', 'c']],
    [3, ['stack', 'a', 'writes']],
  ])(
    '%i at a time: the critical path is what needs the target alone, and the fullest lane of the others',
    (n, path) => {
      expect(criticalPath(steps, n).map((step) => step.what)).toEqual(path)
    },
  )

  test('whoever does more than read has the target alone', () => {
    const disrupts = check('A6', gatherer('A6', { effect: 'disrupts', leaves: 'nothing', breaks: 'the worker' }))
    expect(ahead([READS, WRITES, disrupts]).gatherers.map(({ id, alone }) => [id, alone])).toEqual([
      ['A1', false],
      ['A3', true],
      ['A6', true],
    ])
  })
})

describe('in words', () => {
  const text = (checks: AnyCheck[], over: Partial<ForecastInput> = {}) =>
    renderForecast(ahead(checks, over), { colors: false })

  test('the last line answers, and the rest says why', () => {
    const said = text([READS, MONGO, SPLIT])
    expect(said.trimEnd().split('\n').at(-1)).toBe(
      'not every MUST would be verified: 1 check will run, 1 cannot, 1 not applicable',
    )
    expect(said).toMatch(/\? cannot run +A2 {2}A2 holds\n {4}the harness cannot reach the database .*\n {4}→ hand over/)
    expect(said).toMatch(/– not applicable +A4.*\n {4}it is one process\n/)
    expect(said).toMatch(/not database: it was not handed over\n {4}→ hand over CONMAN_MONGO_URI/)
    expect(said).toMatch(/without a check: .*\w+\d–\w+\d/)
    expect(text([READS]).trimEnd().split('\n').at(-1)).toMatch(
      /^every MUST would be verified: 1 check will run, in about 10/,
    )
  })

  test('a run says it in three to six lines', () => {
    const crowd = [READS, MONGO, WRITES, SPLIT]
    expect(briefForecast(ahead(crowd)).length).toBeLessThanOrEqual(6)
    const lines = briefForecast(ahead([READS, WRITES], { target: url({ allowed: 'writes' }) }))
    expect(lines.length).toBeGreaterThanOrEqual(3)
    expect(lines[0]).toMatch(/^plan: 2 checks will run; about /)
    expect(lines).toContain('on the target it leaves an app')
  })

  test('what a target says of itself cannot repaint the terminal or start a line', () => {
    const hostile = 'x\u001b[2Jy\nGO: all is well'
    const said = text([MONGO], {
      target: url({ address: hostile, unreachable: new Map([['mongo', hostile]]) }),
      fingerprint: {
        kind: 'url',
        address: hostile,
        version: hostile,
        openapi_sha256: null,
        health: [{ name: hostile, status: hostile }],
        headers: [hostile],
        mongodb: hostile,
        capabilities: [],
        settings: {},
      },
    })
    expect(said).not.toContain('\u001b')
    expect(said).not.toMatch(/^GO: all is well/m)
    expect(said).toContain('⟦U+001B⟧')
  })
})
