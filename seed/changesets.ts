// Changesets straight into the database, each on a workspace of its own: the fast path for volumes that no test would make
// over HTTP. Rows as data-and-runtime §1.3 stores them, with what the specification adds (base commit, open marker, version).

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { ObjectId } from 'mongodb'
import { HarnessError } from '../harness/errors.ts'
import type { Run } from '../harness/run.ts'
import type { Session } from '../harness/target/conman.ts'
import type { DirectFixtures } from '../harness/target/target.ts'
import type { SeededApp } from './editors.ts'

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
  const workspaces = rows.map(({ branch, author, head, at }) => ({
    _id: new ObjectId(),
    app_id: new ObjectId(seeded.app.id),
    owner_user_id: new ObjectId(author.userId),
    branch_name: branch,
    title: null,
    is_default: false,
    base_ref_type: 'branch',
    base_ref_value: seeded.app.integrationBranch,
    base_sha: base,
    head_sha: head,
    created_at: at,
    updated_at: at,
  }))
  const queued = volume.state === 'queued'
  const changesets = rows.map(({ branch, author, head, at, number }, index) => ({
    _id: new ObjectId(),
    app_id: new ObjectId(seeded.app.id),
    workspace_id: workspaces[index]!._id,
    title: `Change ${branch}`,
    description: 'Seeded for a volume of changesets',
    state: volume.state,
    author_user_id: new ObjectId(author.userId),
    base_sha: base,
    head_sha: head,
    submitted_head_sha: queued ? head : null,
    revision: queued ? 1 : 0,
    approvals: [],
    required_approval_count: 1,
    queue_position: queued ? number : null,
    queued_at: queued ? at : null,
    last_revalidation_status: null,
    last_revalidation_files: [],
    last_revalidation_job_id: null,
    open: true,
    created_at: at,
    updated_at: at,
  }))
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
  const git = (args: readonly string[], input = '') => runGit(run.tool('git').path, directory, args, input)
  const base = (await git(['rev-parse', 'refs/heads/main'])).trim()
  const commands = branches.map((branch) => {
    const content = `changed: ${branch}\n`
    const message = `Change ${branch}`
    return [
      `commit refs/heads/${branch}`,
      'committer Readiness Seed <seed@readiness.test> 1700000000 +0000',
      `data ${Buffer.byteLength(message)}\n${message}`,
      `from ${base}`,
      `M 100644 inline config/${branch}.yaml`,
      `data ${Buffer.byteLength(content)}\n${content}`,
    ].join('\n')
  })
  await git(['fast-import', '--quiet', '--done'], `${commands.join('\n')}\ndone\n`)
  const listed = await git(['for-each-ref', '--format=%(refname:short) %(objectname)', 'refs/heads'])
  const tips = new Map(listed.split('\n').map((line) => line.split(' ') as [string, string]))
  return { base, heads: branches.map((branch) => tips.get(branch)!) }
}

function runGit(program: string, directory: string, args: readonly string[], input: string): Promise<string> {
  const child = spawn(program, ['--git-dir', directory, ...args], {
    env: { PATH: process.env.PATH, LC_ALL: 'C', GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  child.on('error', (cause) =>
    reject(new HarnessError(`git cannot be run: ${cause.message}`, 'run `./readiness doctor`')),
  )
  child.on('close', (code) => {
    if (code === 0) resolve(stdout)
    else reject(new HarnessError(`git ${args[0]} ended with ${code}: ${stderr.trim()}`, 'see its message'))
  })
  child.stdin.end(input)
  return promise
}
