// What every load claims, on evidence: the target's failures fail, and what the harness or the machine may have caused is
// not verified.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Limit } from '../../harness/check.ts'
import {
  agreementFinding,
  answeredFinding,
  eachWithinFinding,
  generatorFinding,
  noneFinding,
  percentileFinding,
  percentileName,
  type Requests,
  throttledFinding,
} from './claims.ts'
import { soundLoad } from './evidence.fixture.ts'
import type { Load } from './load.ts'

const limit: Limit = { name: 'latency_ms', value: 500, unit: 'ms', compare: 'at-most', source: 'a test' }

function requests(durations: readonly number[], status = 200): Requests {
  return {
    what: 'listings',
    ended: durations.map((duration_ms, index) => ({ started_ms: index * 20, duration_ms, status, error: '' })),
  }
}

const fast = requests(Array.from({ length: 400 }, (_, index) => 10 + (index % 50)))

function but(change: (load: Load) => void, n = 400): Load {
  const load = soundLoad(n)
  change(load)
  return load
}

describe('the generator', () => {
  test('as planned', () => {
    expect(generatorFinding(soundLoad(400), fast, 400)).toMatchObject({ outcome: 'pass', n: 400 })
  })

  test.each<[string, (load: Load) => void, string]>([
    ['k6 crashed', (load) => (load.generator.exit_code = 107), 'k6 ended with exit code 107'],
    ['k6 was killed', (load) => (load.generator.signal = 'SIGKILL'), 'k6 was ended by SIGKILL'],
    ['no summary', (load) => (load.generator.summary_fresh = false), 'k6 wrote no summary'],
    ['no threshold', (load) => (load.generator.thresholds = []), 'k6 evaluated no threshold'],
    ['an exception', (load) => (load.exceptions = 2), '2 iterations of the script threw'],
    ['iterations are missing', (load) => (load.iterations_finished = 399), '399 of 400 iterations finished'],
    ['attempts without an end', (load) => (load.attempted = 401), 'of 401 attempts 400 have a sample'],
  ])('%s: not verified', (_, change, reason) => {
    const finding = generatorFinding(but(change), fast, 400)
    expect(finding).toMatchObject({ outcome: 'not-verified', because: expect.stringContaining(reason) })
  })

  test('it ended itself at the bound on 5xx: not verified', () => {
    const stopped = but((load) => (load.stopped_at_5xx_share = 0.2))
    expect(generatorFinding(stopped, fast, 400)).toMatchObject({
      outcome: 'not-verified',
      because: expect.stringContaining('it ended itself once 20 % of the answers were 5xx or none'),
    })
  })

  test('a rate limit stood in its way: not verified, however long was waited', () => {
    expect(throttledFinding(0)).toMatchObject({ outcome: 'pass' })
    expect(throttledFinding(3)).toMatchObject({
      outcome: 'not-verified',
      because: expect.stringContaining('3 answers were 429'),
    })
  })

  test('held back by the bound of the target: not verified', () => {
    const bounded = (bound: number) => but((load) => (load.requests_per_s_max = bound))
    // One each 20 ms.
    expect(generatorFinding(bounded(50), fast, 400)).toMatchObject({
      outcome: 'not-verified',
      because: expect.stringContaining('it was held at 50 requests/s'),
    })
    expect(generatorFinding(bounded(80), fast, 400).outcome).toBe('pass')
  })

  test('fewer than planned, or none: not verified', () => {
    expect(generatorFinding(soundLoad(400), fast, 450).because).toContain('400 of 450 planned listings ended')
    expect(generatorFinding(soundLoad(0), requests([]), null).because).toContain('nothing was measured')
  })

  test('a missed threshold is a measurement, not a fault', () => {
    expect(
      generatorFinding(
        but((load) => (load.generator.exit_code = 99)),
        fast,
        400,
      ).outcome,
    ).toBe('pass')
  })
})

describe('answers', () => {
  test('a 5xx and a time-out fail, by their counts', () => {
    const mixed: Requests = {
      what: 'listings',
      ended: [
        ...fast.ended,
        { started_ms: 0, duration_ms: 3, status: 500, error: '' },
        { started_ms: 0, duration_ms: 30_000, status: 0, error: '1050 request timeout' },
      ],
    }
    expect(answeredFinding(mixed)).toMatchObject({
      outcome: 'fail',
      because: '2 of 402 listings failed: HTTP 500 × 1, no answer (1050 request timeout) × 1',
    })
  })

  test('what the target’s own limits refused is no failure of its', () => {
    const limited: Requests = {
      what: 'listings',
      ended: [...fast.ended, { started_ms: 0, duration_ms: 1, status: 429, error: '' }],
    }
    expect(answeredFinding(limited).outcome).toBe('not-verified')
    const both = { ...limited, ended: [...limited.ended, { started_ms: 0, duration_ms: 1, status: 503, error: '' }] }
    expect(answeredFinding(both).outcome).toBe('fail')
  })

  test('none at all: not verified', () => {
    expect(answeredFinding(requests([])).outcome).toBe('not-verified')
  })
})

