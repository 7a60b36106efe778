// Publishes releases on a schedule while what is still queued is looked at again, and then asks everybody who knows what came
// of it: the API, git itself, and the audit log. Touches the world, judges nothing.

import { setTimeout as delay } from 'node:timers/promises'
import type { Gatherer } from '../../harness/check.ts'
import { GitRepository } from '../../harness/git.ts'
import { mapInParallel } from '../../harness/parallel.ts'
import { PROFILES } from '../../harness/profiles.ts'
import type { Run } from '../../harness/run.ts'
import { besideWork } from '../../harness/server-side/watch.ts'
import { readAuditTrail } from '../../harness/target/audit-trail.ts'
import { listChangesets } from '../../harness/target/conman/changesets.ts'
import { hasEnded, type Job, listJobs } from '../../harness/target/conman/jobs.ts'
import { listReleases } from '../../harness/target/conman/releases.ts'
import { createWorkspace, readFile } from '../../harness/target/conman/workspaces.ts'
import { ConmanError, type Session, sha256 } from '../../harness/target/conman.ts'
import { type OwnedApp, publishRelease, queueChange, seedMembers, seedOwnApp } from '../../seed/releasing.ts'
import {
  folderOf,
  type Plan,
  type PlannedChange,
  plannedChanges,
  SHARED_IN,
  sharedContent,
  sharedPath,
} from './change.ts'
import { type ReleasesEvidence, ReleasesEvidenceSchema } from './evidence.ts'
import { isOut } from './ledger.ts'
import { release } from './releasing.ts'

/** Numbers of people in the run: far from those of other scenarios, which may share an app. */
const FIRST_AUTHOR = 401
const MANAGER = 499

/** Lists may be read from a secondary, which can be a moment behind (DC2). */
const SEEN_WITHIN_MS = 15_000

/** Audit rows are written with w:1 beside the answer (DC5); this long they may take to be readable. */
const AUDIT_WAIT_MS = 5_000

/** Twice what 140 revalidations may take (L3), for a target that has more to do than these. */
const JOBS_WITHIN_MS = 1_200_000
const JOBS_LOOK_MS = 1_000

/** Far above what five releases make. */
const LINE_MAX = 1_000

const READERS = 4

export const releasesGatherer: Gatherer<ReleasesEvidence> = {
  id: 'L4',
  title: 'releases in quick succession, of changes that wait in one queue',
  schema: ReleasesEvidenceSchema,
  needs: ['http', 'repositories'],
  effect: 'writes',
  leaves: 'an app with six members, their workspaces, and six published releases',
  expected_s: ({ L4 }) => 30 + L4.releases * L4.interval_s,
  gather,
}

interface Fixture {
  owned: OwnedApp
  plan: Plan
  manager: string
  changes: (PlannedChange & { id: string })[]
  /** Jobs of an app that an earlier run made: what became of them is none of this one's. */
  earlier: ReadonlySet<string>
}

async function gather(run: Run): Promise<ReleasesEvidence> {
  const { releases, changesets_each, interval_s } = run.profile.L4
  const fixture = await prepare(run, { key: `${run.prefix}-l4`, releases, changesets_each })
  const repository = repositoryOf(run, fixture)
  const branch = `refs/heads/${fixture.owned.app.integrationBranch}`
  const base = (await repository?.branches())?.get(fixture.owned.app.integrationBranch)
  run.progress.say(`L4: ${releases} releases of ${changesets_each} changesets, one every ${interval_s} s`)
  const { rows, jobs } = await besideWork(run, 'L4', async () => ({
    rows: await onSchedule(run, fixture),
    jobs: await untilStill(run, fixture),
  }))
  const listed = await seen(run, fixture)
  return {
    schema: 'readiness-releases/1',
    releases_planned: releases,
    changesets_each,
    interval_s,
    integration_branch: fixture.owned.app.integrationBranch,
    folder: folderOf(fixture.plan),
    releases: rows.map((row) => {
      const found = listed.releases.find(({ id }) => id === row.id)
      return {
        ...row,
        seen: found
          ? {
              state: found.state,
              tag: found.tag,
              published_sha: found.publishedSha,
              changeset_ids: found.changesetIds,
            }
          : null,
      }
    }),
    changesets: fixture.changes.map(({ number, id, release, path, content }) => ({
      number,
      id,
      release,
      path,
      sha256: sha256(content),
      state: listed.changesets.find((one) => one.id === id)?.state ?? null,
      released_in: listed.releases.filter((one) => isOut(one) && one.changesetIds.includes(id)).map((one) => one.id),
    })),
    shared: { path: sharedPath(fixture.plan), versions: sharedVersions(fixture.plan) },
    jobs: {
      ...jobs,
      changeset_ids: listed.changesets.map(({ id }) => id),
      release_ids: listed.releases.map(({ id }) => id),
    },
    read_by_api: await readByApi(run, fixture),
    git:
      repository === undefined || base === undefined
        ? null
        : await readByGit(repository, { base, branch, fixture, tags: listed.releases.filter(isOut) }),
    audit: await readAudit(run, fixture, rows),
  }
}

