// Reads a repository of 10,000 files through the API: the tree, single files, the diff of a wide changeset. First copies that
// the server has never seen, one reading each; then the repository itself, again and again. Touches the world, judges nothing.

import { fileURLToPath } from 'node:url'
import type { Gatherer } from '../../harness/check.ts'
import { GitRepository } from '../../harness/git.ts'
import type { Run } from '../../harness/run.ts'
import { copyLargeRepository } from '../../seed/volume/cold-copies.ts'
import { directoriesOf } from '../../seed/volume/repository.ts'
import { VOLUME } from '../../seed/volume/shape.ts'
import { type SeededVolume, seedVolume } from '../../seed/volume/volume.ts'
import { rounded, runLoad, startOf } from '../lib/load.ts'
import { mannersOf } from '../lib/manners-settings.ts'
import type { ReadSettings } from '../lib/settings.ts'
import { type ReadingEvidence, ReadingEvidenceSchema } from './evidence.ts'
import { L5_LIMITS } from './limits.ts'
import { type Subject, witnessDiff, witnessFiles, witnessTree } from './witness.ts'

type Request = ReadSettings['requests'][number]
type Kind = Request['kind']

/** Above the slowest limit, and above the target's own deadline for git (30 s): a slow reading is measured, not cut off. */
const REQUEST_TIMEOUT_S = 40

/** Directories that are listed: the root, the widest one, and two of the many. */
const DIRECTORIES = ['', 'catalogue', 'area-07', 'area-07/service-11']

/** Changesets whose diff is read beside the wide one. */
const OTHER_DIFFS = 5

export const readingGatherer: Gatherer<ReadingEvidence> = {
  id: 'L5',
  title: 'a repository of 10,000 files is read: tree, files, diff; cold and warm',
  schema: ReadingEvidenceSchema,
  needs: ['http', 'repositories', 'git-storage'],
  effect: 'writes',
  leaves: 'the seeded volume, and apps with copies of its large repository',
  load: ({ L5 }) => ({ users: L5.readers, requests_per_s: null }),
  expected_s: ({ L5 }) => 30 + (L5.cold * 3 + L5.trees + L5.files + L5.diffs) / 10,
  gather,
}

async function gather(run: Run): Promise<ReadingEvidence> {
  const shown = {
    schema: 'readiness-readings/1' as const,
    cold_means:
      'the first reading of a repository that the server has never seen; what the operating system has cached of its files stays cached',
    readers: run.profile.L5.readers,
  }
  if (run.target.fixtures === undefined) return { ...shown, repository: null, subjects: [], loads: [] }
  const volume = await seedVolume(run)
  const repository = new GitRepository(run.tool('git').path, run.target.gitStorage!, volume.large.app.repoPath)
  const { subjects, warm, cold, warmUps } = await prepare(run, volume, repository)
  run.progress.say(`L5: ${cold.length} first readings, one at a time`)
  const first = await readAll(run, 'cold', cold, warmUps, 1)
  run.progress.say(`L5: ${warm.length} more readings, ${shown.readers} at a time`)
  const rest = await readAll(run, 'warm', warm, warm.slice(0, DIRECTORIES.length), shown.readers)
  const files = await repository.filesOf('refs/heads/main')
  return {
    ...shown,
    repository: {
      files: files.length,
      directories: directoriesOf(files.map(({ path }) => path)).size,
      bytes: files.reduce((sum, file) => sum + file.bytes, 0),
      commits: await repository.countCommits('refs/heads/main'),
      branches: (await repository.branches()).size,
    },
    subjects,
    loads: [first, rest],
  }
}

