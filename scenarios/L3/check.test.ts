// L3's verdicts on evidence: every way to fail is seen failing, for its own reason, and what the harness did wrong itself is
// never a failure of the target.

import { describe, expect, test } from 'vitest'
import type { Limits } from '../../harness/check.ts'
import { demandSchema } from '../../harness/evidence/store.ts'
import { soundLoad } from '../lib/evidence.fixture.ts'
import { soundJob, soundWatch } from '../lib/job-watch.fixture.ts'
import { listedMeanwhile, longQueue } from './check.ts'
import { type QueueEvidence, QueueEvidenceSchema } from './evidence.ts'
import { L3_LIMITS } from './limits.ts'

const limits = Object.fromEntries(L3_LIMITS.map((limit) => [limit.name, limit])) as Limits

const BEGAN = 1_764_000_000_000
const HEAD = 'a'.repeat(40)
const hex = (number: number, length: number) => number.toString(16).padStart(length, '0')

/** 150 queued, 10 released, 6 of the rest conflicting; one revalidation each, one after the other. */
function good(): QueueEvidence {
  const changesets: QueueEvidence['changesets'] = Array.from({ length: 150 }, (_, index) => {
    const number = index + 1
    const part = number <= 10 ? 'released' : number <= 16 ? 'conflicting' : 'free'
    return {
      number,
      id: hex(number, 24),
      path: `config/queue/service-${part === 'conflicting' ? number - 10 : number}.yaml`,
      sha256: hex(number, 64),
      commit: hex(number, 40),
      part,
      position_before: number,
      state: { released: 'released', conflicting: 'conflicted', free: 'queued' }[part],
      position: part === 'free' ? number : null,
      problem: '',
      merges: part === 'released' ? null : part === 'free',
    }
  })
  const rest = changesets.slice(10)
  return {
    schema: 'readiness-queue/1',
    planned: { queued: 150, released: 10, conflicting: 6 },
    others_queued: 0,
    workers: '1 worker process(es)',
    release: { id: hex(1, 24), tag: 'r2026.11.25.1', state: 'published', published_sha: HEAD, published_at_ms: BEGAN },
    publish: { began_at_ms: BEGAN - 400, ended_at_ms: BEGAN + 200 },
    jobs: soundWatch(rest.map(({ id, number }) => soundJob(`job-${number}`, id, BEGAN + number * 100))),
    changesets,
    git: {
      tag: HEAD,
      integration: HEAD,
      files: changesets.map(({ number, part }) => {
        const content = part === 'released' ? hex(number, 64) : part === 'conflicting' ? hex(number - 10, 64) : null
        return { number, sha256: content }
      }),
      contained: changesets.filter(({ part }) => part === 'released').map(({ number }) => number),
    },
    load: soundLoad(100, null),
    listings: Array.from({ length: 100 }, (_, index) => ({
      started_ms: (index - 5) * 200,
      duration_ms: 30,
      status: 200,
      error: '',
      rows: 100,
    })),
  }
}

function judge(change: (evidence: QueueEvidence) => void = () => {}, check = longQueue) {
  const evidence = good()
  change(evidence)
  demandSchema(QueueEvidenceSchema, evidence, 'the test’s evidence')
  return check.evaluate(evidence, limits)
}

/** Changeset 30, which merges, with its job; and 12, which does not. */
const free = (e: QueueEvidence) => e.changesets[29]!
const conflicting = (e: QueueEvidence) => e.changesets[11]!
const job = (e: QueueEvidence) => e.jobs.jobs.find(({ id }) => id === 'job-30')!

