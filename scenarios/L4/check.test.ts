// L4's verdicts on evidence: every way to fail is seen failing, for its own reason, and what the harness or the time did is never
// a failure of the target.

import { describe, expect, test } from 'vitest'
import type { Limits } from '../../harness/check.ts'
import { demandSchema } from '../../harness/evidence/store.ts'
import { sha256 } from '../../harness/target/conman.ts'
import { plannedChanges, SHARED_IN, sharedContent, sharedPath } from './change.ts'
import { rapidReleases, releasesAudited } from './check.ts'
import { type ReleasesEvidence, ReleasesEvidenceSchema } from './evidence.ts'
import { L4_LIMITS } from './limits.ts'

const limits = Object.fromEntries(L4_LIMITS.map((limit) => [limit.name, limit])) as Limits
const plan = { key: 'test-l4', releases: 5, changesets_each: 5 }
const id = (kind: string, number: number) => `${kind}${String(number).padStart(23, '0')}`
const commitOf = (number: number) => String(number).padStart(40, 'c')

/** Releases a minute apart, published in the order of `landed`; each commit of the line brings one changeset. */
function good(landed = [1, 2, 3, 4, 5]): ReleasesEvidence {
  const changes = plannedChanges(plan)
  const shared = sharedPath(plan)
  const paths = [shared, ...changes.filter(({ path }) => path !== shared).map(({ path }) => path)]
  const inOrder = landed.flatMap((release) => changes.filter((change) => change.release === release))
  const sharedAfter = (releases: readonly number[]) =>
    sha256(
      sharedContent(
        plan,
        SHARED_IN.filter((release) => releases.includes(release)),
      ),
    )
  const holds = (releases: readonly number[]) =>
    paths.map((path) => {
      const change = changes.find((one) => one.path === path && releases.includes(one.release))
      return { path, sha256: path === shared ? sharedAfter(releases) : change ? sha256(change.content) : null }
    })
  const isOut = (release: number) => landed.includes(release)
  const revalidations = changes.flatMap((change) =>
    landed.slice(0, isOut(change.release) ? landed.indexOf(change.release) : undefined).map((after) => ({
      type: 'revalidate_queued_changeset',
      state: 'succeeded',
      entity_id: id('a', change.number),
      release_id: id('b', after),
      result: 'revalidated',
    })),
  )
  const job = (type: string, entity_id: string) => ({
    type,
    state: 'succeeded',
    entity_id,
    release_id: null,
    result: null,
  })
  const rows = [
    ...changes.map(({ number }) => job('msuite_submit', id('a', number))),
    ...landed.map((number) => job('release_assemble', id('b', number))),
    ...revalidations,
  ]
  return {
    schema: 'readiness-releases/1',
    releases_planned: 5,
    changesets_each: 5,
    interval_s: 60,
    integration_branch: 'main',
    folder: 'config/test-l4',
    releases: [1, 2, 3, 4, 5].map((number) => {
      const from_ms = landed.indexOf(number) * 60_000 + 900
      return {
        number,
        due_ms: (number - 1) * 60_000,
        began_ms: (number - 1) * 60_000 + 3,
        publishing: isOut(number) ? { from_ms, to_ms: from_ms + 400 } : null,
        steps: [{ what: 'publish', from_ms, to_ms: from_ms + 400, refused: null, status: null }],
        id: id('b', number),
        seen: {
          state: isOut(number) ? 'published' : 'validated',
          tag: `r2026.11.22.${number}`,
          published_sha: isOut(number) ? commitOf(inOrder.findLastIndex(({ release }) => release === number)) : null,
          changeset_ids: changes.filter(({ release }) => release === number).map((change) => id('a', change.number)),
        },
      }
    }),
    changesets: changes.map(({ number, release, path, content }) => ({
      number,
      id: id('a', number),
      release,
      path,
      sha256: sha256(content),
      state: isOut(release) ? 'released' : 'queued',
      released_in: isOut(release) ? [id('b', release)] : [],
    })),
    shared: {
      path: shared,
      versions: [[], [2], [4], [2, 4]].map((releases) => ({ releases, sha256: sharedAfter(releases) })),
    },
    jobs: {
      waited_ms: 1_200,
      still_ms: null,
      gave_up: false,
      rows: rows.map((row, index) => ({ id: id('d', index), ...row })),
      changeset_ids: changes.map(({ number }) => id('a', number)),
      release_ids: landed.map((number) => id('b', number)),
    },
    read_by_api: holds(landed).map((file) => ({ ...file, status: 200 })),
    git: {
      base: commitOf(99),
      head: commitOf(24),
      tags: landed.map((number, index) => ({
        tag: `r2026.11.22.${number}`,
        commit: commitOf(inOrder.findLastIndex(({ release }) => release === number)),
        changed: inOrder.filter(({ release }) => landed.slice(0, index + 1).includes(release)).map(({ path }) => path),
        files: holds(landed.slice(0, index + 1)),
      })),
      line: inOrder.map(({ path }, index) => ({ commit: commitOf(index), paths: [path] })),
      fsck: { exit_code: 0, output: '' },
    },
    audit: {
      source: 'mongo',
      waited_ms: 20,
      rows: landed.flatMap((number) =>
        ['created', 'published'].map((action) => ({ action, release_id: id('b', number) })),
      ),
    },
  }
}

