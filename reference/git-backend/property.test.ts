// Properties of the git backend, tried on random edits over real gRPC, with the git program as the oracle: whatever is done
// to a repository, git doing the same by itself comes to the same trees, the same refusals and the same texts.
//
// A failure prints its seed and path; READINESS_TEST_PROPERTY_SEED repeats it, READINESS_TEST_PROPERTY_RUNS asks for more.

import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { status as Code, type ServiceError } from '@grpc/grpc-js'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorDetail, type FileChange, type Reply, USER } from './client.ts'
import type { RepositoryMessage } from './messages.ts'
import { type FileEdit, type Fork, fork, type PlannedAction, steps } from './property/arbitraries.ts'
import { type Action, Refused, WorkTree } from './property/work-tree.ts'
import { gitBytesOn, gitOn, startTemporaryBackend, type TemporaryBackend } from './temporary-backend.ts'

/** Of the sequences of edits; the others get a share of it. The file takes about half a minute so, on two cores. */
const RUNS = Number(process.env.READINESS_TEST_PROPERTY_RUNS ?? 30)
const SEED = process.env.READINESS_TEST_PROPERTY_SEED

/** Shrinking a failure takes runs too; it ends before the test's own limit, with the smallest example until then. */
const SHRINK_MS_MAX = 150_000

const parameters = (share = 1) => ({
  numRuns: Math.max(1, Math.round(RUNS * share)),
  interruptAfterTimeLimit: Math.max(SHRINK_MS_MAX, RUNS * 3000),
  ...(SEED === undefined ? {} : { seed: Number(SEED) }),
})

const LIMIT_MS = Math.max(180_000, RUNS * 4000)

const CREATE = 0
const CREATE_DIR = 1
const UPDATE = 2
const MOVE = 3
const DELETE = 4
const CHMOD = 5
const ZERO = '0'.repeat(40)
const NO_OBJECT = 'f'.repeat(40)

let temporary: TemporaryBackend
let scratch = 0

beforeAll(async () => {
  temporary = await startTemporaryBackend()
})

afterAll(() => temporary[Symbol.asyncDispose]())

const bytes = (text: string) => Buffer.from(text)

/** Runs with a repository and a directory of its own, and leaves neither. */
async function inRepository(run: (repository: RepositoryMessage, directory: string, oracle: string) => Promise<void>) {
  const repository = await temporary.createRepository()
  const directory = join(temporary.storage, repository.relative_path)
  const oracle = join(temporary.root, `oracle-${++scratch}`)
  try {
    await run(repository, directory, oracle)
    gitOn(directory, ['fsck', '--strict', '--no-dangling'])
  } finally {
    // Its git processes go with it.
    await temporary.client.unary('RepositoryService', 'RemoveRepository', { repository })
    rmSync(oracle, { recursive: true, force: true })
  }
}

async function outcome<Result>(promise: Promise<Result>): Promise<{ result: Result } | { error: ServiceError }> {
  try {
    return { result: await promise }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && 'metadata' in error)) throw error
    return { error: error as unknown as ServiceError }
  }
}

/** An action of the oracle as a request says it. */
function toChange(action: Action): FileChange {
  const { path } = action
  switch (action.kind) {
    case 'create':
      return { action: CREATE, path, content: action.content, fields: { execute_filemode: action.executable } }
    case 'update':
      return { action: UPDATE, path, content: action.content }
    case 'move': {
      const fields = { previous_path: action.from, infer_content: action.content === undefined }
      return { action: MOVE, path, fields, ...(action.content === undefined ? {} : { content: action.content }) }
    }
    case 'delete':
      return { action: DELETE, path }
    case 'chmod':
      return { action: CHMOD, path, fields: { execute_filemode: action.executable } }
    case 'create-dir':
      return { action: CREATE_DIR, path }
  }
}