describe('times', () => {
  const late = requests([...Array.from({ length: 390 }, () => 20), ...Array.from({ length: 10 }, () => 1_400)])

  test('each within the limit, to the millisecond', () => {
    expect(eachWithinFinding('times', requests([500]), limit, soundLoad(1)).outcome).toBe('pass')
    expect(eachWithinFinding('times', requests([20, 600]), limit, soundLoad(2))).toMatchObject({
      outcome: 'fail',
      because: '1 of 2 listings took longer than 500 ms, the slowest 600 ms',
    })
    expect(eachWithinFinding('times', requests([]), limit, soundLoad(0)).outcome).toBe('not-verified')
  })

  test('a percentile with its interval and n, refused below the samples that it takes', () => {
    expect(percentileFinding('p99', fast, 0.99, limit, soundLoad(400))).toMatchObject({
      outcome: 'pass',
      n: 400,
      because: expect.stringMatching(/^p99 59 ms \(95 % interval 5\d–59 ms\) of 400$/),
    })
    expect(percentileFinding('p99', late, 0.99, limit, soundLoad(400)).outcome).toBe('fail')
    const few = requests(Array.from({ length: 298 }, () => 9_000))
    expect(percentileFinding('p99', few, 0.99, limit, soundLoad(298))).toMatchObject({
      outcome: 'not-verified',
      because: '298 samples are too few for a p99 (at least 299)',
    })
  })

  test('with iterations that never began, a good figure passes nothing and a bad one fails', () => {
    const dropped = but((load) => (load.generator.dropped_iterations = 3))
    expect(percentileFinding('p99', fast, 0.99, limit, dropped)).toMatchObject({
      outcome: 'not-verified',
      because: expect.stringContaining('is a lower bound: 3 listings were never started'),
    })
    expect(percentileFinding('p99', late, 0.99, limit, dropped).outcome).toBe('fail')
  })

  test('an excess that the machine explains is not the target’s', () => {
    const starved = but((load) => (load.generator.pulse_lag_ms_max = 950))
    const shared = but((load) => (load.other_cpu_share_max = 0.5))
    for (const load of [starved, shared]) {
      expect(percentileFinding('p99', late, 0.99, limit, load).outcome).toBe('not-verified')
      expect(eachWithinFinding('times', late, limit, load).outcome).toBe('not-verified')
    }
    expect(percentileFinding('p99', late, 0.99, limit, shared).because).toContain('other programs took up to 50 %')
  })

  test('machines that made the load out of sight: a limit that was kept passes, an excess is not the target’s', () => {
    const away = but((load) => (load.generator.processes_elsewhere = 4))
    expect(percentileFinding('p99', fast, 0.99, limit, away).outcome).toBe('pass')
    expect(percentileFinding('p99', late, 0.99, limit, away)).toMatchObject({
      outcome: 'not-verified',
      because: expect.stringContaining('whether the 4 machines that made the load could keep up'),
    })
  })

  test('a machine that was shared a little does not excuse what it cannot explain', () => {
    const load = but((one) => Object.assign(one, { other_cpu_share_max: 0.1 }))
    expect(percentileFinding('p99', late, 0.99, limit, load).outcome).toBe('fail')
  })

  test('whatever the times: a pass has its percentile within the limit, a failure beyond it', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 600 }), (durations) => {
        const load = soundLoad(durations.length)
        load.generator.pulse_lag_ms_max = 0
        const finding = percentileFinding('p99', requests(durations), 0.99, limit, load)
        const within = durations.filter((duration) => duration <= 500).length / durations.length
        if (durations.length < 299) expect(finding.outcome).toBe('not-verified')
        else expect(finding.outcome).toBe(within >= 0.99 ? 'pass' : 'fail')
      }),
    )
  })

  test('names of percentiles', () => {
    expect([0.5, 0.95, 0.99, 0.999].map(percentileName)).toEqual(['p50', 'p95', 'p99', 'p99.9'])
  })
})

test('a threshold that k6 missed and the judge did not: the instrument is wrong', () => {
  const { generator } = but((load) => {
    load.generator.thresholds = [{ metric: 'listing_ms', threshold: 'p(99)<=500', ok: false }]
  })
  const passed = { claim: 'a', outcome: 'pass', because: '' } as const
  expect(agreementFinding(generator, [passed]).outcome).toBe('not-verified')
  expect(agreementFinding(generator, [passed, { ...passed, outcome: 'fail' }]).outcome).toBe('pass')
})

test('none of nothing is no pass', () => {
  expect(noneFinding('a claim', [], 'are broken', 0).outcome).toBe('not-verified')
  expect(noneFinding('a claim', [], 'are broken', 9).outcome).toBe('pass')
  expect(noneFinding('a claim', ['this'], 'are broken', 9)).toMatchObject({
    outcome: 'fail',
    because: '1 are broken, first this',
  })
})