type Change = (evidence: ReleasesEvidence) => void

function judged(change: Change = () => {}, evidence = good()) {
  change(evidence)
  demandSchema(ReleasesEvidenceSchema, evidence, 'the test’s evidence')
  return rapidReleases.evaluate(evidence, limits)
}

describe('passes', () => {
  test('five releases, each with exactly its own, and says through what that was seen', () => {
    expect(judged()).toMatchObject({ outcome: 'pass', n: 5, verifiedBy: ['http', 'git-storage'] })
    expect(judged().because).toContain('60 s apart; each brought exactly its own, read by git itself at each tag')
    expect(judged().because).toContain('50 revalidations')
  })

  test('with shortened waits, which it says', () => {
    expect(judged((e) => (e.interval_s = 4)).because).toContain(
      '4 s apart instead of 60 s, which this profile shortens',
    )
  })

  test('in whichever order they landed, when one overtook another', () => {
    expect(judged(() => {}, good([1, 4, 3, 2, 5])).outcome).toBe('pass')
  })

  test('where two were published at the same time: the branch tells which came first', () => {
    const atOnce: Change = ({ releases }) => Object.assign(releases[1]!.publishing!, { from_ms: 900, to_ms: 1_500 })
    expect(judged(atOnce).outcome).toBe('pass')
  })

  test('without the repositories, by the API alone, and says what was not looked at', () => {
    const verdict = judged((e) => (e.git = null))
    expect(verdict).toMatchObject({ outcome: 'pass', verifiedBy: ['http'] })
    expect(verdict.because).toContain('their tags were not looked at')
  })

  test('beside changesets of others in the same queue, which may conflict', () => {
    const stranger: Change = ({ jobs }) => {
      const job = {
        type: 'revalidate_queued_changeset',
        state: 'succeeded',
        entity_id: id('a', 77),
        release_id: id('b', 1),
      }
      jobs.rows.push({ id: id('d', 700), ...job, result: 'conflicted' })
      jobs.changeset_ids.push(id('a', 77))
    }
    expect(judged(stranger).outcome).toBe('pass')
  })

  test('a release that asks for its own changesets again is not a doubled revalidation', () => {
    const again: Change = ({ jobs }) => {
      const own = {
        type: 'revalidate_queued_changeset',
        state: 'succeeded',
        entity_id: id('a', 6),
        release_id: id('b', 2),
      }
      for (const number of [800, 801]) jobs.rows.push({ id: id('d', number), ...own, result: 'skipped' })
    }
    expect(judged(again).outcome).toBe('pass')
  })
})

const git = (evidence: ReleasesEvidence) => evidence.git!

