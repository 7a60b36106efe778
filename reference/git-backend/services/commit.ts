// gitaly.CommitService: commits and trees are read.

import type { Commit } from '../git/commit-object.ts'
import { isObjectId } from '../git/object-id.ts'
import type { Repository } from '../git/repository.ts'
import type { Storage } from '../git/storage.ts'
import { MODE_SUBMODULE, MODE_TREE, type TreeEntry } from '../git/tree-object.ts'
import { type Methods, serverStream, unary } from '../handler.ts'
import {
  type CommitIsAncestorRequest,
  type FindCommitRequest,
  type GetTreeEntriesRequest,
  type ListCommitsRequest,
  type Pagination,
  PathErrorType,
  TREES_FIRST,
  type TreeEntryMessage,
  TreeEntryType,
} from '../messages.ts'
import { invalidArgument, notFound, type StatusError } from '../status.ts'
import { openRepository, resolveCommit, revisionOf } from './request.ts'
import { batches, commitBytes, toGitCommit } from './response.ts'

export function commitService(storage: Storage): Methods {
  return {
    FindCommit: unary(async (request: FindCommitRequest) => {
      const repository = await openRepository(storage, request.repository)
      const commit = await repository.commit(revisionOf(request.revision))
      return commit ? { commit: toGitCommit(commit) } : {}
    }),

    ListCommits: serverStream(async function* (request: ListCommitsRequest, { signal }) {
      const repository = await openRepository(storage, request.repository)
      const commits = listCommits(repository, request, signal)
      for await (const list of batches(commits, (commit) => commitBytes(toGitCommit(commit)))) {
        yield { commits: list.map(toGitCommit) }
      }
    }),

    CommitIsAncestor: unary(async (request: CommitIsAncestorRequest, { signal }) => {
      const repository = await openRepository(storage, request.repository)
      const [ancestor, child] = await Promise.all([
        repository.commit(revisionOf(request.ancestor_id)),
        repository.commit(revisionOf(request.child_id)),
      ])
      return { value: !!ancestor && !!child && (await repository.isAncestor(ancestor.oid, child.oid, signal)) }
    }),

    GetTreeEntries: serverStream(async function* (request: GetTreeEntriesRequest) {
      const repository = await openRepository(storage, request.repository)
      const path = treePath(request.path)
      const commit = await resolveCommit(repository, request.revision, () =>
        notFound('the revision does not exist', {
          type: 'GetTreeEntriesError',
          fields: { resolve_tree: { revision: request.revision } },
        }),
      )
      const directory = await repository.entryAt(commit.tree, path)
      if (!directory) {
        throw notFound('the path does not exist', {
          type: 'GetTreeEntriesError',
          fields: { path: { path: request.path } },
        })
      }
      if (directory.mode !== MODE_TREE) return
      let entries = treeEntries(repository, directory.oid, path, request.recursive, commit.oid)
      if (request.sort === TREES_FIRST) entries = treesFirst(entries)
      if (request.pagination_params) {
        yield* treePage(entries, request.pagination_params)
        return
      }
      for await (const list of batches(entries, entryBytes)) yield { entries: list }
    }),
  }
}

/** Order of ListCommitsRequest */
const ORDER_OPTIONS = [[], ['--topo-order'], ['--date-order']]

/** What stands for many revisions at once. */
const PSEUDO_REVISIONS = ['--all', '--branches', '--tags', '--not']

async function* listCommits(
  repository: Repository,
  request: ListCommitsRequest,
  signal: AbortSignal,
): AsyncGenerator<Commit> {
  if (request.revisions.length === 0) throw invalidArgument('there are no revisions')
  const args = ['rev-list', ...(ORDER_OPTIONS[request.order] ?? [])]
  if (request.first_parent) args.push('--first-parent')
  if (request.reverse) args.push('--reverse')
  if (request.skip > 0) args.push(`--skip=${request.skip}`)
  const { page_token: token, limit } = request.pagination_params ?? { page_token: '', limit: 0 }
  if (token !== '' && !isObjectId(token)) throw invalidArgument('the page token is malformed')
  if (limit > 0 && token === '') args.push(`--max-count=${limit}`)
  args.push(...(await Promise.all(request.revisions.map((revision) => range(repository, revision)))), '--')
  for (const path of request.paths) {
    if (path.length === 0 || path.includes(0)) throw invalidArgument('a path is malformed')
    args.push(path.toString())
  }
  let started = token === ''
  let count = 0
  for await (const oid of lines(repository.git.stream(repository.directory, args, { signal }))) {
    if (!started) {
      started = oid === token
      continue
    }
    const commit = await repository.commit(oid)
    if (!commit) throw new Error(`commit ${oid} is missing`)
    yield commit
    if (++count === limit) return
  }
  if (!started) throw invalidArgument('the page token names no commit of the list')
}

