// L6's verdicts on evidence: every way to fail is seen failing, for its own reason, and what the harness or a clock did is never a
// failure of the target.

import { describe, expect, test } from 'vitest'
import type { Limits } from '../../harness/check.ts'
import { demandSchema } from '../../harness/evidence/store.ts'
import { concurrentDeployments } from './check.ts'
import { type DeploymentsEvidence, DeploymentsEvidenceSchema } from './evidence.ts'
import { L6_LIMITS } from './limits.ts'

const limits = Object.fromEntries(L6_LIMITS.map((limit) => [limit.name, limit])) as Limits
const id = (kind: string, number: number) => `${kind}${String(number).padStart(23, '0')}`
const at = (ms: number) => new Date(1_764_000_000_000 + ms).toISOString()

const FIRST_MS = 0
const TOGETHER_MS = 10_000
const RACE_MS = 20_000
const AFTER_MS = 30_000

/** Ten deployed once, ten at once, one of fifty, and one more. */
function good(): DeploymentsEvidence {
  const numbers = Array.from({ length: 10 }, (_, index) => index)
  const sites = numbers.map((number) => ({
    app_id: id('a', number),
    environment_id: id('e', number),
    release_id: id('b', number),
  }))
  const request = (site: number, deployment_id: string | null, error = '') => ({
    environment_id: id('e', site),
    started_ms: 1,
    duration_ms: 80,
    status: deployment_id === null ? 409 : 200,
    error,
    deployment_id,
  })
  const made = [
    ...numbers.map((number) => ({ id: id('1', number), site: number, from: FIRST_MS })),
    ...numbers.map((number) => ({ id: id('2', number), site: number, from: TOGETHER_MS + number })),
    { id: id('3', 0), site: 0, from: RACE_MS },
    { id: id('4', 0), site: 0, from: AFTER_MS },
  ]
  return {
    schema: 'readiness-deployments/1',
    sites,
    missing: [],
    one_clock: true,
    first: numbers.map((number) => id('1', number)),
    together: {
      held: true,
      held_ms: 120,
      requests: numbers.map((number) => request(number, id('2', number))),
    },
    race: {
      environment_id: id('e', 0),
      held: true,
      was_free: true,
      rounds: 1,
      requests: Array.from({ length: 50 }, (_, index) =>
        request(0, index === 17 ? id('3', 0) : null, index === 17 ? '' : 'HTTP 409 conflict: taken'),
      ),
    },
    afterwards: request(0, id('4', 0)),
    deployments: made.map(({ id: deployment, site, from }) => ({
      id: deployment,
      environment_id: id('e', site),
      release_id: id('b', site),
      state: 'succeeded',
      created_at: at(from),
      started_at: at(from + 100),
      finished_at: at(from + 700),
    })),
    jobs: made.map((one, index) => ({ id: id('d', index), deployment_id: one.id, state: 'succeeded' })),
    effects: {
      unreadable: 0,
      rows: made.flatMap((one, index) =>
        (['begin', 'end'] as const).map((phase) => ({
          phase,
          deployment_id: one.id,
          pid: 100 + index,
          at_s: 1_764_000_000,
          environment_id: phase === 'begin' ? id('e', one.site) : null,
          release_id: phase === 'begin' ? id('b', one.site) : null,
        })),
      ),
    },
  }
}

type Change = (evidence: DeploymentsEvidence) => void

function judged(change: Change = () => {}) {
  const evidence = good()
  change(evidence)
  demandSchema(DeploymentsEvidenceSchema, evidence, 'the test’s evidence')
  return concurrentDeployments.evaluate(evidence, limits)
}

const ofRace = ({ deployments }: DeploymentsEvidence) => deployments.find((one) => one.id === id('3', 0))!

/** A second one gets the environment of the race, so many milliseconds after the first. */
function secondWinner(evidence: DeploymentsEvidence, after_ms: number): void {
  const second = id('3', 1)
  Object.assign(evidence.race.requests[3]!, { deployment_id: second, status: 200, error: '' })
  const [created_at, started_at, finished_at] = [0, 100, 700].map((ms) => at(RACE_MS + after_ms + ms)) as [
    string,
    string,
    string,
  ]
  evidence.deployments.push({ ...ofRace(evidence), id: second, created_at, started_at, finished_at })
  evidence.jobs.push({ id: id('d', 99), deployment_id: second, state: 'succeeded' })
  for (const row of evidence.effects!.rows.filter(({ deployment_id }) => deployment_id === id('3', 0))) {
    evidence.effects!.rows.push({ ...row, deployment_id: second, pid: 900 })
  }
}