describe('the target’s failures', () => {
  test.each<[string, Change, string]>([
    [
      'a release that is not published',
      ({ releases }) => {
        releases[2]!.seen!.state = 'draft_release'
        releases[2]!.steps.push({
          what: 'publish',
          from_ms: 1,
          to_ms: 2,
          refused: 'HTTP 409 conflict: moved',
          status: 409,
        })
      },
      '1 releases are not published, first release 3 (r2026.11.22.3), which is draft_release (publish: HTTP 409 conflict: moved)',
    ],
    [
      'a release that no list has',
      ({ releases }) => (releases[0]!.seen = null),
      'first release 1, which is not in the list',
    ],
    [
      'two releases with one tag',
      ({ releases }) => (releases[1]!.seen!.tag = releases[0]!.seen!.tag),
      '1 releases share a tag',
    ],
    ['a tag that is missing', (e) => (git(e).tags[1]!.commit = null), 'release 2 (r2026.11.22.2): git has no such tag'],
    [
      'a tag that moved',
      (e) => (git(e).tags[1]!.commit = commitOf(20)),
      `1 tags are missing or name another commit, first release 2 (r2026.11.22.2): the tag names ${commitOf(20).slice(0, 12)}`,
    ],
    [
      'content that lacks a changeset',
      (e) => (git(e).tags[4]!.files[7]!.sha256 = null),
      '1 files lack what was released, at each tag',
    ],
    [
      'content that is another’s',
      (e) => (git(e).tags[0]!.files[1]!.sha256 = sha256('other')),
      'release 1 (r2026.11.22.1): config/test-l4/change-001.yaml holds something else',
    ],
    [
      'one of the two changes of one file that undid the other',
      (e) => (git(e).tags[3]!.files[0]!.sha256 = sha256(sharedContent(plan, [4]))),
      'release 4 (r2026.11.22.4): config/test-l4/shared.txt holds something else',
    ],
    [
      'content of a release that was not out',
      (e) => (git(e).tags[0]!.files[20] = { ...git(e).tags[4]!.files[20]! }),
      'whose release was not out',
    ],
    [
      'a file that nobody changed',
      (e) => git(e).tags[2]!.changed.push('README.md'),
      'README.md, which no changeset touches',
    ],
    [
      'a changeset that came twice',
      (e) => git(e).line.push({ commit: commitOf(30), paths: [e.changesets[3]!.path] }),
      'changeset 4: 2 commits of the branch bring',
    ],
    [
      'changesets in another order than the release has them',
      (e) => {
        const [one, other] = [git(e).line[1]!, git(e).line[2]!]
        ;[one.paths, other.paths] = [other.paths, one.paths]
      },
      'changeset 2 of release 1 (r2026.11.22.1) comes after changeset 3 of release 1',
    ],
    [
      'releases on the branch in another order than they were published',
      (e) => {
        const [one, other] = [git(e).line[0]!, git(e).line[12]!]
        ;[one.paths, other.paths] = [other.paths, one.paths]
      },
      'pairs of changesets stand in the wrong order',
    ],
    ['a broken repository', (e) => (git(e).fsck = { exit_code: 2, output: 'missing blob' }), 'missing blob'],
    [
      'another content through the API',
      ({ read_by_api }) => (read_by_api![3]!.sha256 = sha256('other')),
      'files lack what was released, through the API, after the last release',
    ],
    [
      'a changeset that stays queued',
      ({ changesets }) => (changesets[24]!.state = 'queued'),
      '1 changesets of published releases are not released, first changeset 25 of release 5 is queued',
    ],
    [
      'a changeset in two releases',
      ({ changesets }) => changesets[0]!.released_in.push(id('b', 2)),
      'changeset 1 of release 1 is in 2 releases',
    ],
    [
      'a changeset in another release',
      ({ changesets }) => (changesets[0]!.released_in = [id('b', 2)]),
      'changesets are not in exactly their own release',
    ],
    [
      'a job that stays queued',
      ({ jobs }) => {
        jobs.rows[40]!.state = 'queued'
        jobs.still_ms = 300_000
      },
      '1 jobs never ended, first revalidate_queued_changeset',
    ],
    [
      'a job of something that is not there',
      ({ jobs }) => (jobs.rows[40]!.entity_id = id('f', 1)),
      '1 jobs are about nothing',
    ],
    ['a revalidation that failed', ({ jobs }) => (jobs.rows[40]!.state = 'failed'), '1 revalidations did not succeed'],
    [
      'a revalidation that finds a conflict where there is none',
      ({ jobs }) => (jobs.rows[40]!.result = 'conflicted'),
      ': conflicted',
    ],
    [
      'a revalidation that is doubled',
      ({ jobs }) => jobs.rows.push({ ...jobs.rows.at(-1)!, id: id('d', 900) }),
      `1 revalidations are doubled, first changeset 25 after release ${id('b', 4)}: 2 jobs`,
    ],
    [
      'a changeset that was not revalidated',
      ({ jobs }) => (jobs.rows = jobs.rows.filter((row) => row.release_id === null || row.entity_id !== id('a', 25))),
      'changesets were not revalidated though a release before theirs was published, first changeset 25',
    ],
    [
      'no revalidation at all',
      ({ jobs }) => (jobs.rows = jobs.rows.filter(({ type }) => type !== 'revalidate_queued_changeset')),
      '20 changesets were not revalidated',
    ],
  ])('%s is a failure, for that reason', (_, change, reason) => {
    const verdict = judged(change)
    expect(verdict.outcome).toBe('fail')
    expect(verdict.because).toContain(reason)
    expect(verdict.remedy).toBeTruthy()
  })
})