/** Planned actions at the files that are there when their turn comes, as far as that can be said so easily. */
function settleAll(plan: readonly PlannedAction[], files: readonly { path: Buffer }[]): Action[] {
  let paths = files.map(({ path }) => path)
  const at = (place: PlannedAction['at']): Buffer =>
    'path' in place ? place.path : (paths[place.existing % Math.max(1, paths.length)] ?? bytes('none'))
  return plan.map((planned) => {
    // With nothing there yet, nothing can be done but make something.
    if (paths.length === 0 && planned.kind !== 'create' && 'existing' in planned.at) {
      paths = [bytes('first')]
      return { kind: 'create', path: paths[0]!, content: Buffer.alloc(0), executable: false }
    }
    const path = at(planned.at)
    const action = planned.kind === 'move' ? { ...planned, path, from: at(planned.from) } : { ...planned, path }
    const gone = action.kind === 'move' ? action.from : action.kind === 'delete' ? path : undefined
    if (gone) paths = paths.filter((other) => !other.equals(gone))
    if (action.kind === 'move' || action.kind === 'create') paths = [...paths, path]
    return action
  })
}

describe('sequences of edits', () => {
  test('make the trees that git makes of the same files, or are refused and change nothing', {
    timeout: LIMIT_MS,
  }, async () => {
    let commits = 0
    let refusals = 0
    await fc.assert(
      fc.asyncProperty(steps, (sequence) =>
        inRepository(async (repository, directory, oracle) => {
          gitOn(temporary.root, ['init', '--quiet', oracle])
          const trees = new Map<number, WorkTree>()
          /** By branch, the newest first. */
          const history = new Map<number, string[]>()
          const name = (branch: number) => `ws/u/branch-${branch}`
          const tip = (branch: number) => {
            // As git keeps it, for nothing packs it here; a process for each look would take most of the time.
            const file = join(directory, 'refs/heads', name(branch))
            return existsSync(file) ? readFileSync(file, 'utf8').trim() : ''
          }

          for (const [index, step] of sequence.entries()) {
            const work = trees.get(step.branch)
            const known = history.get(step.branch) ?? []
            if (step.kind === 'branch') {
              const from = trees.get(step.from)
              const made = await outcome(
                temporary.client.unary('OperationService', 'UserCreateBranch', {
                  repository,
                  user: USER,
                  branch_name: bytes(name(step.branch)),
                  start_point: bytes(`refs/heads/${name(step.from)}`),
                }),
              )
              if (work || !from) {
                expect(made).toMatchObject({ error: { code: Code.FAILED_PRECONDITION } })
                continue
              }
              trees.set(step.branch, new WorkTree(join(oracle, `branch-${step.branch}`), from))
              history.set(step.branch, [...history.get(step.from)!])
              continue
            }

            const tree = work ?? new WorkTree(join(oracle, `branch-${step.branch}`))
            trees.set(step.branch, tree)
            const actions = settleAll(step.actions, tree.files())
            const expected = { none: '', expected: known[0] ?? ZERO, stale: known[1] ?? NO_OBJECT, absent: ZERO }[
              step.lock
            ]
            const locked = expected !== '' && expected !== (known[0] ?? ZERO)
            const before = tip(step.branch)
            const said = await outcome(
              temporary.client.commit(repository, name(step.branch), actions.map(toChange), {
                expected_old_oid: expected,
                commit_message: bytes(`step ${index}`),
              }),
            )
            if (locked) {
              expect(said).toHaveProperty('error')
              expect(tip(step.branch)).toBe(before)
              if (known.length === 0) trees.delete(step.branch)
              if (known.length === 0) rmSync(join(oracle, `branch-${step.branch}`), { recursive: true })
              refusals++
              continue
            }
            let wanted: string
            try {
              wanted = tree.apply(actions)
            } catch (error) {
              if (!(error instanceof Refused)) throw error
              expect(said, error.message).toHaveProperty('error')
              if ('error' in said) expect(error.codes).toContain(said.error.code)
              expect(tip(step.branch)).toBe(before)
              if (known.length === 0) trees.delete(step.branch)
              if (known.length === 0) rmSync(join(oracle, `branch-${step.branch}`), { recursive: true })
              refusals++
              continue
            }
            if ('error' in said) throw said.error
            expect(tip(step.branch)).toBe(said.result)
            expect(gitOn(directory, ['rev-parse', `${said.result}^{tree}`]).trim()).toBe(wanted)
            history.set(step.branch, [said.result, ...known])
            commits++
          }

          for (const [branch, known] of history) {
            // One line of commits, each on the one before, and no commit that nobody was told of.
            expect(
              gitOn(directory, ['rev-list', '--parents', `refs/heads/${name(branch)}`])
                .trim()
                .split('\n'),
            ).toEqual(known.map((id, at) => [id, known[at + 1]].filter(Boolean).join(' ')))
            await expectReadable(repository, directory, name(branch), trees.get(branch)!)
          }
        }),
      ),
      parameters(),
    )
    // Sequences that refuse everything, or nothing, would prove little; a few of them may by chance.
    if (RUNS < 20) return
    expect(commits).toBeGreaterThan(refusals / 4)
    expect(refusals).toBeGreaterThan(0)
  })

  /** The tree and every file of a branch, read back over gRPC. */
  async function expectReadable(repository: RepositoryMessage, directory: string, branch: string, tree: WorkTree) {
    const revision = `refs/heads/${branch}`
    const replies = await temporary.client.list('CommitService', 'GetTreeEntries', {
      repository,
      revision: bytes(revision),
      recursive: true,
    })
    const listed = replies.flatMap(({ entries }) => entries as Reply[])
    const wanted = gitBytesOn(directory, ['ls-tree', '-r', '-t', '-z', revision])
      .toString('latin1')
      .split('\0')
      .slice(0, -1)
    expect(
      listed.map(({ mode, oid, path, type }) => {
        const kind = type === 1 ? 'tree' : 'blob'
        return `${mode.toString(8).padStart(6, '0')} ${kind} ${oid}\t${path.toString('latin1')}`
      }),
    ).toEqual(wanted)
    const files = tree.files()
    if (files.length === 0) return
    const blobs = await temporary.client.list('BlobService', 'GetBlobs', {
      repository,
      revision_paths: files.map(({ path }) => ({ revision, path })),
      limit: -1,
    })
    const contents: Buffer[][] = []
    for (const { oid, data } of blobs) {
      if (oid !== '') contents.push([])
      contents.at(-1)!.push(data)
    }
    expect(contents.map((parts) => Buffer.concat(parts).toString('hex'))).toEqual(
      files.map(({ content }) => content.toString('hex')),
    )
  }
})

