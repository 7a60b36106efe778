// gitaly.DiffService: what differs between two revisions, as text, as counts, and file by file.

import { EMPTY_TREE_OID, ZERO_OID } from '../git/object-id.ts'
import type { Repository } from '../git/repository.ts'
import type { Storage } from '../git/storage.ts'
import { type Methods, serverStream } from '../handler.ts'
import type { CommitDiffRequest, DiffRequest } from '../messages.ts'
import { invalidArgument, notFound } from '../status.ts'
import { openRepository, revisionOf } from './request.ts'
import { batches, CHUNK_BYTES, chunks } from './response.ts'

/** Nothing outside of the two revisions may change the output. */
const DIFF = [
  'diff',
  '--no-color',
  '--no-ext-diff',
  '--no-textconv',
  '--full-index',
  '--src-prefix=a/',
  '--dst-prefix=b/',
]

/** Gitaly's threshold for this method; the others use git's own. */
const COMMIT_DIFF_RENAMES = '--find-renames=30%'

export function diffService(storage: Storage): Methods {
  return {
    RawDiff: serverStream(async function* (request: DiffRequest, { signal }) {
      const repository = await openRepository(storage, request.repository)
      const sides = await resolveSides(repository, request)
      const output = repository.git.stream(repository.directory, [...DIFF, '--find-renames', ...sides], { signal })
      for await (const chunk of output) for (const data of chunks(chunk)) yield { data }
    }),

    DiffStats: serverStream(async function* (request: DiffRequest, { signal }) {
      const repository = await openRepository(storage, request.repository)
      const sides = await resolveSides(repository, request)
      const args = [...DIFF, '--find-renames', '--numstat', '-z', ...sides]
      const { stdout } = await repository.git.run(repository.directory, args, { signal })
      for await (const stats of batches(parseNumstat(stdout), statsBytes)) yield { stats }
    }),

    CommitDiff: serverStream(async function* (request: CommitDiffRequest, { signal }) {
      const repository = await openRepository(storage, request.repository)
      const sides = await resolveSides(repository, request)
      yield* commitDiff(repository, request, sides, signal)
    }),
  }
}

/** Ids in place of the revisions, so that nothing of their text reaches git's command line. */
async function resolveSides(repository: Repository, request: DiffRequest): Promise<[string, string]> {
  return Promise.all([
    resolveSide(repository, request.left_commit_id),
    resolveSide(repository, request.right_commit_id),
  ])
}

async function resolveSide(repository: Repository, text: string): Promise<string> {
  const revision = revisionOf(text)
  // Known to every git, even where no commit has it.
  if (revision === EMPTY_TREE_OID) return revision
  const object = await repository.reader.info(`${revision}^{tree}`)
  if (!object) throw notFound('a revision does not exist')
  return object.oid
}

interface FileStats {
  path: Buffer
  old_path: Buffer
  additions: number
  deletions: number
}

/** `added TAB deleted TAB path NUL`; a rename has an empty path there, and then `old NUL new NUL`. */
function* parseNumstat(output: Buffer): Generator<FileStats> {
  const fields = output.toString('latin1').split('\0')
  for (let at = 0; at < fields.length - 1; at++) {
    const [added = '', deleted = '', path = ''] = splitTabs(fields[at]!)
    const rename = path === ''
    const old_path = Buffer.from(rename ? fields[at + 1]! : '', 'latin1')
    const new_path = Buffer.from(rename ? fields[at + 2]! : path, 'latin1')
    if (rename) at += 2
    // A binary file has dashes for counts.
    yield { path: new_path, old_path, additions: Number(added) || 0, deletions: Number(deleted) || 0 }
  }
}

/** A path may hold tabs itself. */
function splitTabs(text: string): [string, string, string] {
  const first = text.indexOf('\t')
  const second = text.indexOf('\t', first + 1)
  return [text.slice(0, first), text.slice(first + 1, second), text.slice(second + 1)]
}

/** Two numbers and the framing around them. */
const STATS_BYTES = 40

function statsBytes({ path, old_path }: FileStats): number {
  return STATS_BYTES + path.length + old_path.length
}

/** CommitDiffRequest.DiffMode and WhitespaceChanges */
const DIFF_MODE_OPTIONS = [[], ['--word-diff=porcelain']]
const WHITESPACE_OPTIONS = [[], ['--ignore-space-change'], ['--ignore-all-space']]