describe('every one of 140 revalidated once, in time and rightly', () => {
  test('pass, with the last one, n, and that it is one drain', () => {
    const verdict = judge()
    expect(verdict).toMatchObject({ outcome: 'pass', n: 140, verifiedBy: ['http', 'mongo', 'git-storage'] })
    expect(verdict.measured).toMatchObject({ value: 15_650, label: 'the last of 140, one drain' })
    expect(verdict.because).toContain('150 queued, 10 released: each of the remaining 140 was revalidated once')
    expect(verdict.because).toContain(
      '6 conflicted, 134 still queued in their order; tag, branch and content are right',
    )
    expect(verdict.because).not.toContain('smaller')
  })

  test('through the API alone, and it says so', () => {
    const verdict = judge((e) => {
      e.git = null
      e.jobs.source = 'http'
      for (const changeset of e.changesets) changeset.merges = null
    })
    expect(verdict).toMatchObject({ outcome: 'pass', verifiedBy: ['http'] })
    expect(verdict.because).not.toContain('by git')
  })

  test('a smaller queue says that it is smaller', () => {
    expect(judge(smaller).because).toContain('this profile is smaller than specified: 150 and 10')
  })

  test('a slow gate before the publication is no part of the ten minutes', () => {
    const verdict = judge((e) => {
      e.publish.began_at_ms -= 590_000
    })
    expect(verdict).toMatchObject({ outcome: 'pass', measured: { value: 599_950 } })
  })
})

describe('the target’s failures', () => {
  test.each<[string, (e: QueueEvidence) => void, string]>([
    [
      'a forgotten one',
      (e) => (e.jobs.jobs = e.jobs.jobs.filter((one) => one !== job(e))),
      '1 changesets have no revalidation 17.1 s after the release, first changeset 30',
    ],
    ['a job that is gone', (e) => (job(e).gone = true), '1 changesets have no revalidation'],
    [
      'a second revalidation',
      (e) => e.jobs.jobs.push({ ...job(e), id: 'another' }),
      '1 changesets were revalidated more than once, first changeset 30',
    ],
    [
      'one that never ends',
      (e) => Object.assign(job(e), { state: 'running', over_at_ms: null, finished_at_ms: null }),
      '1 revalidations have not ended',
    ],
    [
      'one that looked at nothing',
      (e) => (job(e).verdict = 'skipped'),
      '1 changesets were not looked at by their revalidation, first changeset 30',
    ],
    [
      'one that failed',
      (e) => Object.assign(job(e), { state: 'failed', error: 'git' }),
      '1 changesets were not looked at by their revalidation, first changeset 30',
    ],
    [
      'one after eleven minutes',
      (e) => Object.assign(job(e), { finished_at_ms: BEGAN + 660_000, over_at_ms: BEGAN + 660_200 }),
      '1 of 140 revalidations took longer than 600000 ms, the slowest 660000 ms',
    ],
    [
      'one after eleven minutes that is written down as an early one',
      (e) => (job(e).over_at_ms = BEGAN + 660_200),
      '1 of 140 revalidations took longer than 600000 ms, the slowest 655000 ms',
    ],
    [
      'a conflict that is left queued',
      (e) => Object.assign(conflicting(e), { state: 'queued', position: 12 }),
      '1 changesets that do not merge are queued, first changeset 12',
    ],
    [
      'a conflict that keeps its place',
      (e) => (conflicting(e).position = 12),
      '1 changesets are left half-way, first changeset 12',
    ],
    [
      'one that merges and is conflicted',
      (e) => (free(e).state = 'conflicted'),
      '1 changesets that merge are conflicted, first changeset 30',
    ],
    [
      'one in between',
      (e) => (free(e).state = 'approved'),
      '1 changesets are left half-way, first changeset 30 (00000000000000000000001e) is approved',
    ],
    [
      'one that was not released and says so',
      (e) => (free(e).state = 'released'),
      '1 changesets are left half-way, first changeset 30',
    ],
    [
      'a released one that is still queued',
      (e) => (e.changesets[3]!.state = 'queued'),
      '1 released changesets are not released, first changeset 4',
    ],
    ['a lost place', (e) => (free(e).position = 200), '1 changesets have lost their place, first changeset 31'],
    ['a release that is not published', (e) => (e.release.state = 'validated'), 'r2026.11.25.1 is validated'],
    ['no tag', (e) => (e.git!.tag = null), 'there is no tag r2026.11.25.1'],
    [
      'a tag elsewhere',
      (e) => (e.git!.tag = 'b'.repeat(40)),
      'tag r2026.11.25.1 is bbbbbbbbbbbb, main is aaaaaaaaaaaa',
    ],
    ['a branch elsewhere', (e) => (e.release.published_sha = 'b'.repeat(40)), 'published was bbbbbbbbbbbb'],
    [
      'a released commit that is missing',
      (e) => e.git!.contained.shift(),
      'main does not contain the commit of changeset 1',
    ],
    [
      'released content that is missing',
      (e) => (e.git!.files[0]!.sha256 = null),
      'main has not the content of changeset 1',
    ],
    ['content that was not released', (e) => (e.git!.files[29]!.sha256 = hex(30, 64)), 'main contains changeset 30'],
  ])('%s is a failure, for that reason', (_, change, reason) => {
    const verdict = judge(change)
    expect(verdict.outcome).toBe('fail')
    expect(verdict.because).toContain(reason)
    expect(verdict.remedy).toBeTruthy()
  })
})

