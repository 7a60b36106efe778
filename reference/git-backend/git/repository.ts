// One bare repository: its objects, its references, and the git processes that work on it.

import { isUtf8 } from 'node:buffer'
import { statSync } from 'node:fs'
import { BoundedCache } from './bounded-cache.ts'
import { type Commit, type CommitFields, formatCommit, parseCommit } from './commit-object.ts'
import { isObjectId, type ObjectKind } from './object-id.ts'
import { ObjectReader } from './object-reader.ts'
import { ObjectWriter, type WrittenObject } from './object-writer.ts'
import type { Git } from './program.ts'
import { ReferenceUpdater } from './reference-updater.ts'
import { MODE_TREE, parseTree, type Tree, type TreeEntry } from './tree-object.ts'

/** Entries of trees kept in memory, about 100 bytes each: some 20 MB at most. */
const TREE_ENTRIES_MAX = 200_000

/** Bytes of commits kept in memory; each counts its message and this much for the rest. */
const COMMIT_BYTES_MAX = 8 * 1024 * 1024
const COMMIT_BYTES = 512

export interface Reference {
  /** The full name, its bytes as latin1. */
  name: string
  oid: string
}

export class Repository {
  readonly git: Git
  readonly directory: string
  readonly reader: ObjectReader
  readonly references: ReferenceUpdater
  readonly #writer: ObjectWriter
  readonly #trees = new BoundedCache<Tree>(TREE_ENTRIES_MAX)
  readonly #treesOnTheWay = new Map<string, Promise<Tree>>()
  readonly #commits = new BoundedCache<Commit>(COMMIT_BYTES_MAX)

  constructor(git: Git, directory: string, scratch: string) {
    this.git = git
    this.directory = directory
    this.reader = new ObjectReader(git, directory)
    this.references = new ReferenceUpdater(git, directory)
    this.#writer = new ObjectWriter(git, directory, scratch)
  }

  /** The long-lived processes at this moment. */
  get pids(): { read: number[]; write: number[]; references: number[] } {
    return { read: this.reader.pids, write: this.#writer.pids, references: this.references.pids }
  }

  /** The commit that a revision names, tags followed; undefined if it names none. */
  async commit(revision: string): Promise<Commit | undefined> {
    const known = this.#commits.get(revision)
    if (known) return known
    const object = await this.reader.read(`${revision}^{commit}`)
    if (object?.kind !== 'commit') return undefined
    const commit = parseCommit(object.oid, object.content)
    this.#commits.set(commit.oid, commit, COMMIT_BYTES + commit.message.length)
    return commit
  }

  /** The commit that a reference holds, tags followed; undefined if there is no such reference, or it holds none. */
  async commitAt(reference: string): Promise<Commit | undefined> {
    const commit = await this.commit(reference)
    return commit && (await this.#isReference(reference)) ? commit : undefined
  }

  /** The tree with this id. It must exist: ids of trees come from commits and other trees. */
  async tree(oid: string): Promise<Tree> {
    const known = this.#trees.get(oid)
    if (known) return known
    let tree = this.#treesOnTheWay.get(oid)
    if (!tree) {
      tree = this.#readTree(oid).finally(() => this.#treesOnTheWay.delete(oid))
      this.#treesOnTheWay.set(oid, tree)
    }
    return tree
  }

  /** What stands at a path; the empty path is the tree itself. */
  async entryAt(treeOid: string, path: string): Promise<TreeEntry | undefined> {
    let entry: TreeEntry | undefined = { mode: MODE_TREE, oid: treeOid }
    if (path === '') return entry
    for (const name of path.split('/')) {
      if (entry.mode !== MODE_TREE) return undefined
      entry = (await this.tree(entry.oid)).get(name)
      if (!entry) return undefined
    }
    return entry
  }

  /** `oid` spares the computation of the object's name, where it is known. */
  write(kind: ObjectKind, content: Buffer, oid?: string): WrittenObject {
    return this.#writer.write(kind, content, oid)
  }

  async writeCommit(fields: CommitFields): Promise<string> {
    const { oid, stored } = this.write('commit', formatCommit(fields))
    await stored
    return oid
  }

  /** The value of a reference, unpeeled; undefined if there is none. */
  async referenceOid(name: string): Promise<string | undefined> {
    const object = await this.reader.info(name)
    return object && (await this.#isReference(name)) ? object.oid : undefined
  }

  /**
   * Whether what git found under a full name is the reference of that name. Git guesses where there is none: it takes
   * refs/tags/refs/heads/x for refs/heads/x, and whatever ends like the output of `git describe` for the commit named there.
   */
  async #isReference(name: string): Promise<boolean> {
    const bytes = Buffer.from(name, 'latin1')
    if (isFile(Buffer.concat([Buffer.from(`${this.directory}/`), bytes]))) return true
    // It may be packed with others.
    if (!isUtf8(bytes)) {
      // Not UTF-8: a command line of ours cannot carry it.
      const references = await this.listReferences(name.split('/').slice(0, 2).join('/'))
      return references.some((reference) => reference.name === name)
    }
    const args = ['show-ref', '--verify', '--quiet', bytes.toString()]
    return (await this.git.run(this.directory, args, { codes: [0, 1, 128] })).code === 0
  }

  async listReferences(
    prefix: string,
    options: { sort?: string; count?: number; signal?: AbortSignal } = {},
  ): Promise<Reference[]> {
    const args = ['for-each-ref', '--format=%(objectname) %(refname)', `--sort=${options.sort ?? 'refname'}`]
    if (options.count !== undefined) args.push(`--count=${options.count}`)
    const { stdout } = await this.git.run(this.directory, [...args, prefix], { signal: options.signal })
    return stdout
      .toString('latin1')
      .split('\n')
      .filter((line) => isObjectId(line.slice(0, 40)))
      .map((line) => ({ oid: line.slice(0, 40), name: line.slice(41) }))
  }

  async hasBranches(): Promise<boolean> {
    return (await this.listReferences('refs/heads/', { count: 1 })).length > 0
  }

  async isAncestor(ancestorOid: string, childOid: string, signal?: AbortSignal): Promise<boolean> {
    if (ancestorOid === childOid) return true
    const args = ['merge-base', '--is-ancestor', ancestorOid, childOid]
    const { code } = await this.git.run(this.directory, args, { signal, codes: [0, 1] })
    return code === 0
  }

  async #readTree(oid: string): Promise<Tree> {
    const object = await this.reader.read(oid)
    if (object?.kind !== 'tree') throw new Error(`tree ${oid} is missing`)
    const tree = parseTree(object.content)
    this.#trees.set(oid, tree, tree.size + 1)
    return tree
  }

  async close(): Promise<void> {
    await Promise.all([this.reader.close(), this.references.close(), this.#writer.close()])
  }
}

function isFile(path: Buffer): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    return false
  }
}