interface TextFile {
  lines: string[]
  executable: boolean
  /** In place of the lines. */
  binary: Buffer | undefined
  /** Whether the last line ends. */
  ended: boolean
}

type Files = Map<string, TextFile>

const contentOf = ({ lines, binary, ended }: TextFile): Buffer => {
  if (binary) return binary
  const text = lines.map((line) => `${line}\n`).join('')
  return bytes(ended ? text : text.slice(0, -1))
}

/** Changes the files by an edit, and says what commits it; nothing if there is nothing to do. */
function applyEdit(files: Files, edit: FileEdit): FileChange[] {
  const paths = [...files.keys()].sort()
  const isFree = (path: string) =>
    !paths.some((other) => other === path || other.startsWith(`${path}/`) || path.startsWith(`${other}/`))
  if (edit.kind === 'add') {
    if (!isFree(edit.path)) return []
    const file = { lines: [edit.text, 'added'], executable: false, binary: undefined, ended: true }
    files.set(edit.path, file)
    return [{ action: CREATE, path: edit.path, content: contentOf(file) }]
  }
  if (paths.length === 0) return []
  const path = paths[edit.file % paths.length]!
  const file = { ...files.get(path)! }
  const at = 'at' in edit ? edit.at % Math.max(1, file.lines.length) : 0
  switch (edit.kind) {
    case 'line':
      file.lines = file.lines.with(at, edit.text)
      break
    case 'insert':
      file.lines = file.lines.toSpliced(at, 0, edit.text)
      break
    case 'cut':
      file.lines = file.lines.toSpliced(at, 1)
      break
    case 'binary':
      file.binary = Buffer.concat([Buffer.alloc(1), Buffer.from(edit.bytes)])
      break
    case 'chop':
      file.ended = !file.ended
      break
    case 'rename':
      if (!isFree(edit.path)) return []
      files.delete(path)
      files.set(edit.path, file)
      return [{ action: MOVE, path: edit.path, fields: { previous_path: bytes(path), infer_content: true } }]
    case 'remove':
      files.delete(path)
      return [{ action: DELETE, path }]
    case 'mode':
      file.executable = edit.executable
      files.set(path, file)
      return [{ action: CHMOD, path, fields: { execute_filemode: edit.executable } }]
  }
  if (file.lines.length === 0) file.lines = ['']
  files.set(path, file)
  return [{ action: UPDATE, path, content: contentOf(file) }]
}

