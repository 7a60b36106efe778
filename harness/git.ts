// Reads a repository with git itself: the witness that does not go through the target. Read-only, no hooks, no
// configuration of the machine, nothing from the repository is executed.

import { spawn } from 'node:child_process'
import { isAbsolute, join, relative, resolve } from 'node:path'
import { HarnessError } from './errors.ts'

/** Output beyond this is a fault of the caller: nothing here reads whole repositories. */
const OUTPUT_BYTES_MAX = 512 * 1024 * 1024

export class GitRepository {
  readonly #git: string
  readonly #path: string

  constructor(git: string, storage: string, relativePath: string) {
    const path = resolve(storage, relativePath)
    const inside = relative(resolve(storage), path)
    if (inside.startsWith('..') || isAbsolute(inside)) {
      throw new HarnessError('a repository path leads out of the storage folder', 'check the app’s repo_path')
    }
    this.#git = git
    this.#path = path
  }

  /** The bytes of each file, null where revision or path does not exist. One `git cat-file --batch` for all. */
  async readFiles(files: readonly { revision: string; path: string }[]): Promise<(Buffer | null)[]> {
    if (files.length === 0) return []
    for (const { revision, path } of files) {
      if (/[\n\0]/.test(revision) || /[\n\0]/.test(path)) {
        throw new HarnessError(
          'a path with a line break cannot be asked of git',
          'this is a fault of the harness: report it',
        )
      }
    }
    const input = files.map(({ revision, path }) => `${revision}:${path}\n`).join('')
    const { stdout } = await this.#run(['cat-file', '--batch'], input)
    const result: (Buffer | null)[] = []
    let offset = 0
    for (const _ of files) {
      const end = stdout.indexOf(0x0a, offset)
      const header = stdout.subarray(offset, end).toString('utf8')
      offset = end + 1
      const match = /^[0-9a-f]{40,64} blob (\d+)$/.exec(header)
      const size = match ? Number(match[1]) : 0
      if (match) {
        result.push(Buffer.from(stdout.subarray(offset, offset + size)))
        offset += size + 1
        continue
      }
      result.push(null)
      // Another object's content follows its header; `missing` and `ambiguous` have none.
      const other = /^[0-9a-f]{40,64} (?:tree|commit|tag) (\d+)$/.exec(header)
      if (other) offset += Number(other[1]) + 1
    }
    return result
  }

  /** Commits on any branch whose subject begins with `prefix`, with what follows the word before the key. */
  async commitsByMessage(prefix: string): Promise<{ commit: string; key: string }[]> {
    const { stdout } = await this.#run(['log', '--branches', '--format=%H %s', '--fixed-strings', `--grep=${prefix}`])
    const commits: { commit: string; key: string }[] = []
    for (const line of stdout.toString('utf8').split('\n')) {
      const subject = line.slice(line.indexOf(' ') + 1)
      if (!subject.startsWith(prefix)) continue
      commits.push({ commit: line.slice(0, line.indexOf(' ')), key: subject.slice(subject.lastIndexOf(' ') + 1) })
    }
    return commits.sort((a, b) => a.key.localeCompare(b.key) || a.commit.localeCompare(b.commit))
  }

  /** Object ids of branches, by short name. */
  async branches(): Promise<Map<string, string>> {
    const { stdout } = await this.#run(['for-each-ref', '--format=%(objectname) %(refname:lstrip=2)', 'refs/heads'])
    const result = new Map<string, string>()
    for (const line of stdout.toString('utf8').trimEnd().split('\n')) {
      if (line !== '') result.set(line.slice(line.indexOf(' ') + 1), line.slice(0, line.indexOf(' ')))
    }
    return result
  }