describe('passes', () => {
  test('each done once, one of fifty in the race, and says through what that was seen', () => {
    const verdict = judged()
    expect(verdict).toMatchObject({ outcome: 'pass', n: 22, verifiedBy: ['http', 'effects'] })
    expect(verdict.because).toContain('10 deployments at once and 1 of 50')
    expect(verdict.because).toContain('each was carried out exactly once')
  })

  test('without the ledger of effects, and says what was not looked at', () => {
    const verdict = judged((e) => (e.effects = null))
    expect(verdict).toMatchObject({ outcome: 'pass', verifiedBy: ['http'] })
    expect(verdict.because).toContain('that each was carried out once was not looked at')
  })

  test('two that got the environment one after the other, where they cannot be held', () => {
    const verdict = judged((e) => {
      secondWinner(e, 720)
      e.race.held = false
    })
    expect(verdict.outcome).toBe('pass')
    expect(verdict.because).toContain('10 deployments at once and 2 of 50')
  })

  test('where they cannot be held, when their documents say that they were under way together', () => {
    expect(judged((e) => Object.assign(e.together, { held: false, held_ms: 0 })).outcome).toBe('pass')
  })
})

describe('the target’s failures', () => {
  test.each<[string, Change, string]>([
    [
      'a deployment that is refused because of others elsewhere',
      ({ together }) => Object.assign(together.requests[4]!, { deployment_id: null, status: 500, error: 'HTTP 500' }),
      '1 of 10 deployments at once were not accepted: HTTP 500 × 1',
    ],
    [
      'a deployment that does not end',
      (e) => Object.assign(e.deployments[12]!, { state: 'running', finished_at: null }),
      `1 deployments did not complete, first ${id('2', 2)}, which is running`,
    ],
    ['a deployment that fails', (e) => (e.deployments[12]!.state = 'failed'), 'which is failed'],
    ['a deployment that no list has', (e) => e.deployments.splice(12, 1), `${id('2', 2)}, which no list has`],
    [
      'a deployment of another release',
      (e) => (e.deployments[12]!.release_id = id('b', 5)),
      'which brought another release',
    ],
    [
      'a deployment that nobody was told of',
      (e) => {
        e.deployments.push({ ...e.deployments[21]!, id: id('9', 1), started_at: at(40_000), finished_at: at(40_100) })
        e.effects = null
      },
      '1 deployments were made without an answer that says so',
    ],
    ['a deployment without a job', (e) => e.jobs.pop(), `${id('4', 0)} with none`],
    [
      'a deployment with two jobs',
      (e) => e.jobs.push({ ...e.jobs[0]!, id: id('d', 90) }),
      'with succeeded and succeeded',
    ],
    ['a job that failed, of a deployment that succeeded', (e) => (e.jobs[0]!.state = 'failed'), 'with failed'],
    ['two that get one environment', (e) => secondWinner(e, 5), '2 of 50 got the environment at the same time'],
    [
      'two that get one environment where they cannot be held, by their documents',
      (e) => {
        secondWinner(e, 5)
        e.race.held = false
        e.effects = null
      },
      '2 of 50 got the environment at the same time',
    ],
    [
      'nobody gets a free environment',
      ({ race }) => Object.assign(race.requests[17]!, { deployment_id: null, status: 409, error: 'HTTP 409' }),
      'none of 50 got the environment, though it was free: HTTP 409 conflict: taken',
    ],
    [
      'a loser that is not told so',
      ({ race }) => Object.assign(race.requests[9]!, { status: 500, error: 'HTTP 500' }),
      '1 of 50 were neither accepted nor refused with 409: HTTP 500 × 1',
    ],
    [
      'an environment that stays locked',
      ({ afterwards }) => Object.assign(afterwards!, { deployment_id: null, status: 409, error: 'HTTP 409 conflict' }),
      'the next deployment is not there: HTTP 409 conflict',
    ],
    [
      'two that run in one environment, by their documents',
      (e) => (e.deployments[10]!.finished_at = at(RACE_MS + 400)),
      `1 pairs of deployments ran at the same time in one environment, first ${id('2', 0)} and ${id('3', 0)} for 300 ms`,
    ],
    [
      'a deployment that is carried out twice',
      ({ effects }) => effects!.rows.push(...effects!.rows.slice(-2)),
      `${id('4', 0)}: begun 2 times, ended 2 times`,
    ],
    [
      'a deployment that is never carried out',
      ({ effects }) => effects!.rows.splice(20, 2),
      `1 deployments were not carried out exactly once, first ${id('2', 0)}: begun 0 times, ended 0 times`,
    ],
    [
      'a deployment that is over before its command is',
      ({ effects }) => effects!.rows.pop(),
      'begun 1 times, ended 0 times',
    ],
    [
      'something that is carried out, and no deployment',
      ({ effects }) => effects!.rows.push({ ...effects!.rows[0]!, deployment_id: id('9', 9), pid: 7 }),
      `first ${id('9', 9)}, which no list has`,
    ],
    [
      'a deployment that is carried out elsewhere',
      ({ effects }) => (effects!.rows[0]!.environment_id = id('e', 3)),
      'which was carried out elsewhere or with another release',
    ],
    [
      'two commands in one environment at the same time',
      ({ effects }) => effects!.rows.push(effects!.rows.splice(41, 1)[0]!),
      `1 deployments were carried out beside another in the same environment, first ${id('4', 0)} while ${id('3', 0)}`,
    ],
  ])('%s: a failure, for that reason', (_, change, reason) => {
    const verdict = judged(change)
    expect(verdict.outcome).toBe('fail')
    expect(verdict.because).toContain(reason)
    expect(verdict.remedy).toBeTruthy()
  })
})