interface Sides {
  base: string
  ours: string
  theirs: string
}

/** Both sides of a fork, committed over gRPC. */
async function commitFork(repository: RepositoryMessage, plan: Fork): Promise<Sides> {
  const files: Files = new Map()
  const isFree = (path: string) =>
    ![...files.keys()].some((other) => other.startsWith(`${path}/`) || path.startsWith(`${other}/`))
  for (const { path, lines } of plan.base) {
    if (isFree(path)) files.set(path, { lines, executable: false, binary: undefined, ended: true })
  }
  const base = await temporary.client.commit(
    repository,
    'main',
    [...files].map(([path, file]) => ({ action: CREATE, path, content: contentOf(file) })),
  )
  let seconds = 1_700_000_000
  const grow = async (branch: string, commits: FileEdit[][], author: string): Promise<string> => {
    const own: Files = new Map(files)
    let tip = base
    for (const [index, edits] of commits.entries()) {
      tip = await temporary.client.commit(
        repository,
        branch,
        edits.flatMap((edit) => applyEdit(own, edit)),
        {
          start_sha: tip,
          commit_message: bytes(`${author} ${index}\n\nwith a body\n`),
          commit_author_name: bytes(author),
          commit_author_email: bytes(`${author}@example.com`),
          timestamp: { seconds: seconds++ },
        },
      )
    }
    return tip
  }
  const theirs = await grow('theirs', plan.theirs, 'theirs')
  const ours = await grow('ours', plan.shared ? [...plan.theirs.slice(0, 1), ...plan.ours] : plan.ours, 'ours')
  return { base, ours, theirs }
}

/** A clone with a work tree, in which git does by itself what the backend was asked to do. */
class Clone {
  readonly #directory: string

  constructor(source: string, directory: string) {
    this.#directory = directory
    gitOn(source, ['clone', '--quiet', '--shared', '--no-checkout', source, directory])
  }

