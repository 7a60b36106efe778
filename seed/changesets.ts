// Changesets straight into the database, each on a workspace of its own: the fast path for volumes that no test would make
// over HTTP. Rows as data-and-runtime §1.3 stores them, with what the specification adds (base commit, open marker, version).

import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { ObjectId } from 'mongodb'
import { HarnessError } from '../harness/errors.ts'
import type { Run } from '../harness/run.ts'
import type { Session } from '../harness/target/conman.ts'
import type { DirectFixtures } from '../harness/target/target.ts'
import type { SeededApp } from './editors.ts'
import { branchTips, importData, runGit } from './git.ts'
import { changesetRow, workspaceRow } from './rows.ts'

export interface SeededChangeset {
  id: string
  workspaceId: string
  author: Session
}

export interface ChangesetVolume {
  count: number
  state: 'draft' | 'queued'
  /** Tells volumes of one app apart: it is part of branch names and titles. */
  label: string
  /** Makes a real commit for each, on the integration branch's head, that changes a file of its own. */
  commits: boolean
}

/** The authors take turns. Queued ones stand in the order of their numbers, after those that are queued already. */
export async function seedChangesets(run: Run, seeded: SeededApp, volume: ChangesetVolume): Promise<SeededChangeset[]> {
  const { fixtures } = run.target
  if (fixtures === undefined) {
    throw new HarnessError('changesets can only be seeded where the database is ours', 'seed a URL over HTTP')
  }
  const branches = Array.from({ length: volume.count }, (_, index) => `${volume.label}/${index}`)
  const { base, heads } = volume.commits
    ? await commitEach(run, seeded.app.repoPath, branches)
    : { base: imagined('base'), heads: branches.map(imagined) }
  const now = Date.now()
  const rows = branches.map((branch, index) => {
    const author = seeded.users[index % seeded.users.length]!
    return { branch, author, head: heads[index]!, at: new Date(now - index), number: index + 1 }
  })
  const appId = new ObjectId(seeded.app.id)
  const workspaces = rows.map(({ branch, author, head, at }) =>
    workspaceRow({
      id: new ObjectId(),
      appId,
      ownerId: new ObjectId(author.userId),
      branch,
      isDefault: false,
      integrationBranch: seeded.app.integrationBranch,
      base,
      head,
      created: at,
      updated: at,
    }),
  )
  const queued = volume.state === 'queued'
  const changesets = rows.map(({ branch, author, head, at, number }, index) =>
    changesetRow({
      id: new ObjectId(),
      appId,
      workspaceId: workspaces[index]!._id,
      authorId: new ObjectId(author.userId),
      title: `Change ${branch}`,
      description: 'Seeded for a volume of changesets',
      state: volume.state,
      base,
      head,
      revision: queued ? 1 : 0,
      approvals: [],
      queuePosition: queued ? number : null,
      queuedAt: queued ? at : null,
      revalidation: null,
      created: at,
      updated: at,
    }),
  )
  await insert(fixtures, 'workspaces', workspaces)
  await insert(fixtures, 'changesets', changesets)
  return changesets.map(({ _id, workspace_id }, index) => ({
    id: _id.toHexString(),
    workspaceId: workspace_id.toHexString(),
    author: rows[index]!.author,
  }))
}

async function insert(fixtures: DirectFixtures, collection: string, documents: readonly object[]): Promise<void> {
  const inserted = await fixtures.insert(collection, documents)
  if (inserted !== documents.length) {
    throw new HarnessError(
      `${inserted} of ${documents.length} rows of ${collection} were inserted`,
      'look at the database’s log',
    )
  }
}

/** A commit id that looks like one, for rows whose commits nobody reads. */
function imagined(name: string): string {
  return createHash('sha1').update(`imagined ${name}`).digest('hex')
}

/** One branch and commit each, by `git fast-import`: hundreds take less than a second. */
async function commitEach(
  run: Run,
  repoPath: string,
  branches: readonly string[],
): Promise<{ base: string; heads: string[] }> {
  const { gitStorage } = run.target
  if (gitStorage === undefined) throw new HarnessError('the repositories cannot be written', 'set CONMAN_GIT_STORAGE')
  const directory = join(gitStorage, repoPath)
  const git = run.tool('git').path
  const base = (await runGit(git, ['--git-dir', directory, 'rev-parse', 'refs/heads/main'])).trim()
  const commands = branches.map((branch) =>
    [
      `commit refs/heads/${branch}\n`,
      'committer Readiness Seed <seed@readiness.test> 1700000000 +0000\n',
      importData(`Change ${branch}`),
      `from ${base}\n`,
      `M 100644 inline config/${branch}.yaml\n`,
      importData(`changed: ${branch}\n`),
    ].join(''),
  )
  await runGit(git, ['--git-dir', directory, 'fast-import', '--quiet', '--done'], [...commands, 'done\n'])
  const tips = await branchTips(git, directory)
  return { base, heads: branches.map((branch) => tips.get(branch)!) }
}