/** What is read, by whom, and what git says of it. */
async function prepare(
  run: Run,
  volume: SeededVolume,
  repository: GitRepository,
): Promise<{ subjects: Subject[]; warm: Request[]; cold: Request[]; warmUps: ReadSettings['warmUps'] }> {
  const { L5 } = run.profile
  const { large } = volume
  const workspace = large.workspaces.find(({ isDefault }) => isDefault)!
  const owner = large.members.find(({ number }) => number === workspace.owner)!
  const submitted = large.changesets.filter(({ state }) => state !== 'draft')
  const wide = submitted.find((changeset) => large.workspaces[changeset.workspace - 1]!.files === VOLUME.wide_files)!
  const diffed = [wide, ...submitted.filter((changeset) => changeset !== wide).slice(0, OTHER_DIFFS)]

  const revision = `refs/heads/${workspace.branch}`
  const all = await repository.filesOf(revision)
  const largest = all.reduce((best, file) => (file.bytes > best.bytes ? file : best))
  // Spread over the whole repository, and the largest one among them.
  const step = Math.max(1, Math.floor(all.length / L5.files))
  const paths = [largest.path, ...all.filter((_, index) => index % step === 0).map(({ path }) => path)].slice(
    0,
    L5.files,
  )
  const trees = await Promise.all(DIRECTORIES.map((path) => witnessTree(repository, revision, path)))
  const files = await witnessFiles(repository, revision, paths)
  const diffs = await Promise.all(diffed.map(({ base, head }) => witnessDiff(repository, base, head)))
  const subjects = [...trees, ...files, ...diffs]

  const requestOf = (kind: Kind, subject: number, path: string, token: string): Request => ({
    kind,
    subject,
    path,
    token,
  })
  const filesAt = (app: string, id: string, path: string) =>
    `/api/apps/${app}/workspaces/${id}/files${path === '' ? '' : `?path=${encodeURIComponent(path)}`}`
  const diffAt = (app: string, id: string) => `/api/apps/${app}/changesets/${id}/diff?format=semantic&mode=semantic`
  const tree = (nth: number, app = large.app.id, id = workspace.id, token = owner.token) => {
    const at = nth % DIRECTORIES.length
    return requestOf('tree', at, filesAt(app, id, DIRECTORIES[at]!), token)
  }
  const file = (nth: number, app = large.app.id, id = workspace.id, token = owner.token) => {
    const at = nth % paths.length
    return requestOf('file', trees.length + at, filesAt(app, id, paths[at]!), token)
  }
  const diff = (nth: number, app = large.app.id, id?: string, token = owner.token) => {
    // Every other one is the wide one.
    const at = nth % 2 === 0 ? 0 : 1 + (Math.floor(nth / 2) % (diffed.length - 1))
    return requestOf('diff', trees.length + files.length + at, diffAt(app, id ?? diffed[at]!.id), token)
  }
  const times = (count: number, make: (nth: number) => Request) => Array.from({ length: count }, (_, nth) => make(nth))

  // One copy a reading: after the first reading a copy is cold no more.
  const copies = await copyLargeRepository(run, volume, { workspace, changeset: wide, count: 3 * L5.cold })
  const cold = copies.map(({ appId, workspaceId, changesetId, token }, nth) => {
    const round = Math.floor(nth / 3)
    if (nth % 3 === 0) return tree(round, appId, workspaceId, token)
    if (nth % 3 === 1) return file(round, appId, workspaceId, token)
    return diff(0, appId, changesetId, token)
  })
  const small = volume.apps.at(-1)!
  const [changeset] = small.changesets
  const author = small.members.find(({ number }) => number === changeset!.author)!
  const own = small.workspaces[changeset!.workspace - 1]!
  return {
    subjects,
    // One kind after the other: a file is not read beside a wide diff.
    warm: [...times(L5.trees, tree), ...times(L5.files, file), ...times(L5.diffs, diff)],
    cold,
    warmUps: [
      { path: filesAt(small.app.id, own.id, ''), token: author.token },
      { path: filesAt(small.app.id, own.id, 'README.md'), token: author.token },
      { path: diffAt(small.app.id, changeset!.id), token: author.token },
    ],
  }
}

function limitsOf(run: Run): Record<Kind, number> {
  const limits = run.limits('L5', L5_LIMITS)
  return {
    tree: limits.tree_ms_max!.value,
    file: limits.file_ms_max!.value,
    diff: limits.diff_ms_max!.value,
  }
}

async function readAll(
  run: Run,
  temperature: 'cold' | 'warm',
  requests: Request[],
  warmUps: ReadSettings['warmUps'],
  readers: number,
): Promise<ReadingEvidence['loads'][number]> {
  const settings: ReadSettings = {
    baseUrl: run.target.baseUrl,
    readers,
    requests,
    warmUps,
    limitsMs: limitsOf(run),
    requestTimeoutS: REQUEST_TIMEOUT_S,
    ...mannersOf(run.target.loadBounds),
  }
  const { load, samples } = await runLoad(run, {
    entry: fileURLToPath(new URL('./script.ts', import.meta.url)),
    settings,
    metric: 'reading_ms',
    iterations: requests.length,
    bound_s: 1_200 + 2 * REQUEST_TIMEOUT_S,
    label: `L5 ${temperature}`,
  })
  const began = samples[0] === undefined ? 0 : startOf(samples[0])
  return {
    temperature,
    planned: requests.length,
    load,
    readings: samples.map((sample) => ({
      subject: Number(sample.tags.subject),
      started_ms: rounded(startOf(sample) - began),
      duration_ms: rounded(sample.value),
      status: Number(sample.tags.status),
      error: sample.tags.error ?? '',
      count: sample.tags.count ? Number(sample.tags.count) : null,
      digest: sample.tags.digest ?? '',
    })),
  }
}
