// L1's verdicts on evidence: every way to fail is seen failing, for its own reason, and what the harness did wrong itself
// is never a failure of the target.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Limits } from '../../harness/check.ts'
import { demandSchema } from '../../harness/evidence/store.ts'
import { soundGenerator } from '../lib/evidence.fixture.ts'
import { concurrentEdits, editsAudited, openModel, sampleAsWritten } from './check.ts'
import { type EditEvidence, EditEvidenceSchema } from './evidence.ts'
import { L1_LIMITS, SAMPLE_LIMITS } from './limits.ts'

const limits = Object.fromEntries([...L1_LIMITS, ...SAMPLE_LIMITS].map((limit) => [limit.name, limit])) as Limits

function good(scenario: EditEvidence['scenario'] = 'L1', count = 250): EditEvidence {
  const edits: EditEvidence['edits'] = Array.from({ length: count }, (_, index) => {
    const user = (index % 50) + 1
    const number = Math.floor(index / 50)
    const hex = (index + 1).toString(16).padStart(40, '0')
    return {
      key: `run/u${user}/e${number}`,
      user,
      path: `config/service-${user}/settings-${number}.json`,
      sha256: `sha-${index}`,
      started_ms: number * 300 + user,
      duration_ms: 100 + (index % 40),
      status: 200,
      commit: hex,
      error: '',
    }
  })
  return {
    schema: 'readiness-edits/1',
    scenario,
    run_key: 'run',
    users: 50,
    edits_planned: scenario === 'L1' ? count : null,
    generator: soundGenerator('edit_ms', 'max<=2000'),
    iterations_finished: 50,
    exceptions: 0,
    edits,
    read_by_api: edits.map(({ user, path, sha256 }) => ({ user, path, status: 200, sha256 })),
    read_by_git: {
      files: edits.map(({ user, path, sha256 }) => ({ user, path, sha256 })),
      commits: edits.map(({ key, commit }) => ({ key, commit: commit! })),
      fsck: { exit_code: 0, output: '' },
    },
    audit: { source: 'mongo', waited_ms: 3, commits: edits.map((edit) => edit.commit!).sort() },
  }
}

/** Good evidence with one thing changed. */
function but(
  change: (evidence: EditEvidence) => void,
  scenario?: EditEvidence['scenario'],
  count?: number,
): EditEvidence {
  const evidence = good(scenario, count)
  change(evidence)
  return evidence
}

function change(edits: EditEvidence['edits'], into: Partial<EditEvidence['edits'][number]>): void {
  for (const edit of edits) Object.assign(edit, into)
}

const judge = (evidence: EditEvidence) => {
  demandSchema(EditEvidenceSchema, evidence, 'the test’s evidence')
  return concurrentEdits.evaluate(evidence, limits)
}

test('250 of 250, each in time, each there once: pass, with the number and n', () => {
  const verdict = judge(good())
  expect(verdict).toMatchObject({
    outcome: 'pass',
    n: 250,
    measured: { value: 139, unit: 'ms' },
    verifiedBy: ['http', 'git-storage'],
  })
  expect(verdict.because).toContain('all 250 edits were acknowledged')
  expect(verdict.charts).toHaveLength(2)
})

test('exactly the limit passes, a millisecond more fails', () => {
  expect(judge(but((e) => (e.edits[7]!.duration_ms = 2_000))).outcome).toBe('pass')
  expect(judge(but((e) => (e.edits[7]!.duration_ms = 2_100)))).toMatchObject({
    outcome: 'fail',
    because: expect.stringContaining('1 of 250 edits took longer than 2000 ms'),
  })
})

describe('on a target that limits its rate', () => {
  test('an edit that passed in the end is acknowledged, but the load was not the specified one', () => {
    const verdict = judge(but((e) => (e.throttled = 12)))
    expect(verdict).toMatchObject({
      outcome: 'not-verified',
      because: expect.stringMatching(
        /^12 answers were 429: .*5 edits a minute and user are below the specified limit of 30/,
      ),
      remedy: expect.stringContaining('CONMAN_RATE_LIMIT_USER_PER_MINUTE'),
    })
  })

  test('one that was refused to the end is no failure of editing', () => {
    const refused = but((e) => {
      e.throttled = 3
      change(e.edits.slice(0, 1), { status: 429, commit: null })
      e.read_by_git!.commits.shift()
      e.read_by_git!.files.shift()
      e.read_by_api.shift()
    })
    expect(judge(refused).outcome).toBe('not-verified')
  })

  test('a refusal of another kind still is', () => {
    const refused = but((e) => {
      e.throttled = 3
      change(e.edits.slice(0, 1), { status: 503, commit: null })
    })
    expect(judge(refused)).toMatchObject({ outcome: 'fail', because: expect.stringContaining('HTTP 503 × 1') })
  })
})