/** A revision, `^revision`, a range or a pseudo-revision, with ids in place of names: nothing of the text reaches git. */
async function range(repository: Repository, text: string): Promise<string> {
  if (PSEUDO_REVISIONS.includes(text)) return text
  const oid = async (revision: string) =>
    (await resolveCommit(repository, revision === '' ? 'HEAD' : revision, () => notFound('a revision does not exist')))
      .oid
  if (text.startsWith('^')) return `^${await oid(text.slice(1))}`
  const dots = /\.{2,3}/.exec(text)
  if (!dots) {
    revisionOf(text)
    return oid(text)
  }
  const [left, right] = await Promise.all([
    oid(text.slice(0, dots.index)),
    oid(text.slice(dots.index + dots[0].length)),
  ])
  return `${left}${dots[0]}${right}`
}

async function* lines(output: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of output) {
    const parts = (rest + chunk.toString('latin1')).split('\n')
    rest = parts.pop()!
    yield* parts
  }
}

/** Longer paths cannot be checked out; Gitaly refuses them too. */
const PATH_BYTES_MAX = 4096

/** The directory asked for, without slashes around it. The root is the empty path, `.` or `/`. */
function treePath(bytes: Buffer): string {
  const path = bytes.toString('latin1')
  if (path === '' || path === '.' || path === '/') return ''
  if (path.length > PATH_BYTES_MAX) throw pathError('the path is too long', bytes, PathErrorType.LONG_PATH)
  if (path.startsWith('/')) throw pathError('the path is absolute', bytes, PathErrorType.ABSOLUTE_PATH)
  const components = path.replace(/\/+$/, '').split('/')
  if (components.includes('..')) {
    throw pathError('the path leads upwards', bytes, PathErrorType.RELATIVE_PATH_ESCAPES_REPOSITORY)
  }
  if (components.some((name) => name === '' || name === '.')) {
    throw pathError('the path is malformed', bytes, PathErrorType.INVALID_PATH)
  }
  return components.join('/')
}

function pathError(message: string, path: Buffer, error_type: number): StatusError {
  return invalidArgument(message, { type: 'GetTreeEntriesError', fields: { path: { path, error_type } } })
}

/** In the tree's order; a directory comes before what is in it. */
async function* treeEntries(
  repository: Repository,
  oid: string,
  prefix: string,
  recursive: boolean,
  commitOid: string,
): AsyncGenerator<TreeEntryMessage> {
  const tree = await repository.tree(oid)
  if (recursive) {
    // Asked for together, the directories below are answered without a wait for each.
    for (const entry of tree.values()) if (entry.mode === MODE_TREE) repository.tree(entry.oid).catch(() => {})
  }
  for (const [name, entry] of tree) {
    const path = prefix === '' ? name : `${prefix}/${name}`
    yield toTreeEntry(entry, path, commitOid)
    if (recursive && entry.mode === MODE_TREE) yield* treeEntries(repository, entry.oid, path, true, commitOid)
  }
}

function toTreeEntry({ mode, oid }: TreeEntry, path: string, commit_oid: string): TreeEntryMessage {
  const bytes = Buffer.from(path, 'latin1')
  const kind = mode === MODE_TREE ? 'TREE' : mode === MODE_SUBMODULE ? 'COMMIT' : 'BLOB'
  return { oid, path: bytes, type: TreeEntryType[kind], mode, commit_oid, flat_path: bytes }
}

async function* treesFirst(entries: AsyncIterable<TreeEntryMessage>): AsyncGenerator<TreeEntryMessage> {
  const all: TreeEntryMessage[] = []
  for await (const entry of entries) all.push(entry)
  yield* all.filter(({ type }) => type === TreeEntryType.TREE)
  yield* all.filter(({ type }) => type !== TreeEntryType.TREE)
}

/** The entries after the token. A limit of 0 gives none, a negative one all; the cursor says where the next page starts. */
async function* treePage(
  entries: AsyncIterable<TreeEntryMessage>,
  { page_token, limit }: Pagination,
): AsyncGenerator<{ entries: TreeEntryMessage[]; pagination_cursor?: { next_cursor: string } }> {
  const after = page_token === '' ? undefined : pagePath(page_token)
  const page: TreeEntryMessage[] = []
  let started = after === undefined
  let more = false
  if (limit === 0) return
  for await (const entry of entries) {
    if (!started) {
      started = entry.path.toString() === after
      continue
    }
    if (page.length === limit) {
      more = true
      break
    }
    page.push(entry)
  }
  if (!started) throw invalidArgument('the page token names no entry')
  const next_cursor = more
    ? Buffer.from(JSON.stringify({ file_name: page.at(-1)!.path.toString() })).toString('base64')
    : ''
  let first = true
  for await (const list of batches(page, entryBytes)) {
    yield first ? { entries: list, pagination_cursor: { next_cursor } } : { entries: list }
    first = false
  }
}

/** A token is JSON, so of a name that is not UTF-8 it holds what comes nearest. */
function pagePath(token: string): string {
  try {
    const { file_name } = JSON.parse(Buffer.from(token, 'base64').toString()) as { file_name?: unknown }
    if (typeof file_name === 'string') return file_name
  } catch {
    // Falls through: what is not JSON is as malformed as what is of another form.
  }
  throw invalidArgument('the page token is malformed')
}

/** Two ids, a mode and the framing around them. */
const ENTRY_BYTES = 112

function entryBytes(entry: TreeEntryMessage): number {
  return ENTRY_BYTES + 2 * entry.path.length
}