describe('what is not the target’s', () => {
  test.each<[string, (e: QueueEvidence) => void, string]>([
    ['a shorter queue than planned', (e) => e.changesets.pop(), 'the queue was not made as planned: 149 changesets'],
    [
      'git merges what was meant not to merge',
      (e) => (conflicting(e).merges = true),
      'git merges otherwise than the seed meant: 1, first changeset 12',
    ],
    [
      'the jobs cannot be read',
      (e) => (e.jobs.problem = 'HTTP 503'),
      'the jobs could not be read in the end: HTTP 503',
    ],
    [
      'a changeset cannot be read',
      (e) => Object.assign(free(e), { state: null, problem: 'HTTP 500' }),
      '1 changesets could not be read afterwards, first changeset 30 (00000000000000000000001e): HTTP 500',
    ],
    [
      'its suite says no',
      (e) => Object.assign(free(e), { state: 'needs_revalidation', position: null }),
      'the suite said no to 1 changesets that merge',
    ],
    ['positions are not told', (e) => (free(e).position = null), 'does not tell where in the queue'],
    [
      'other programs had the processors',
      (e) => {
        Object.assign(job(e), { finished_at_ms: BEGAN + 660_000, over_at_ms: BEGAN + 660_200 })
        e.load.other_cpu_share_max = 0.6
      },
      'other programs took up to 60 %',
    ],
  ])('%s: not verified', (_, change, reason) => {
    const verdict = judge(change)
    expect(verdict.outcome).toBe('not-verified')
    expect(verdict.because).toContain(reason)
  })
})

describe('the listings meanwhile', () => {
  const listings = (change?: (e: QueueEvidence) => void) => judge(change, listedMeanwhile)

  test('answered: pass, beside the verdict', () => {
    expect(listings()).toMatchObject({ outcome: 'pass', verifiedBy: ['http'] })
    expect(listings().because).toContain('all 100 listings were answered, 79 of them while 140 changesets')
    expect(listedMeanwhile.requirement.level).toBe('SHOULD')
  })

  test.each<[string, (e: QueueEvidence) => void, string]>([
    [
      'a 500',
      (e) => Object.assign(e.listings[40]!, { status: 500, rows: null }),
      '1 of 100 listings failed: HTTP 500 × 1',
    ],
    [
      'a time-out',
      (e) => Object.assign(e.listings[40]!, { status: 0, rows: null }),
      '1 of 100 listings failed: no answer',
    ],
    [
      'a 200 without a list',
      (e) => (e.listings[40]!.rows = null),
      '1 answers with 2xx held no list, first 7.0 s after',
    ],
  ])('%s is a failure', (_, change, reason) => {
    expect(listings(change).outcome).toBe('fail')
    expect(listings(change).because).toContain(reason)
    expect(judge(change).outcome).toBe('pass')
  })

  test.each<[string, (e: QueueEvidence) => void, string]>([
    ['k6 crashed', (e) => (e.load.generator.exit_code = 107), 'k6 ended with exit code 107'],
    [
      'none began during the drain',
      (e) => {
        for (const one of e.listings) one.started_ms += 100_000
      },
      'no listing began while anything was revalidated',
    ],
    ['a rate limit', (e) => (e.load.throttled = 2), '2 answers were 429'],
  ])('%s: not verified', (_, change, reason) => {
    expect(listings(change).outcome).toBe('not-verified')
    expect(listings(change).because).toContain(reason)
  })
})

/** 40 queued. */
function smaller(e: QueueEvidence): void {
  e.planned = { queued: 40, released: 10, conflicting: 6 }
  e.changesets.splice(40)
  e.git!.files.splice(40)
  const ids = new Set(e.changesets.map(({ id }) => id))
  e.jobs.jobs = e.jobs.jobs.filter(({ entity_id }) => ids.has(entity_id))
}