test('an edit that k6 did not send, for it knows no authority that the harness knows, is no failure of the target', () => {
  const verdict = judge(
    but((e) =>
      change(e.edits, { status: 0, commit: null, error: '1310 x509: certificate signed by unknown authority' }),
    ),
  )
  expect(verdict).toMatchObject({
    outcome: 'not-verified',
    because: expect.stringContaining("does not know the authority of the target's certificate (250 edits)"),
  })
})

test('a load that was held back by the bound of the target is not the specified one', () => {
  const held = (gap_ms: number) =>
    but((e) => {
      e.rate_bound_per_s = 100
      for (const [index, edit] of e.edits.entries()) edit.started_ms = index * gap_ms
    })
  expect(judge(held(10))).toMatchObject({
    outcome: 'not-verified',
    because: expect.stringContaining('it was held at 100 requests/s'),
  })
  expect(judge(held(12)).outcome).toBe('pass')
})

describe('a load that ended itself', () => {
  const stopped = (status: number) =>
    but((e) => {
      e.stopped_at_5xx_share = 0.1
      e.edits = e.edits.slice(0, 100)
      change(e.edits.slice(50), { status, commit: null })
    })

  test('whose share of failed edits is one of a handful of answers is not judged by it', () => {
    const early = (count: number) =>
      but(
        (e) => {
          e.stopped_at_5xx_share = 0.1
          e.edits = e.edits.slice(0, count)
          change(e.edits.slice(-3), { status: 500, commit: null })
        },
        'L1.sample',
        1_000,
      )
    const share = (evidence: EditEvidence) =>
      sampleAsWritten.evaluate(evidence, limits).findings.find(({ claim }) => claim === 'fewer edits fail than allowed')
    expect(share(early(19))?.outcome).toBe('not-verified')
    expect(share(early(20))?.outcome).toBe('fail')
  })

  test('fails for what was answered until then, and says that it ended', () => {
    const { outcome, findings } = judge(stopped(500))
    expect(outcome).toBe('fail')
    expect(findings[0]).toMatchObject({
      outcome: 'not-verified',
      because: expect.stringContaining('it ended itself once 10 % of the answers were 5xx or none'),
    })
    expect(judge(stopped(500)).because).toMatch(
      /^50 of 100 edits were not acknowledged: HTTP 500 × 50; the load ended itself/,
    )
  })
})

describe('saved evidence of real runs is judged as it was then', () => {
  const saved = (name: string) =>
    JSON.parse(readFileSync(new URL(`../../fixtures/L1/${name}.json`, import.meta.url), 'utf8')) as EditEvidence

  test('of a clean server', () => {
    expect(judge(saved('pass'))).toMatchObject({ outcome: 'pass', n: 250 })
    expect(editsAudited.evaluate(saved('pass'), {}).outcome).toBe('pass')
  })

  test('of a server that acknowledges edits and loses them', () => {
    const verdict = judge(saved('lost-edit'))
    expect(verdict.outcome).toBe('fail')
    expect(verdict.because).toContain('7 acknowledged edits are lost')
    expect(verdict.because).toContain('7 acknowledged edits are missing from git')
  })
})