describe('what is not the target’s', () => {
  test.each<[string, Change, string]>([
    ['a release begun late', (e) => (e.releases[3]!.began_ms += 4_000), 'a release was begun 4.0 s after it was due'],
    [
      'a published commit that is not told',
      ({ releases }) => (releases[4]!.seen!.published_sha = null),
      'the target does not say which commit was published',
    ],
    [
      'jobs that still moved when the time was over',
      ({ jobs }) => {
        jobs.rows[40]!.state = 'running'
        Object.assign(jobs, { still_ms: 400, gave_up: true })
      },
      'the time to wait was over',
    ],
    [
      'payloads that are not shown',
      ({ jobs }) => {
        for (const row of jobs.rows) row.release_id = null
      },
      'no revalidation tells which release it follows',
    ],
    [
      'a file that could not be read',
      ({ read_by_api }) => Object.assign(read_by_api![3]!, { status: 502, sha256: null }),
      '1 could not be told, through the API, after the last release, first config/test-l4/change-003.yaml: HTTP 502',
    ],
    [
      'neither the repositories nor a workspace to read in',
      (e) => Object.assign(e, { git: null, read_by_api: null }),
      'no workspace could be made to read it',
    ],
    [
      'published at the same time, with the order on the branch not known',
      (e) => {
        Object.assign(e.releases[1]!.publishing!, { from_ms: 900, to_ms: 1_500 })
        e.releases[1]!.seen!.published_sha = null
      },
      'which was published at the same time as another',
    ],
  ])('%s: not verified', (_, change, reason) => {
    const verdict = judged(change)
    expect(verdict.outcome).toBe('not-verified')
    expect(verdict.because).toContain(reason)
  })
})

test('fewer or smaller releases than specified: not verified', () => {
  const more = (name: string) => ({ ...limits, [name]: { ...limits[name]!, value: 6 } })
  for (const [name, because] of [
    ['releases_min', '5 releases instead of 6'],
    ['changesets_each_min', '5 changesets instead of 6'],
  ] as const) {
    expect(rapidReleases.evaluate(good(), more(name))).toMatchObject({
      outcome: 'not-verified',
      because: expect.stringContaining(because),
    })
  }
})

test('a release that only a rate limit kept from being published: not verified', () => {
  const throttled = (status: number) =>
    judged(
      ({ releases }) =>
        releases[4]!.steps.push({ what: 'publish', from_ms: 1, to_ms: 2, refused: `HTTP ${status}`, status }),
      good([1, 2, 3, 4]),
    )
  expect(throttled(429)).toMatchObject({
    outcome: 'not-verified',
    because: expect.stringContaining('rate limit kept 1 releases from being published'),
  })
  expect(throttled(500)).toMatchObject({ outcome: 'fail', because: expect.stringContaining('(publish: HTTP 500)') })
})

describe('the audit log', () => {
  const audited = (change: Change = () => {}) => {
    const evidence = good()
    change(evidence)
    return releasesAudited.evaluate(evidence, {})
  }

  test('has one row for each creation and publication: pass, beside L4', () => {
    expect(audited()).toMatchObject({ outcome: 'pass', verifiedBy: ['mongo'] })
    expect(releasesAudited.requirement.level).toBe('SHOULD')
  })

  test.each<[string, Change, string]>([
    ['lacks one', ({ audit }) => audit!.rows.pop(), '1 releases do not have one audit row ‘published’'],
    ['has one twice', ({ audit }) => audit!.rows.push(audit!.rows[0]!), 'first r2026.11.22.1 with 2'],
  ])('%s: fail', (_, change, reason) => {
    expect(audited(change)).toMatchObject({ outcome: 'fail', because: expect.stringContaining(reason) })
  })

  test('cannot be read, or nothing was published: not verified', () => {
    expect(audited((e) => (e.audit = null)).outcome).toBe('not-verified')
    const none: Change = (e) => {
      for (const { seen } of e.releases) seen!.state = 'validated'
    }
    expect(audited(none).outcome).toBe('not-verified')
  })
})