/** After none, one, the other and both of them. */
function sharedVersions(plan: Plan): ReleasesEvidence['shared']['versions'] {
  const [one, other] = SHARED_IN
  return [[], [one], [other], [one, other]].map((releases) => ({
    releases,
    sha256: sha256(sharedContent(plan, releases)),
  }))
}

/** The shared file is released; everything that is to be released is queued. */
async function prepare(run: Run, plan: Plan): Promise<Fixture> {
  const started = performance.now()
  const { conman } = run.target
  const owned = await seedOwnApp(run, 'releases')
  const { app, adminToken } = owned
  const authorNumbers = Array.from({ length: plan.changesets_each }, (_, index) => FIRST_AUTHOR + index)
  const authors = await seedMembers(run, owned, 'user', authorNumbers)
  const [manager] = (await seedMembers(run, owned, 'config_manager', [MANAGER])) as [Session]
  const earlier = new Set((await conman.all(adminToken, listJobs(app.id))).map(({ id }) => id))
  const hands = (author: Session) => ({ author: author.token, reviewer: adminToken, manager: manager.token })
  const workspaceOf = async (author: Session, name: string) =>
    (await conman.do(author.token, createWorkspace(app.id, `${plan.key}/${name}`))).id

  const first = await queueChange(run, app, hands(authors[0]!), {
    workspaceId: await workspaceOf(authors[0]!, 'shared'),
    title: `${plan.key} shared`,
    path: sharedPath(plan),
    content: sharedContent(plan),
  })
  await publishRelease(run, app, manager.token, [first.changeset.id])

  const planned = plannedChanges(plan)
  let queued = 0
  const changes = await mapInParallel(planned, authors.length, async (change) => {
    const author = authors[change.number % authors.length]!
    const { changeset } = await queueChange(run, app, hands(author), {
      workspaceId: await workspaceOf(author, `change-${change.number}`),
      title: `${plan.key} ${change.number}`,
      path: change.path,
      content: change.content,
    })
    run.progress.update(`queueing changes: ${++queued} of ${planned.length}`)
    return { ...change, id: changeset.id }
  })
  const seconds = ((performance.now() - started) / 1_000).toFixed(1)
  run.progress.say(`queued ${changes.length} changes, each on a workspace of its own, in ${seconds} s`)
  return { owned, plan, manager: manager.token, changes, earlier }
}

/** Each begins when it is due, whether or not the one before it is done. */
async function onSchedule(run: Run, { owned, plan, manager, changes }: Fixture) {
  const started = performance.now()
  const now = () => Math.round(performance.now() - started)
  const numbers = Array.from({ length: plan.releases }, (_, index) => index + 1)
  let done = 0
  return await Promise.all(
    numbers.map(async (number) => {
      const due_ms = (number - 1) * run.profile.L4.interval_s * 1_000
      await pause(run, due_ms)
      const row = await release(run, {
        appId: owned.app.id,
        manager,
        changesetIds: changes.filter((change) => change.release === number).map(({ id }) => id),
        number,
        releases: plan.releases,
        due_ms,
        now,
      })
      const how =
        row.publishing === null ? 'not published' : `published after ${((now() - due_ms) / 1_000).toFixed(1)} s`
      run.progress.say(`L4: release ${number} ${how}; ${++done} of ${plan.releases} done`)
      return row
    }),
  )
}

/** Waits until no job of the app is queued or running, or nothing has moved for so long that nothing will. */
async function untilStill(
  run: Run,
  { owned, manager, earlier }: Fixture,
): Promise<Omit<ReleasesEvidence['jobs'], 'changeset_ids' | 'release_ids'>> {
  // On a target that others use, their jobs, which nobody shows us, may stand before ours.
  const { still_s } = run.target.memory === undefined ? PROFILES.golive.L4 : run.profile.L4
  const still_ms_max = still_s * 1_000
  const started = performance.now()
  let moved = started
  let before = ''
  for (;;) {
    const listed = await run.target.conman.all(manager, listJobs(owned.app.id))
    const jobs = listed.filter(({ id }) => !earlier.has(id))
    const states = jobs.map(({ id, state }) => `${id} ${state}`).join('\n')
    const now = performance.now()
    if (states !== before) moved = now
    before = states
    const unfinished = jobs.filter((job) => !hasEnded(job)).length
    const gave_up = unfinished > 0 && now - started > JOBS_WITHIN_MS
    if (unfinished === 0 || now - moved > still_ms_max || gave_up) {
      return {
        waited_ms: Math.round(now - started),
        still_ms: unfinished === 0 ? null : Math.round(now - moved),
        gave_up,
        rows: jobs.map(jobRow),
      }
    }
    run.progress.update(`waiting for jobs: ${unfinished} of ${jobs.length} have not ended`)
    await pause(run, JOBS_LOOK_MS)
  }
}