  git(...args: string[]): string {
    return gitOn(this.#directory, args)
  }

  /** Whether a command succeeds. It may stop in the middle, with files in conflict. */
  try(...args: string[]): boolean {
    try {
      this.git(...args)
      return true
    } catch (error) {
      const { status, stderr } = error as { status: number; stderr: Buffer }
      if (status !== 1) throw new Error(`git ${args.join(' ')} ended with ${status}: ${stderr}`)
      return false
    }
  }

  at(commit: string): void {
    this.git('checkout', '--quiet', '--force', '--detach', commit)
    this.git('clean', '-ffdxq')
  }

  tree(): string {
    return this.git('write-tree').trim()
  }

  conflicts(): string[] {
    const entries = this.git('ls-files', '--unmerged', '-z').split('\0').filter(Boolean)
    return [...new Set(entries.map((entry) => entry.slice(entry.indexOf('\t') + 1)))].sort()
  }

  applies(patch: Buffer, left: string): string {
    this.git('read-tree', left)
    gitOn(this.#directory, ['apply', '--cached', '--whitespace=nowarn', '--allow-empty', '-'], patch)
    return this.tree()
  }
}

const onFork = (run: (repository: RepositoryMessage, directory: string, sides: Sides, clone: Clone) => Promise<void>) =>
  fc.asyncProperty(fork, (plan) =>
    inRepository(async (repository, directory, oracle) => {
      const sides = await commitFork(repository, plan)
      await run(repository, directory, sides, new Clone(directory, oracle))
    }),
  )

const treeOf = (directory: string, commit: string) => gitOn(directory, ['rev-parse', `${commit}^{tree}`]).trim()
const parentsOf = (directory: string, commit: string) => gitOn(directory, ['log', '-1', '--format=%P', commit]).trim()

describe('two sides', () => {
  test('are merged as `git merge` merges them, with a conflict where it has one', { timeout: LIMIT_MS }, async () => {
    await fc.assert(
      onFork(async (repository, directory, { ours, theirs }, clone) => {
        clone.at(ours)
        const clean = clone.try('merge', '--quiet', '--no-ff', '--no-edit', theirs)
        const on = { repository, user: USER, message: bytes('merge') }
        const target = { target_ref: bytes('refs/merge-requests/1/merge'), first_parent_ref: bytes('refs/heads/ours') }
        const merged = await outcome(
          temporary.client.unary('OperationService', 'UserMergeToRef', { ...on, source_sha: theirs, ...target }),
        )
        const branch = await outcome(
          temporary.client.exchange('OperationService', 'UserMergeBranch', [
            { ...on, commit_id: theirs, branch: bytes('ours') },
            { apply: true },
          ]),
        )
        if (!clean) {
          expect(merged).toMatchObject({ error: { code: Code.FAILED_PRECONDITION, details: /conflict/ } })
          expect(branch).toMatchObject({ error: { code: Code.FAILED_PRECONDITION, details: /conflict/ } })
          const { conflicting_files } = errorDetail((branch as { error: ServiceError }).error)!.fields.merge_conflict
          expect(conflicting_files.map(String).sort()).toEqual(clone.conflicts())
          expect(gitOn(directory, ['for-each-ref', 'refs/merge-requests'])).toBe('')
          expect(gitOn(directory, ['rev-parse', 'refs/heads/ours']).trim()).toBe(ours)
          return
        }
        if ('error' in merged) throw merged.error
        if ('error' in branch) throw branch.error
        for (const id of [merged.result.commit_id, branch.result[0].commit_id]) {
          expect(treeOf(directory, id)).toBe(clone.tree())
          expect(parentsOf(directory, id)).toBe(`${ours} ${theirs}`)
        }
      }),
      parameters(0.4),
    )
  })

  test('are rebased as `git rebase` rebases them', { timeout: LIMIT_MS }, async () => {
    await fc.assert(
      onFork(async (repository, directory, { ours, theirs }, clone) => {
        clone.at(theirs)
        const clean = clone.try('rebase', '--quiet', ours)
        const rebased = await outcome(
          temporary.client.unary('OperationService', 'UserRebaseToRef', {
            repository,
            user: USER,
            source_sha: theirs,
            first_parent_ref: bytes('refs/heads/ours'),
            target_ref: bytes('refs/heads/rebased'),
          }),
        )
        if (!clean) {
          expect(rebased).toMatchObject({ error: { code: Code.FAILED_PRECONDITION, details: /conflict/ } })
          expect(gitOn(directory, ['for-each-ref', 'refs/heads/rebased'])).toBe('')
          return
        }
        if ('error' in rebased) throw rebased.error
        // Tree, author, date and message of every commit on top of ours.
        const format = '--format=%T|%an|%ae|%at|%B'
        expect(gitOn(directory, ['log', format, `${ours}..${rebased.result.commit_id}`])).toBe(
          clone.git('log', format, `${ours}..HEAD`),
        )
        expect(treeOf(directory, rebased.result.commit_id)).toBe(treeOf(directory, ours) && clone.tree())
      }),
      parameters(0.4),
    )
  })

  test('have any of their commits reverted as `git revert` reverts it', { timeout: LIMIT_MS }, async () => {
    await fc.assert(
      onFork(async (repository, directory, { ours }, clone) => {
        for (const commit of gitOn(directory, ['rev-list', ours]).trim().split('\n')) {
          clone.at(ours)
          const clean = clone.try('revert', '--no-commit', commit)
          const reverted = await outcome(
            temporary.client.unary('OperationService', 'UserRevert', {
              repository,
              user: USER,
              commit: { id: commit },
              branch_name: bytes(`reverted/${commit}`),
              start_branch_name: bytes('ours'),
              message: bytes('revert'),
            }),
          )
          const why = 'error' in reverted ? errorDetail(reverted.error)?.fields.error : undefined
          if (!clean) {
            expect(why).toBe('merge_conflict')
            const { conflicting_files } = errorDetail((reverted as { error: ServiceError }).error)!.fields
              .merge_conflict
            expect(conflicting_files.map(String).sort()).toEqual(clone.conflicts())
          } else if (clone.tree() === treeOf(directory, ours)) {
            expect(why).toBe('changes_already_applied')
          } else {
            if ('error' in reverted) throw reverted.error
            const id = reverted.result.branch_update.commit_id
            expect(treeOf(directory, id)).toBe(clone.tree())
            expect(parentsOf(directory, id)).toBe(ours)
          }
        }
      }),
      parameters(0.3),
    )
  })

  test('differ as `git diff` says, and the text of it makes one of the other', { timeout: LIMIT_MS }, async () => {
    await fc.assert(
      onFork(async (repository, directory, { ours, theirs }, clone) => {
        const sides = { repository, left_commit_id: ours, right_commit_id: theirs }
        const raw = Buffer.concat(
          (await temporary.client.list('DiffService', 'RawDiff', sides)).map(({ data }) => data),
        )
        const diff = (...args: string[]) => gitBytesOn(directory, ['diff', ...args, ours, theirs])
        expect(raw.toString('latin1')).toBe(diff('--full-index', '-M').toString('latin1'))
        // Binary files are only said to differ.
        if (!/^Binary files /m.test(raw.toString('latin1'))) {
          expect(clone.applies(raw, ours)).toBe(treeOf(directory, theirs))
        }

        const stats = (await temporary.client.list('DiffService', 'DiffStats', sides)).flatMap((reply) => reply.stats)
        expect(
          stats.map(({ old_path, path, additions, deletions }) => [old_path, path, additions, deletions].join('|')),
        ).toEqual(numstat(diff('--numstat', '-z', '-M')))

        const files = await temporary.client.list('DiffService', 'CommitDiff', sides)
        expect(
          files.map(({ from_path, to_path, from_id, to_id, old_mode, new_mode }) =>
            [from_path, to_path, from_id, to_id, old_mode, new_mode].join('|'),
          ),
        ).toEqual(rawFiles(diff('--raw', '-z', '--abbrev=40', '-M30%')))
        expect(
          files.map(({ from_path, to_path, lines_added, lines_removed }) => {
            const old = from_path.equals(to_path) ? '' : from_path
            return [old, to_path, lines_added, lines_removed].join('|')
          }),
        ).toEqual(numstat(diff('--numstat', '-z', '-M30%')))
        const patch = diff('--full-index', '-M30%').toString('latin1')
        for (const { raw_patch_data } of files) expect(patch).toContain(raw_patch_data.toString('latin1'))
      }),
      parameters(0.6),
    )
  })

  /** `old|new|added|removed`, the old name only if it is another one. */
  function numstat(output: Buffer): string[] {
    const fields = output.toString().split('\0')
    const found: string[] = []
    while (fields.length > 1) {
      const [, added, removed, path] = /^(\d+|-)\t(\d+|-)\t(.*)$/s.exec(fields.shift()!)!
      const names = path === '' ? [fields.shift(), fields.shift()] : ['', path]
      found.push([...names, Number(added) || 0, Number(removed) || 0].join('|'))
    }
    return found
  }

  /** `from|to|id|id|mode|mode` */
  function rawFiles(output: Buffer): string[] {
    const fields = output.toString().split('\0')
    const found: string[] = []
    while (fields.length > 1) {
      const [oldMode, newMode, oldId, newId, status] = fields.shift()!.slice(1).split(' ') as [
        string,
        string,
        string,
        string,
        string,
      ]
      const from = fields.shift()!
      const to = status.startsWith('R') ? fields.shift()! : from
      found.push([from, to, oldId, newId, Number.parseInt(oldMode, 8), Number.parseInt(newMode, 8)].join('|'))
    }
    return found
  }
})

describe('at the same time', () => {
  const header = { start_branch_name: bytes('main') }

  test('of the commits to one branch exactly the winners are there, each once', { timeout: LIMIT_MS }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 2, max: 12 }),
        fc.integer({ min: 1, max: 4 }),
        fc.boolean(),
        (writers, rounds, locked) =>
          inRepository(async (repository, directory) => {
            let tip = await temporary.client.commit(repository, 'main', [{ path: 'log', content: '' }])
            let log = ''
            const won: string[] = []
            for (let round = 0; round < rounds; round++) {
              const names = Array.from({ length: writers }, (_, writer) => `${round}-${writer}`)
              const results = await Promise.all(
                names.map((name) =>
                  outcome(
                    // Read, changed, written: a write that went over another would take its line away.
                    temporary.client.commit(
                      repository,
                      'main',
                      [
                        { action: UPDATE, path: 'log', content: `${log}${name}\n` },
                        { action: CREATE, path: `own/${name}`, content: name },
                      ],
                      // All of them know the same tip. Without it the server itself must notice that they meet.
                      locked ? { expected_old_oid: tip } : { start_sha: tip },
                    ),
                  ),
                ),
              )
              const winners = names.filter((_, index) => 'result' in results[index]!)
              expect(winners).toHaveLength(1)
              for (const result of results) {
                if ('error' in result) expect(result.error.code).toBe(Code.FAILED_PRECONDITION)
                else tip = result.result
              }
              won.push(...winners)
              log += `${winners[0]}\n`
            }
            expect(gitOn(directory, ['show', 'main:log'])).toBe(log)
            expect(gitOn(directory, ['ls-tree', '--name-only', 'main:own']).trim().split('\n').sort()).toEqual(
              [...won].sort(),
            )
            expect(gitOn(directory, ['rev-list', '--count', 'main']).trim()).toBe(String(rounds + 1))
            expect(gitOn(directory, ['rev-parse', 'main']).trim()).toBe(tip)
          }),
      ),
      parameters(0.2),
    )
  })

  test('writers who try again until they are let in all end up in the branch, each once', {
    timeout: LIMIT_MS,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 10 }), fc.integer({ min: 1, max: 3 }), (writers, each) =>
        inRepository(async (repository, directory) => {
          await temporary.client.commit(repository, 'main', [{ path: 'log', content: '' }])
          const find = async () =>
            (await temporary.client.unary('RefService', 'FindBranch', { repository, name: bytes('main') })).branch
              .target_commit.id as string
          await Promise.all(
            Array.from({ length: writers }, async (_, writer) => {
              for (let count = 0; count < each; ) {
                const tip = await find()
                const revision_paths = [{ revision: tip, path: bytes('log') }]
                const [blob] = await temporary.client.list('BlobService', 'GetBlobs', {
                  repository,
                  revision_paths,
                  limit: -1,
                })
                const content = `${blob.data}${writer}-${count}\n`
                const changes = [{ action: UPDATE, path: 'log', content }]
                const said = await outcome(
                  temporary.client.commit(repository, 'main', changes, { expected_old_oid: tip }),
                )
                if ('result' in said) count++
                else expect(said.error.code).toBe(Code.FAILED_PRECONDITION)
              }
            }),
          )
          const lines = gitOn(directory, ['show', 'main:log']).trim().split('\n')
          const wanted = Array.from({ length: writers * each }, (_, n) => `${Math.floor(n / each)}-${n % each}`)
          expect(lines.sort()).toEqual(wanted.sort())
        }),
      ),
      parameters(0.1),
    )
  })

  test('commits to many branches do not meet', { timeout: LIMIT_MS }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 14 }), { minLength: 5, maxLength: 40 }), (branches) =>
        inRepository(async (repository, directory) => {
          await temporary.client.commit(repository, 'main', [{ path: 'a', content: 'a' }])
          const count = new Map<number, number>()
          for (const branch of branches) count.set(branch, (count.get(branch) ?? 0) + 1)
          await Promise.all(
            [...count].map(async ([branch, commits]) => {
              for (let at = 0; at < commits; at++) {
                const changes = [{ path: `f${at}`, content: `${branch}` }]
                await temporary.client.commit(repository, `ws/${branch}/x`, changes, at === 0 ? header : {})
              }
            }),
          )
          for (const [branch, commits] of count) {
            expect(gitOn(directory, ['rev-list', '--count', `main..ws/${branch}/x`]).trim()).toBe(String(commits))
            expect(gitOn(directory, ['show', `ws/${branch}/x:f${commits - 1}`])).toBe(String(branch))
          }
        }),
      ),
      parameters(0.2),
    )
  })

  test('transactions of references are done whole, and only those that met another are not', {
    timeout: LIMIT_MS,
  }, async () => {
    /** Which references each transaction moves, out of twelve. */
    const transactions = fc.array(fc.uniqueArray(fc.nat({ max: 11 }), { minLength: 1, maxLength: 5 }), {
      minLength: 2,
      maxLength: 16,
    })
    await fc.assert(
      fc.asyncProperty(transactions, (plans) =>
        inRepository(async (repository, directory) => {
          const from = await temporary.client.commit(repository, 'main', [])
          // Each transaction moves to a commit of its own, which tells it afterwards.
          const targets = await Promise.all(
            plans.map((_, index) => temporary.client.commit(repository, `target/${index}`, [], { start_sha: from })),
          )
          const name = (index: number) => `refs/conman/${index}`
          const update = (reference: string, old: string, next: string) => ({
            reference: bytes(reference),
            old_object_id: bytes(old),
            new_object_id: bytes(next),
          })
          const send = (updates: object[]) =>
            temporary.client.send('RefService', 'UpdateReferences', [{ repository, updates }])
          await send(Array.from({ length: 12 }, (_, index) => update(name(index), ZERO, from)))
          const results = await Promise.all(
            plans.map((plan, index) => outcome(send(plan.map((at) => update(name(at), from, targets[index]!))))),
          )
          const done = plans
            .map((plan, index) => ({ plan, target: targets[index]! }))
            .filter((_, index) => 'result' in results[index]!)
          const wanted = new Map(Array.from({ length: 12 }, (_, index) => [name(index), from]))
          for (const { plan, target } of done) {
            for (const at of plan) {
              expect(wanted.get(name(at))).toBe(from)
              wanted.set(name(at), target)
            }
          }
          const actual = gitOn(directory, ['for-each-ref', '--format=%(refname) %(objectname)', 'refs/conman/'])
            .trim()
            .split('\n')
          expect(new Map(actual.map((line) => line.split(' ') as [string, string]))).toEqual(wanted)
          for (const [index, result] of results.entries()) {
            if ('result' in result) continue
            expect(result.error.code).toBe(Code.ABORTED)
            expect(done.some(({ plan }) => plan.some((at) => plans[index]!.includes(at)))).toBe(true)
          }
        }),
      ),
      parameters(0.2),
    )
  })
})