async function* commitDiff(
  repository: Repository,
  request: CommitDiffRequest,
  sides: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<object> {
  if (request.paths.some((path) => path.length === 0 || path.includes(0))) throw invalidArgument('a path is malformed')
  const options = [
    ...(DIFF_MODE_OPTIONS[request.diff_mode] ?? []),
    ...(WHITESPACE_OPTIONS[request.whitespace_changes] ?? []),
  ]
  const scope = [...sides, '--', ...request.paths.map((path) => path.toString())]
  const run = (...args: string[]) =>
    repository.git.run(repository.directory, [...DIFF, COMMIT_DIFF_RENAMES, ...options, ...args, ...scope], { signal })
  // Asked for apart: with NUL between them, paths need no unquoting; in the patch they then need no reading at all.
  const [raw, patch] = await Promise.all([run('--raw', '-z', '--abbrev=40'), run('--patch')])
  const files = [...parseRaw(raw.stdout)]
  const patches = assign(splitPatches(patch.stdout), files)
  let lines = 0
  let bytes = 0
  for (const [index, file] of files.entries()) {
    const { text, binary, added, removed } = patches[index]!
    const head = { ...file, binary, lines_added: added, lines_removed: removed }
    lines += added + removed
    bytes += text.length
    if (request.enforce_limits) {
      if (over(index + 1, request.max_files) || over(lines, request.max_lines) || over(bytes, request.max_bytes)) {
        yield { overflow_marker: true, end_of_patch: true }
        return
      }
      if (over(text.length, request.max_patch_bytes)) {
        yield { ...head, too_large: true, end_of_patch: true }
        continue
      }
    }
    if (text.length === 0) yield { ...head, end_of_patch: true }
    for (let at = 0; at < text.length; at += CHUNK_BYTES) {
      // The fields of the file are repeated with each part: clients group the parts by them.
      const raw_patch_data = text.subarray(at, at + CHUNK_BYTES)
      yield { ...head, raw_patch_data, end_of_patch: at + CHUNK_BYTES >= text.length }
    }
  }
}

/** A limit of 0 is none. */
function over(value: number, limit: number): boolean {
  return limit > 0 && value > limit
}

interface ChangedFile {
  from_path: Buffer
  to_path: Buffer
  from_id: string
  to_id: string
  old_mode: number
  new_mode: number
}

/** `:<mode> <mode> <id> <id> <status> NUL path NUL`, with a second path for renames. */
function* parseRaw(output: Buffer): Generator<ChangedFile> {
  const fields = output.toString('latin1').split('\0')
  for (let at = 0; at < fields.length - 1; ) {
    const [oldMode = '', newMode = '', from_id = '', to_id = '', status = ''] = fields[at++]!.slice(1).split(' ')
    const from_path = Buffer.from(fields[at++]!, 'latin1')
    const to_path = /^[RC]/.test(status) ? Buffer.from(fields[at++]!, 'latin1') : from_path
    const old_mode = Number.parseInt(oldMode, 8)
    const new_mode = Number.parseInt(newMode, 8)
    if (status === 'T') {
      // Another kind of file in the same place: git prints two patches for it, and it is told as two files.
      yield { from_path, to_path, from_id, to_id: ZERO_OID, old_mode, new_mode: 0 }
      yield { from_path, to_path, from_id: ZERO_OID, to_id, old_mode: 0, new_mode }
    } else {
      yield { from_path, to_path, from_id, to_id, old_mode, new_mode }
    }
  }
}

interface Patch {
  /** Of the blobs before and after, where the patch names them. */
  ids: readonly [string, string] | undefined
  /** From the first hunk on, or the line that says that binary files differ. */
  text: Buffer
  binary: boolean
  added: number
  removed: number
}

const NO_PATCH: Patch = { ids: undefined, text: Buffer.alloc(0), binary: false, added: 0, removed: 0 }

/**
 * Lines of content start with a space, a sign or a backslash, so only a header starts with `diff --git`. Lines end in a line
 * feed alone: what JavaScript takes for the start of a line may be in the middle of one of git's.
 */
function splitPatches(output: Buffer): Patch[] {
  const text = output.toString('latin1')
  const starts = [...text.matchAll(/(?<=^|\n)diff --git /g)].map((match) => match.index)
  return starts.map((start, index) => parsePatch(text.slice(start, starts[index + 1])))
}

function parsePatch(text: string): Patch {
  const body = /\n(?=@@ |Binary files )/.exec(text)
  const ids = /\nindex ([0-9a-f]{40})\.\.([0-9a-f]{40})/.exec(body ? text.slice(0, body.index) : text)
  const head = { ids: ids ? ([ids[1]!, ids[2]!] as const) : undefined }
  if (!body) return { ...NO_PATCH, ...head }
  const content = text.slice(body.index + 1)
  const binary = content.startsWith('Binary files ')
  const count = (sign: string) => (binary ? 0 : content.split(`\n${sign}`).length - 1)
  return { ...head, text: Buffer.from(content, 'latin1'), binary, added: count('+'), removed: count('-') }
}

/** Patches come in the order of the files, but a file that differs in ignored white space alone has none. */
function assign(patches: readonly Patch[], files: readonly ChangedFile[]): Patch[] {
  let at = 0
  const assigned = files.map(({ from_id, to_id }) => {
    const patch = patches[at]
    if (!patch) return NO_PATCH
    // Without ids it is of a file whose content is the same: one that was renamed, or whose mode has changed.
    const fits = patch.ids ? patch.ids[0] === from_id && patch.ids[1] === to_id : from_id === to_id
    if (fits) at++
    return fits ? patch : NO_PATCH
  })
  if (at < patches.length) throw new Error(`git printed ${patches.length} patches, of which ${at} belong to its files`)
  return assigned
}