  /** The commits that tags name, by short name: an annotated tag's is the one behind it. */
  async tags(): Promise<Map<string, string>> {
    const { stdout } = await this.#run([
      'for-each-ref',
      '--format=%(objectname) %(*objectname) %(refname:lstrip=2)',
      'refs/tags',
    ])
    const result = new Map<string, string>()
    for (const line of stdout.toString('utf8').trimEnd().split('\n')) {
      const [oid, behind, ...name] = line.split(' ')
      if (oid) result.set(name.join(' '), behind || oid)
    }
    return result
  }

  /** From a commit to a revision along first parents, oldest first. Bounded: `commits_max` of them at most. */
  async firstParentLine(since: string, revision: string, commits_max: number): Promise<string[]> {
    const range = [`--max-count=${commits_max}`, revision, `^${since}`]
    const { stdout } = await this.#run(['rev-list', '--first-parent', ...range])
    return stdout
      .toString('utf8')
      .split('\n')
      .filter((line) => line !== '')
      .reverse()
  }

  /** What a directory holds, one level deep; the root is ''. */
  async entriesOf(revision: string, path: string): Promise<{ kind: 'file' | 'dir'; oid: string; name: string }[]> {
    const { stdout } = await this.#run(['ls-tree', '-z', path === '' ? revision : `${revision}:${path}`])
    return records(stdout).map((record) => {
      const [mode, , oid] = record.slice(0, record.indexOf('\t')).split(' ') as [string, string, string]
      return { kind: mode === '040000' ? 'dir' : 'file', oid, name: record.slice(record.indexOf('\t') + 1) }
    })
  }

  /** Every file of a commit, with its size. */
  async filesOf(revision: string): Promise<{ path: string; bytes: number }[]> {
    const { stdout } = await this.#run(['ls-tree', '-r', '-l', '-z', revision])
    return records(stdout).map((record) => ({
      path: record.slice(record.indexOf('\t') + 1),
      bytes: Number(record.slice(0, record.indexOf('\t')).split(' ').at(-1)),
    }))
  }

  /** What differs between two commits, by lines; a file that was moved is one that went and one that came. */
  async changesBetween(base: string, head: string): Promise<{ path: string; additions: number; deletions: number }[]> {
    const { stdout } = await this.#run(['diff-tree', '-r', '-z', '--numstat', '--no-renames', base, head])
    return records(stdout).map((record) => {
      const [additions, deletions, path] = record.split('\t') as [string, string, string]
      return { path, additions: Number(additions) || 0, deletions: Number(deletions) || 0 }
    })
  }

  /** The commit that a reference stands for, by its whole name (`refs/tags/…`); null where there is none. */
  async commitOf(reference: `refs/${string}`): Promise<string | null> {
    const { code, stdout } = await this.#run(['rev-parse', '--verify', '--quiet', `${reference}^{commit}`], '', [0, 1])
    return code === 0 ? stdout.toString('utf8').trim() : null
  }

  /** Whether one commit has the other, or is it. */
  async isAncestor(older: string, newer: string): Promise<boolean> {
    demandObjectIds(older, newer)
    const { code } = await this.#run(['merge-base', '--is-ancestor', older, newer], '', [0, 1])
    return code === 0
  }

  /** Whether git merges the two without a conflict. What the merge makes goes into `scratch`, a folder of the caller's. */
  async mergesCleanly(ours: string, theirs: string, scratch: string): Promise<boolean> {
    demandObjectIds(ours, theirs)
    const { code } = await this.#run(['merge-tree', '--write-tree', '--name-only', ours, theirs], '', [0, 1], {
      GIT_OBJECT_DIRECTORY: scratch,
      GIT_ALTERNATE_OBJECT_DIRECTORIES: join(this.#path, 'objects'),
    })
    return code === 0
  }

  async countCommits(revision: string): Promise<number> {
    const { stdout } = await this.#run(['rev-list', '--count', revision])
    return Number(stdout.toString('utf8').trim())
  }

  async fsck(): Promise<{ exit_code: number; output: string }> {
    const { code, stdout, stderr } = await this.#run(
      ['fsck', '--connectivity-only', '--no-dangling', '--no-progress'],
      '',
      [0, 1, 2, 4, 8],
    )
    return { exit_code: code, output: `${stdout}${stderr}`.slice(0, 2_000) }
  }

  async #run(
    args: readonly string[],
    input = '',
    allowed: readonly number[] = [0],
    env: Readonly<Record<string, string>> = {},
  ): Promise<{ code: number; stdout: Buffer; stderr: string }> {
    const child = spawn(
      this.#git,
      ['--git-dir', this.#path, '-c', 'safe.directory=*', '-c', 'core.hooksPath=/dev/null', ...args],
      {
        env: {
          PATH: process.env.PATH,
          LC_ALL: 'C',
          GIT_CONFIG_NOSYSTEM: '1',
          GIT_CONFIG_GLOBAL: '/dev/null',
          GIT_OPTIONAL_LOCKS: '0',
          ...env,
        },
        stdio: ['pipe', 'pipe', 'pipe'],
      },
    )
    const chunks: Buffer[] = []
    let size = 0
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > OUTPUT_BYTES_MAX) child.kill('SIGKILL')
      else chunks.push(chunk)
    })
    child.stderr.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk).slice(0, 4_000)
    })
    // A git that ends early closes its input; its exit code tells why.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    if (code === null || !allowed.includes(code)) {
      throw new HarnessError(
        `git ${args[0]} ended with ${code ?? 'a signal'} in ${join('…', this.#path.split('/').at(-1) ?? '')}: ${stderr.split('\n')[0]}`,
        'look at the repository with git by hand',
      )
    }
    return { code, stdout: Buffer.concat(chunks), stderr }
  }
}

/** What a target calls a commit may mean something else to git. */
function demandObjectIds(...names: readonly string[]): void {
  if (names.some((name) => !isObjectId(name))) {
    throw new HarnessError('what is no commit cannot be asked of git', 'this is a fault of the harness: report it')
  }
}

export function isObjectId(name: string): boolean {
  return /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(name)
}

/** Git's output with `-z`. */
function records(stdout: Buffer): string[] {
  return stdout
    .toString('utf8')
    .split('\0')
    .filter((record) => record !== '')
}
