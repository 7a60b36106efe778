// The specified volume (data-and-runtime §6.7) on a stack of our own: rows straight into the database, repositories by
// `git fast-import`. Deterministic by the run's seed number, idempotent, verified after writing.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Db } from 'mongodb'
import { HarnessError } from '../../harness/errors.ts'
import { mapInParallel } from '../../harness/parallel.ts'
import type { Run } from '../../harness/run.ts'
import type { App, Session } from '../../harness/target/conman.ts'
import { withDatabase } from '../database.ts'
import { branchTips, runGit } from '../git.ts'
import { person } from '../people.ts'
import { idFrom } from './numbers.ts'
import {
  type PlannedApp,
  type PlannedChangeset,
  type PlannedWorkspace,
  planVolume,
  type Role,
  type VolumePlan,
} from './plan.ts'
import { pathsOf, repositoryImport } from './repository.ts'
import { type ImportedRepository, RowMaker, tagsOf } from './rows.ts'
import { LARGE_APP, LARGE_REPOSITORY, LISTING_APP } from './shape.ts'
import { isSeeded, problemsInDatabase, problemsInRepository } from './verify.ts'
import { writeMissing } from './writing.ts'

export interface Member extends Session {
  number: number
  role: Role
}

export interface SeededWorkspace extends PlannedWorkspace {
  id: string
  base: string
  head: string
}

export interface SeededChangeset extends PlannedChangeset {
  id: string
  base: string
  head: string
}

export interface VolumeApp {
  app: App
  members: Member[]
  workspaces: SeededWorkspace[]
  changesets: SeededChangeset[]
}

export interface SeededVolume {
  /** All apps of the volume, by number less one. */
  apps: VolumeApp[]
  /** With 500 queued changesets beside its mixed ones. */
  listing: VolumeApp
  /** With the repository of 10,000 files. */
  large: VolumeApp
  /** Of the large repository's `main`. */
  files: number
  /** Rows that this call wrote; 0: everything was there. */
  added: number
}

/** Git processes at once, and connections that fetch: two cores are busy with two. */
const WIDTH = 2

/** One seeding a target: checks that share the volume share the work. */
const seeded = new WeakMap<object, Promise<SeededVolume>>()

export function seedVolume(run: Run): Promise<SeededVolume> {
  const done = seeded.get(run.target) ?? seed(run)
  seeded.set(run.target, done)
  return done
}

async function seed(run: Run): Promise<SeededVolume> {
  const { fixtures, gitStorage, mongo } = run.target
  if (fixtures === undefined || gitStorage === undefined || mongo === undefined) {
    throw new HarnessError(
      'the whole volume can only be seeded where the database and the repositories are ours to write',
      'use a stack of our own; over HTTP there is a smaller one (seed/README.md)',
    )
  }
  const started = performance.now()
  const plan = planVolume(`${run.prefix}-volume`)
  const volume = await withDatabase(run, (db) => write(run, db, plan, gitStorage))
  const changesets = plan.apps.reduce((sum, app) => sum + app.changesets.length, 0)
  run.progress.say(
    `${volume.added === 0 ? 'found' : 'seeded'} the volume in ${((performance.now() - started) / 1_000).toFixed(1)} s, verified: ${plan.apps.length} apps, ${plan.people.length} people, ${changesets} changesets, a repository of ${volume.files} files`,
  )
  return volume
}

async function write(run: Run, db: Db, plan: VolumePlan, gitStorage: string): Promise<SeededVolume> {
  const { admin } = run.target
  const account = await db.collection('users').findOne({ email: admin.email.toLowerCase() })
  if (account === null)
    throw new HarnessError(`there is no account ${admin.email}`, 'bootstrap the administrator first')
  const someone = (number: number) => {
    const { email, name } = person(plan.prefix, number, admin.password)
    return { email, name }
  }
  const maker = new RowMaker(plan, await momentOf(db, plan))
  // One hash for all: they come in by token.
  let added = await writeMissing(run, db, maker.people(someone, account.password_hash as string))

  let ready = 0
  const repositories = await mapInParallel(plan.apps, WIDTH, async (app) => {
    run.signal.throwIfAborted()
    const repository = await importRepository(run, maker, app, join(gitStorage, repoPathOf(app)), someone)
    demandNone(await problemsInRepository(run.tool('git').path, gitStorage, repoPathOf(app), app))
    run.progress.update(`seeding repositories: ${++ready} of ${plan.apps.length}`)
    return repository
  })
  const apps: VolumeApp[] = []
  for (const [index, app] of plan.apps.entries()) {
    const work = maker.work(app, repositories[index]!)
    added += await writeMissing(run, db, work)
    added += await writeMissing(run, db, maker.app(app, repoPathOf(app), account._id))
    apps.push(await seededApp(run, maker, plan, app, repositories[index]!))
  }
  demandNone(await problemsInDatabase(db, plan, (...words) => maker.idOf(...words)))
  return {
    apps,
    listing: apps[LISTING_APP - 1]!,
    large: apps[LARGE_APP - 1]!,
    files: pathsOf(LARGE_REPOSITORY).length,
    added,
  }
}