function jobRow({ id, type, state, entityId, releaseId, resultStatus }: Job) {
  return { id, type, state, entity_id: entityId, release_id: releaseId, result: resultStatus }
}

/** What the lists say once everything is released, or when they have had the time to. */
async function seen(run: Run, { owned, manager, changes }: Fixture) {
  const ours = new Set(changes.map(({ id }) => id))
  const deadline = performance.now() + SEEN_WITHIN_MS
  for (;;) {
    const changesets = await run.target.conman.all(manager, listChangesets(owned.app.id))
    const releases = await run.target.conman.all(manager, listReleases(owned.app.id))
    const released = changesets.filter(({ id, state }) => ours.has(id) && state === 'released').length
    if (released === ours.size || performance.now() > deadline) return { changesets, releases }
    await pause(run, JOBS_LOOK_MS)
  }
}

/** By somebody whose workspace begins where the last release ended. */
async function readByApi(
  run: Run,
  { owned, plan, manager, changes }: Fixture,
): Promise<ReleasesEvidence['read_by_api']> {
  const { conman } = run.target
  const made = await conman.attempt(manager, createWorkspace(owned.app.id, `${plan.key}/afterwards`))
  if (made.value instanceof ConmanError) return null
  const workspaceId = made.value.id
  return await mapInParallel(pathsOf(plan, changes), READERS, async (path) => {
    const { answer, value } = await conman.attempt(manager, readFile(owned.app.id, workspaceId, path))
    return { path, status: answer.status, sha256: value instanceof ConmanError ? null : sha256(value) }
  })
}

function pathsOf(plan: Plan, changes: readonly PlannedChange[]): string[] {
  return [...new Set([sharedPath(plan), ...changes.map(({ path }) => path)])]
}

function repositoryOf(run: Run, { owned }: Fixture): GitRepository | undefined {
  const { gitStorage } = run.target
  return gitStorage === undefined ? undefined : new GitRepository(run.tool('git').path, gitStorage, owned.app.repoPath)
}

async function readByGit(
  repository: GitRepository,
  input: { base: string; branch: string; fixture: Fixture; tags: readonly { tag: string }[] },
): Promise<NonNullable<ReleasesEvidence['git']>> {
  const { base, branch, fixture } = input
  const named = await repository.tags()
  const paths = pathsOf(fixture.plan, fixture.changes)
  const at = async (commit: string) => {
    const blobs = await repository.readFiles(paths.map((path) => ({ revision: commit, path })))
    return {
      changed: (await repository.changesBetween(base, commit)).map(({ path }) => path),
      files: paths.map((path, index) => {
        const bytes = blobs[index] ?? null
        return { path, sha256: bytes === null ? null : sha256(bytes) }
      }),
    }
  }
  const line = await repository.firstParentLine(base, branch, LINE_MAX)
  return {
    base,
    head: line.at(-1) ?? base,
    tags: await mapInParallel(input.tags, READERS, async ({ tag }) => {
      const commit = named.get(tag)
      return { tag, commit: commit ?? null, ...(commit === undefined ? { changed: [], files: [] } : await at(commit)) }
    }),
    line: await mapInParallel(line, READERS, async (commit) => ({
      commit,
      paths: (await repository.changesBetween(`${commit}^1`, commit)).map(({ path }) => path),
    })),
    fsck: await repository.fsck(),
  }
}

async function readAudit(
  run: Run,
  { owned }: Fixture,
  rows: readonly { id: string | null; publishing: object | null }[],
): Promise<ReleasesEvidence['audit']> {
  const ours = new Set(rows.flatMap(({ id }) => id ?? []))
  const published = rows.flatMap(({ id, publishing }) => (publishing === null ? [] : (id ?? [])))
  const started = performance.now()
  for (;;) {
    const found = await readAuditTrail(run.target, owned.app.id, owned.adminToken, { entity_type: 'release' })
    if (found === null) return null
    const waited_ms = Math.round(performance.now() - started)
    const present = new Set(found.rows.filter(({ name }) => name === 'release/published').map(({ entity }) => entity))
    if (waited_ms > AUDIT_WAIT_MS || published.every((id) => present.has(id))) {
      return {
        source: found.source,
        waited_ms,
        rows: found.rows.flatMap(({ name, entity }) =>
          entity !== null && ours.has(entity) ? { action: name.slice('release/'.length), release_id: entity } : [],
        ),
      }
    }
    await pause(run, 100)
  }
}

async function pause(run: Run, ms: number): Promise<void> {
  await delay(ms, undefined, { signal: run.signal }).catch(() => run.signal.throwIfAborted())
}
