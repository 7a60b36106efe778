// Changes files in a tree: reads only the directories on the way, and writes only those that changed.

import type { WrittenObject } from './object-writer.ts'
import type { Repository } from './repository.ts'
import { formatTree, MODE_TREE, type TreeEntry } from './tree-object.ts'

interface Directory {
  entries: Map<string, TreeEntry | Directory>
  /** Its id as long as nothing in it has changed. */
  oid: string | undefined
}

export class TreeEditor {
  readonly #repository: Repository
  #root: TreeEntry | Directory

  constructor(repository: Repository, rootOid: string) {
    this.#repository = repository
    this.#root = { mode: MODE_TREE, oid: rootOid }
  }

  /** The file (or link, or submodule) at a path, `directory`, or undefined. */
  async find(path: string): Promise<TreeEntry | 'directory' | undefined> {
    let directory = await this.#openRoot()
    const names = path.split('/')
    const last = names.pop()!
    for (const name of names) {
      const next = await this.#open(directory, name)
      if (!next) return undefined
      directory = next
    }
    const entry = directory.entries.get(last)
    if (!entry) return undefined
    return 'entries' in entry || entry.mode === MODE_TREE ? 'directory' : entry
  }

  /** The first file that stands where a path needs a directory. */
  async fileOnTheWay(path: string): Promise<string | undefined> {
    const names = path.split('/')
    for (let length = 1; length < names.length; length++) {
      const parent = names.slice(0, length).join('/')
      const found = await this.find(parent)
      if (found === undefined) return undefined
      if (found !== 'directory') return parent
    }
    return undefined
  }

  /** Puts a file at a path, in place of whatever is there, and makes the directories that it needs. */
  async put(path: string, entry: TreeEntry): Promise<void> {
    const names = path.split('/')
    const last = names.pop()!
    let directory = await this.#openRoot()
    directory.oid = undefined
    for (const name of names) {
      let next = await this.#open(directory, name)
      if (!next) {
        next = { entries: new Map(), oid: undefined }
        directory.entries.set(name, next)
      }
      next.oid = undefined
      directory = next
    }
    directory.entries.set(last, entry)
  }

  /** Takes a file away, and the directories that this leaves empty. */
  async remove(path: string): Promise<void> {
    const names = path.split('/')
    const last = names.pop()!
    const way = [await this.#openRoot()]
    for (const name of names) {
      const next = await this.#open(way.at(-1)!, name)
      if (!next) return
      way.push(next)
    }
    way.at(-1)!.entries.delete(last)
    for (const directory of way) directory.oid = undefined
    for (let depth = way.length - 1; depth > 0; depth--) {
      if (way[depth]!.entries.size > 0) break
      way[depth - 1]!.entries.delete(names[depth - 1]!)
    }
  }

  /** Writes the changed directories; the tree exists once all of `written` are stored. */
  write(): { oid: string; written: WrittenObject[] } {
    const written: WrittenObject[] = []
    return { oid: this.#write(this.#root, written), written }
  }

  #write(node: TreeEntry | Directory, written: WrittenObject[]): string {
    if (!('entries' in node)) return node.oid
    if (node.oid !== undefined) return node.oid
    const entries: [string, TreeEntry][] = []
    for (const [name, entry] of node.entries) {
      entries.push([name, 'entries' in entry ? { mode: MODE_TREE, oid: this.#write(entry, written) } : entry])
    }
    const object = this.#repository.write('tree', formatTree(entries))
    written.push(object)
    return object.oid
  }

  async #openRoot(): Promise<Directory> {
    if ('entries' in this.#root) return this.#root
    const root = await this.#load(this.#root.oid)
    this.#root = root
    return root
  }

  async #open(parent: Directory, name: string): Promise<Directory | undefined> {
    const entry = parent.entries.get(name)
    if (!entry) return undefined
    if ('entries' in entry) return entry
    if (entry.mode !== MODE_TREE) return undefined
    const directory = await this.#load(entry.oid)
    parent.entries.set(name, directory)
    return directory
  }

  async #load(oid: string): Promise<Directory> {
    return { entries: new Map(await this.#repository.tree(oid)), oid }
  }
}