describe('the target’s failures', () => {
  test.each<[string, (e: EditEvidence) => void, string]>([
    [
      'a 5xx',
      (e) => {
        Object.assign(e.edits[3]!, { status: 500, commit: null })
        e.generator.exit_code = 99
      },
      '1 of 250 edits were not acknowledged: HTTP 500 × 1',
    ],
    [
      'no answer',
      (e) => Object.assign(e.edits[3]!, { status: 0, commit: null, error: '1050 request timeout' }),
      'no answer (1050 request timeout) × 1',
    ],
    [
      'a 200 that names no commit',
      (e) => Object.assign(e.edits[3]!, { commit: null }),
      'HTTP 200 without a commit × 1',
    ],
    [
      'an acknowledged edit that the API does not give back',
      (e) => Object.assign(e.read_by_api[5]!, { status: 404, sha256: null }),
      '1 acknowledged edits are lost',
    ],
    [
      'bytes that nobody sent',
      (e) => Object.assign(e.read_by_api[5]!, { sha256: 'other' }),
      '1 files hold bytes that nobody sent',
    ],
    [
      'an acknowledged edit that is missing from git',
      (e) => {
        e.read_by_git!.files[5]!.sha256 = null
        e.read_by_git!.commits.splice(5, 1)
      },
      '1 acknowledged edits are missing from git',
    ],
    [
      'an edit committed twice',
      (e) => e.read_by_git!.commits.push({ key: e.edits[9]!.key, commit: 'f'.repeat(40) }),
      '1 edits were committed more than once',
    ],
    [
      'a commit that nobody asked for',
      (e) => e.read_by_git!.commits.push({ key: 'run/u1/e99', commit: 'f'.repeat(40) }),
      '1 commits carry edits that nobody attempted',
    ],
    [
      'an acknowledgement with a stranger’s commit',
      (e) => {
        e.read_by_git!.commits[4]!.commit = 'e'.repeat(40)
      },
      '1 acknowledgements name another commit',
    ],
    [
      'a broken repository',
      (e) => (e.read_by_git!.fsck = { exit_code: 2, output: 'missing blob abc' }),
      'git fsck ended with 2: missing blob abc',
    ],
  ])('%s is a failure, for that reason', (_, change, reason) => {
    const verdict = judge(but(change))
    expect(verdict.outcome).toBe('fail')
    expect(verdict.because).toContain(reason)
    expect(verdict.remedy).toBeTruthy()
  })
})

describe('the harness’s own failures are never the target’s', () => {
  test.each<[string, (e: EditEvidence) => void, string]>([
    ['k6 crashed', (e) => (e.generator.exit_code = 107), 'k6 ended with exit code 107'],
    [
      'k6 was killed half-way',
      (e) => {
        e.generator.signal = 'SIGKILL'
        e.generator.exit_code = null
        e.edits.length = 120
        e.iterations_finished = 0
      },
      'k6 was ended by SIGKILL',
    ],
    ['no summary was written', (e) => (e.generator.summary_fresh = false), 'k6 wrote no summary'],
    ['no threshold was evaluated', (e) => (e.generator.thresholds = []), 'k6 evaluated no threshold'],
    ['an iteration threw', (e) => (e.exceptions = 1), '1 iterations of the script threw'],
    ['iterations are missing', (e) => (e.iterations_finished = 49), '49 of 50 iterations finished'],
    ['edits are missing', (e) => (e.edits.length = 249), '249 of 250 planned edits were attempted'],
    [
      'an attempt never ended',
      (e) => Object.assign(e.edits[1]!, { duration_ms: null, started_ms: null, status: null, commit: null }),
      'cut off before they ended',
    ],
    [
      'reading back failed',
      (e) => Object.assign(e.read_by_api[5]!, { status: 0, sha256: null }),
      'could not be read back',
    ],
    [
      'k6 and the samples disagree',
      (e) => (e.generator.thresholds = [{ metric: 'edit_ms', threshold: 'max<=2000', ok: false }]),
      'which the samples do not show',
    ],
    [
      'the machine was starved for longer than the excess',
      (e) => {
        e.edits[7]!.duration_ms = 2_300
        e.generator.pulse_lag_ms_max = 400
      },
      'kept ready processes waiting for up to 400 ms',
    ],
  ])('%s: not verified', (_, change, reason) => {
    const verdict = judge(but(change))
    expect(verdict.outcome).toBe('not-verified')
    expect(verdict.because).toContain(reason)
  })

  test('a starved machine does not excuse what it cannot explain', () => {
    const verdict = judge(
      but((e) => {
        e.edits[7]!.duration_ms = 4_500
        e.generator.pulse_lag_ms_max = 400
      }),
    )
    expect(verdict.outcome).toBe('fail')
  })

  test('nothing ran at all: not verified, and no number is shown', () => {
    const verdict = judge(
      but((e) => {
        e.edits = []
        e.read_by_api = []
        e.read_by_git = null
      }),
    )
    expect(verdict.outcome).toBe('not-verified')
    expect(verdict.measured).toBeUndefined()
  })
})