describe('what is not the target’s', () => {
  test.each<[string, Change, string]>([
    [
      'fewer apps than specified',
      (e) => {
        const { environment_id } = e.sites.pop()!
        e.missing = ['1 of 10 apps: 9 repositories were handed over']
        e.first.pop()
        e.together.requests.pop()
        const gone = e.deployments.filter((one) => one.environment_id === environment_id).map((one) => one.id)
        e.deployments = e.deployments.filter((one) => !gone.includes(one.id))
        e.effects!.rows = e.effects!.rows.filter((row) => !gone.includes(row.deployment_id))
      },
      '9 deployments instead of 10, 1 of 10 apps: 9 repositories were handed over',
    ],
    ['fewer racers than specified', ({ race }) => race.requests.pop(), '49 requests instead of 50'],
    [
      'a rate limit in the way of the race',
      ({ race }) => Object.assign(race.requests[9]!, { status: 429, error: 'HTTP 429' }),
      '1 answers were 429',
    ],
    [
      'a rate limit in the way of the ten',
      (e) => {
        Object.assign(e.together.requests[9]!, { status: 429, error: 'HTTP 429', deployment_id: null })
        e.deployments = e.deployments.filter((one) => one.id !== id('2', 9))
        e.effects!.rows = e.effects!.rows.filter((row) => row.deployment_id !== id('2', 9))
      },
      '9 of 10 were accepted',
    ],
    [
      'one after the other',
      (e) => {
        Object.assign(e.together, { held: false, held_ms: 0 })
        Object.assign(e.deployments[19]!, {
          created_at: at(TOGETHER_MS + 900),
          started_at: at(TOGETHER_MS + 950),
          finished_at: at(TOGETHER_MS + 999),
        })
      },
      'the first had ended before the last was accepted',
    ],
    [
      'documents that do not say when',
      (e) => {
        Object.assign(e.together, { held: false, held_ms: 0 })
        for (const one of e.deployments) one.created_at = null
      },
      'the deployments do not say when they were made and ended',
    ],
    ['an environment that was not free', ({ race }) => (race.was_free = false), 'still taken when the race began'],
    [
      'two that got it one after the other by clocks that may be apart',
      (e) => {
        secondWinner(e, 720)
        e.race.held = false
        e.one_clock = false
      },
      'each may have ended before the next began',
    ],
    [
      'a second one whose request waited for the end of the first',
      (e) => {
        secondWinner(e, 650)
        e.race.held = false
        // Its document was made 50 ms before the first had ended, and its request took longer than that.
        e.deployments.at(-1)!.started_at = at(RACE_MS + 760)
      },
      'each may have ended before the next began',
    ],
    [
      'clocks that may be apart',
      (e) => {
        e.one_clock = false
        e.deployments[10]!.finished_at = at(RACE_MS + 400)
      },
      'which clocks that are apart may explain',
    ],
    [
      'a deployment without its moments',
      (e) => (e.deployments[10]!.started_at = null),
      `of 1 deployments it is not known when they ran, first ${id('2', 0)}`,
    ],
    [
      'a program that does not know the deploy command',
      ({ effects }) => effects!.rows.splice(0),
      'does the program know CONMAN_DEPLOY_RELEASE_CMD?',
    ],
    ['a ledger of effects that cannot be read', ({ effects }) => (effects!.unreadable = 1), '1 lines of the ledger'],
    [
      'nothing more was asked',
      (e) => {
        e.afterwards = null
        e.deployments.pop()
        e.effects!.rows.splice(-2)
      },
      'it was not asked for',
    ],
  ])('%s: not verified', (_, change, reason) => {
    const verdict = judged(change)
    expect(verdict.because).toContain(reason)
    expect(verdict.outcome).toBe('not-verified')
  })
})
