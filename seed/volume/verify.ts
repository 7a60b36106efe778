// Does the seed hold after writing? Asked of the database and of git, not of what was meant to be written.

import { join } from 'node:path'
import type { Db, ObjectId } from 'mongodb'
import { GitRepository } from '../../harness/git.ts'
import { runGit } from '../git.ts'
import type { PlannedApp, VolumePlan } from './plan.ts'
import { directoriesOf, pathsOf, SEEDED_REF } from './repository.ts'

/** One line for each thing that does not hold. */
export async function problemsInDatabase(
  db: Db,
  plan: VolumePlan,
  idOf: (...words: (string | number)[]) => ObjectId,
): Promise<string[]> {
  const problems: string[] = []
  const expect = (what: string, found: number, wanted: number) => {
    if (found !== wanted) problems.push(`${found} instead of ${wanted} ${what}`)
  }
  const ofPlan = { app_id: { $in: plan.apps.map(({ number }) => idOf('app', number)) } }
  const people = { _id: { $in: plan.people.map(({ number }) => idOf('user', number)) } }
  expect('people', await db.collection('users').countDocuments(people), plan.people.length)

  const found = await db
    .collection('changesets')
    .aggregate<{ _id: { app: ObjectId; state: string }; count: number }>([
      { $match: ofPlan },
      { $group: { _id: { app: '$app_id', state: '$state' }, count: { $sum: 1 } } },
    ])
    .toArray()
  const counted = new Map(found.map(({ _id, count }) => [`${_id.app.toHexString()} ${_id.state}`, count]))
  for (const app of plan.apps) {
    const wanted = new Map<string, number>()
    for (const { state } of app.changesets) wanted.set(state, (wanted.get(state) ?? 0) + 1)
    for (const [state, count] of wanted) {
      const name = `${idOf('app', app.number).toHexString()} ${state}`
      expect(`${state} changesets in ${app.name}`, counted.get(name) ?? 0, count)
      counted.delete(name)
    }
    const where = { app_id: idOf('app', app.number) }
    expect(
      `members of ${app.name}`,
      await db.collection('app_memberships').countDocuments(where),
      app.members.length + 1,
    )
    expect(`workspaces in ${app.name}`, await db.collection('workspaces').countDocuments(where), app.workspaces.length)
  }
  for (const [name, count] of counted) problems.push(`${count} changesets that nobody seeded: ${name.split(' ')[1]}`)

  const crowded = await db
    .collection('changesets')
    .aggregate([
      { $match: { ...ofPlan, state: { $nin: ['released', 'rejected'] } } },
      { $group: { _id: '$workspace_id', count: { $sum: 1 } } },
      { $match: { count: { $gt: 1 } } },
    ])
    .toArray()
  expect('workspaces with more than one open changeset', crowded.length, 0)
  const homeless = await db
    .collection('changesets')
    .aggregate([
      { $match: ofPlan },
      { $lookup: { from: 'workspaces', localField: 'workspace_id', foreignField: '_id', as: 'workspace' } },
      { $match: { workspace: { $size: 0 } } },
      { $count: 'count' },
    ])
    .toArray()
  expect('changesets without a workspace', Number(homeless[0]?.count ?? 0), 0)
  return problems
}

export async function problemsInRepository(
  git: string,
  storage: string,
  repoPath: string,
  app: PlannedApp,
): Promise<string[]> {
  const problems: string[] = []
  const directory = join(storage, repoPath)
  const listed = (await runGit(git, ['--git-dir', directory, 'ls-tree', '-r', '--name-only', 'refs/heads/main']))
    .split('\n')
    .filter((path) => path !== '')
  const wanted = pathsOf(app.repository)
  if (listed.length !== wanted.length) {
    problems.push(`${listed.length} instead of ${wanted.length} files on main of ${repoPath}`)
  }
  const directories = directoriesOf(listed).size
  const wantedDirectories = directoriesOf(wanted).size
  if (directories !== wantedDirectories) {
    problems.push(`${directories} instead of ${wantedDirectories} directories on main of ${repoPath}`)
  }
  const tips = await new GitRepository(git, storage, repoPath).branches()
  const missing = app.workspaces.filter(({ branch }) => !tips.has(branch))
  if (missing.length > 0)
    problems.push(`${missing.length} branches are missing in ${repoPath}, first ${missing[0]!.branch}`)
  const fsck = await new GitRepository(git, storage, repoPath).fsck()
  if (fsck.exit_code !== 0) problems.push(`git fsck of ${repoPath} ended with ${fsck.exit_code}: ${fsck.output}`)
  return problems
}

export async function isSeeded(git: string, directory: string): Promise<boolean> {
  const found = await runGit(git, ['--git-dir', directory, 'for-each-ref', '--format=%(refname)', SEEDED_REF])
  return found.trim() === SEEDED_REF
}
