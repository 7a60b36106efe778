// The scale tier's volume: 10,000 changesets and 5,000 people (fewer under smoke) as rows of one app. Nobody reads their
// commits, so there are none. Deterministic by the run's seed number, idempotent, verified after writing.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { HarnessError } from '../../harness/errors.ts'
import type { Run } from '../../harness/run.ts'
import type { App } from '../../harness/target/conman.ts'
import { withDatabase } from '../database.ts'
import { runGit } from '../git.ts'
import { person } from '../people.ts'
import { idFrom, numbersFrom } from './numbers.ts'
import { type PlannedApp, type Role, textOf, type VolumePlan } from './plan.ts'
import { repositoryImport } from './repository.ts'
import { RowMaker } from './rows.ts'
import { type ChangesetState, DAY_MS, isOpen, SMALL_REPOSITORY, STATES, VOLUME } from './shape.ts'
import { isSeeded, problemsInDatabase } from './verify.ts'
import { writeMissing } from './writing.ts'

export interface SeededScale {
  app: App
  /** Who they are, for `fixtures.members`, which gives a session for each. */
  people: { email: string; name: string; role: Role }[]
  changesets: { id: string; state: ChangesetState; author: number }[]
  /** Rows that this call wrote; 0: everything was there. */
  added: number
}

const seeded = new WeakMap<object, Promise<SeededScale>>()

export function seedScale(run: Run): Promise<SeededScale> {
  const done = seeded.get(run.target) ?? seed(run)
  seeded.set(run.target, done)
  return done
}

export interface ScaleSize {
  people: number
  changesets: number
}

/** The mix of states of the volume, again and again; a workspace for each changeset. */
export function planScale(prefix: string, size: ScaleSize): VolumePlan {
  const numbers = numbersFrom(`${prefix} scale`)
  const people = Array.from({ length: size.people }, (_, index) => ({
    number: index + 1,
    role: (index % 100 === 0 ? 'config_manager' : index % 10 === 0 ? 'reviewer' : 'user') as Role,
    age_ms: VOLUME.days * DAY_MS + numbers.below(30 * DAY_MS),
  }))
  const mix = (Object.entries(STATES) as [ChangesetState, number][]).flatMap(([state, count]) =>
    new Array<ChangesetState>(count).fill(state),
  )
  const states = numbers.shuffled(Array.from({ length: size.changesets }, (_, index) => mix[index % mix.length]!))
  let queued = 0
  const changesets = states.map((state, index): PlannedApp['changesets'][number] => {
    const created_age_ms = DAY_MS + numbers.below((VOLUME.days - 1) * DAY_MS)
    const reviewed = state !== 'draft' && state !== 'submitted' && state !== 'in_review'
    return {
      number: index + 1,
      state,
      author: (index % size.people) + 1,
      workspace: index + 1,
      ...textOf(numbers),
      revision: state === 'draft' ? 0 : 1,
      reviewer: reviewed ? ((index + 10) % size.people) - (((index + 10) % size.people) % 10) + 1 : null,
      queuePosition: state === 'queued' ? ++queued : null,
      released: isOpen(state) || state === 'rejected' ? null : 0,
      created_age_ms,
      updated_age_ms: numbers.below(created_age_ms),
    }
  })
  const app: PlannedApp = {
    number: 1,
    name: `${prefix}-app`,
    repository: SMALL_REPOSITORY,
    members: people.map(({ number }) => number),
    workspaces: changesets.map(({ number, author, created_age_ms }) => ({
      number,
      owner: author,
      isDefault: false,
      branch: `change/${number}`,
      from: 0,
      files: 0,
      age_ms: created_age_ms,
    })),
    changesets,
    releases: [],
  }
  return { prefix, people, apps: [app] }
}

async function seed(run: Run): Promise<SeededScale> {
  const { fixtures, gitStorage, mongo, admin } = run.target
  if (fixtures === undefined || gitStorage === undefined || mongo === undefined) {
    throw new HarnessError('the scale volume needs a database that is ours to write', 'use a stack of our own')
  }
  const started = performance.now()
  const plan = planScale(`${run.prefix}-scale`, run.profile.scale)
  const app = plan.apps[0]!
  const repoPath = `${app.name}.git`
  const someone = (number: number) => {
    const { email, name } = person(plan.prefix, number, admin.password)
    return { email, name }
  }
  const commits = await mainOf(run, join(gitStorage, repoPath), app, someone)
  const added = await withDatabase(run, async (db) => {
    const account = await db.collection('users').findOne({ email: admin.email.toLowerCase() })
    if (account === null)
      throw new HarnessError(`there is no account ${admin.email}`, 'bootstrap the administrator first')
    const first = await db.collection('users').findOne({ _id: idFrom(plan.prefix, 'user', 1) })
    const until_ms = first === null ? Date.now() : (first.created_at as Date).getTime() + plan.people[0]!.age_ms
    const maker = new RowMaker(plan, until_ms)
    // Every branch would stand where `main` began: as rows they do, in git there are none.
    const branches = new Map(app.workspaces.map(({ branch }) => [branch, commits[0]!]))
    const rows = [
      maker.people(someone, account.password_hash as string),
      maker.work(app, { commits, branches }),
      maker.app(app, repoPath, account._id),
    ]
    let count = 0
    for (const some of rows) count += await writeMissing(run, db, some)
    const problems = await problemsInDatabase(db, plan, (...words) => maker.idOf(...words))
    if (problems.length > 0) {
      throw new HarnessError(
        `the seed does not hold after writing: ${problems.slice(0, 5).join('; ')}`,
        'on a target that was seeded before, try another --seed',
      )
    }
    return count
  })
  run.progress.say(
    `${added === 0 ? 'found' : 'seeded'} the scale volume in ${((performance.now() - started) / 1_000).toFixed(1)} s, verified: ${plan.people.length} people, ${app.changesets.length} changesets`,
  )
  return {
    app: {
      id: idFrom(plan.prefix, 'app', 1).toHexString(),
      name: app.name,
      repoPath,
      integrationBranch: 'main',
    },
    people: plan.people.map(({ number, role }) => ({ ...someone(number), role })),
    changesets: app.changesets.map(({ number, state, author }) => ({
      id: idFrom(plan.prefix, 'changeset', 1, number).toHexString(),
      state,
      author,
    })),
    added,
  }
}

/** A small repository, so that the app is whole; the commits of its `main`. */
async function mainOf(
  run: Run,
  directory: string,
  app: PlannedApp,
  someone: (number: number) => { email: string; name: string },
): Promise<string[]> {
  const git = run.tool('git').path
  if (!existsSync(directory)) await runGit(git, ['init', '--quiet', '--bare', '--initial-branch=main', directory])
  if (!(await isSeeded(git, directory))) {
    const authors = app.members.slice(0, 10).map(someone)
    const commands = repositoryImport({ ...app, workspaces: [] }, authors, new Map(), Date.now())
    await runGit(git, ['--git-dir', directory, 'fast-import', '--quiet', '--force', '--done'], commands)
  }
  return (await runGit(git, ['--git-dir', directory, 'rev-list', '--reverse', 'refs/heads/main'])).trim().split('\n')
}