/** When the seeding was, by the first person's row: a second call dates what is missing by the first one's clock. */
async function momentOf(db: Db, plan: VolumePlan): Promise<number> {
  const [first] = plan.people
  const row = await db.collection('users').findOne({ _id: idFrom(plan.prefix, 'user', first!.number) })
  return row === null ? Date.now() : (row.created_at as Date).getTime() + first!.age_ms
}

function repoPathOf(app: PlannedApp): string {
  return `${app.name}.git`
}

async function importRepository(
  run: Run,
  maker: RowMaker,
  app: PlannedApp,
  directory: string,
  someone: (number: number) => { email: string; name: string },
): Promise<ImportedRepository> {
  const git = run.tool('git').path
  if (!existsSync(directory)) await runGit(git, ['init', '--quiet', '--bare', '--initial-branch=main', directory])
  if (!(await isSeeded(git, directory))) {
    const tags = new Map<number, string[]>()
    const names = tagsOf(app, (age_ms) => maker.at(age_ms))
    for (const { number, commit } of app.releases) tags.set(commit, [...(tags.get(commit) ?? []), names.get(number)!])
    const commands = repositoryImport(app, app.members.map(someone), tags, maker.at(0).getTime())
    await runGit(git, ['--git-dir', directory, 'fast-import', '--quiet', '--force', '--done'], commands)
  }
  const commits = await runGit(git, [
    '--git-dir',
    directory,
    'rev-list',
    '--first-parent',
    '--reverse',
    'refs/heads/main',
  ])
  return { commits: commits.trim().split('\n'), branches: await branchTips(git, directory) }
}

async function seededApp(
  run: Run,
  maker: RowMaker,
  plan: VolumePlan,
  app: PlannedApp,
  { commits, branches }: ImportedRepository,
): Promise<VolumeApp> {
  const shown: App = {
    id: maker.idOf('app', app.number).toHexString(),
    name: app.name,
    repoPath: repoPathOf(app),
    integrationBranch: 'main',
  }
  const people = app.members.map((number) => ({
    ...person(plan.prefix, number, run.target.admin.password),
    role: plan.people[number - 1]!.role,
  }))
  const sessions = await run.target.fixtures!.members(shown, people)
  const workspaces = app.workspaces.map((workspace) => ({
    ...workspace,
    id: maker.idOf('workspace', app.number, workspace.number).toHexString(),
    base: commits[workspace.from]!,
    head: branches.get(workspace.branch)!,
  }))
  return {
    app: shown,
    members: sessions.map((session, index) => ({
      ...session,
      number: app.members[index]!,
      role: people[index]!.role,
    })),
    workspaces,
    changesets: app.changesets.map((changeset) => ({
      ...changeset,
      id: maker.idOf('changeset', app.number, changeset.number).toHexString(),
      base: commits[changeset.released ?? workspaces[changeset.workspace - 1]!.from]!,
      head: changeset.released === null ? workspaces[changeset.workspace - 1]!.head : commits[changeset.released + 1]!,
    })),
  }
}

function demandNone(problems: readonly string[]): void {
  if (problems.length === 0) return
  throw new HarnessError(
    `the seed does not hold after writing: ${problems.slice(0, 5).join('; ')}${problems.length > 5 ? `; and ${problems.length - 5} more` : ''}`,
    'look at the target’s log; on a target that was seeded before, try another --seed',
  )
}