test('without access to git the verdict rests on the API, and says so', () => {
  const verdict = judge(but((e) => (e.read_by_git = null)))
  expect(verdict).toMatchObject({ outcome: 'pass', verifiedBy: ['http'] })
  expect(verdict.because).toContain('read back through the API')
  expect(verdict.because).not.toContain('git')
})

test('an overridden limit is the one that is judged', () => {
  const tighter = { ...limits, latency_ms_max: { ...limits.latency_ms_max!, value: 100, overriddenFrom: 2_000 } }
  expect(concurrentEdits.evaluate(good(), tighter)).toMatchObject({
    outcome: 'fail',
    limit: { value: 100, overriddenFrom: 2_000 },
  })
})

describe('audit rows', () => {
  const judgeAudit = (evidence: EditEvidence) => editsAudited.evaluate(evidence, {})

  test('one a commit passes; a missing or doubled one fails', () => {
    expect(judgeAudit(good()).outcome).toBe('pass')
    expect(judgeAudit(but((e) => e.audit!.commits.pop()))).toMatchObject({
      outcome: 'fail',
      because: expect.stringContaining('1 of 250 acknowledged edits have no audit row'),
    })
    expect(judgeAudit(but((e) => e.audit!.commits.push(e.audit!.commits[0]!))).outcome).toBe('fail')
  })

  test('no way to read them, or nothing to look for: not verified', () => {
    expect(judgeAudit(but((e) => (e.audit = null)))).toMatchObject({
      outcome: 'not-verified',
      remedy: expect.stringContaining('CONMAN_MONGO_URI'),
    })
    expect(judgeAudit(but((e) => change(e.edits, { commit: null }))).outcome).toBe('not-verified')
  })
})

describe('the sample and its open-model twin', () => {
  const steady = (change: (e: EditEvidence) => void = () => {}, count = 6_000) =>
    but(
      (e) => {
        e.edits.forEach((edit, index) => {
          edit.key = `run/u${edit.user}/e${index}`
          e.read_by_git!.commits[index]!.key = edit.key
        })
        change(e)
      },
      'L1.sample',
      count,
    )

  test('p99 of 6,000 with its interval', () => {
    const verdict = sampleAsWritten.evaluate(steady(), limits)
    expect(verdict).toMatchObject({ outcome: 'pass', n: 6_000, measured: { label: 'p99' } })
  })

  test('a slow hundredth fails', () => {
    const verdict = sampleAsWritten.evaluate(
      steady((e) => change(e.edits.slice(0, 90), { duration_ms: 3_000 })),
      limits,
    )
    expect(verdict).toMatchObject({ outcome: 'fail', because: expect.stringContaining('p99 3000 ms') })
  })

  test('one in a hundred failed is one too many: the sample says below 1 %', () => {
    const failing = (count: number) => steady((e) => change(e.edits.slice(0, count), { status: 500, commit: null }))
    expect(sampleAsWritten.evaluate(failing(60), limits).outcome).toBe('fail')
    expect(sampleAsWritten.evaluate(failing(59), limits).outcome).toBe('pass')
  })

  test('dropped iterations make the p99 a lower bound, which passes nothing', () => {
    const verdict = openModel.evaluate(
      steady((e) => (e.generator.dropped_iterations = 3)),
      limits,
    )
    expect(verdict).toMatchObject({ outcome: 'not-verified', because: expect.stringContaining('lower bound') })
  })

  test('a p99 beyond the limit fails all the same, and is printed as the lower bound that it is', () => {
    const verdict = openModel.evaluate(
      steady((e) => {
        change(e.edits.slice(0, 90), { duration_ms: 3_000 })
        e.generator.dropped_iterations = 3
      }),
      limits,
    )
    expect(verdict).toMatchObject({
      outcome: 'fail',
      because: expect.stringMatching(/is a lower bound: 3 edits .*, limit 2000 ms/),
    })
  })

  test('too few samples for a p99: not verified', () => {
    expect(
      sampleAsWritten.evaluate(
        steady(() => {}, 298),
        limits,
      ).outcome,
    ).toBe('not-verified')
  })
})
