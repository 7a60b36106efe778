// The directory that holds the repositories: finds, creates and removes them, and lets nothing reach outside of it.

import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, fstatSync, openSync, realpathSync, statSync } from 'node:fs'
import { appendFile, lstat, mkdir, readdir, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Git } from './program.ts'
import { Repository } from './repository.ts'

/** The path cannot be one of a repository in this storage. */
export class RelativePathError extends Error {
  constructor() {
    super('not a path inside the storage')
    this.name = 'RelativePathError'
  }
}

/** What the backend itself keeps in the storage: repositories on their way in and out. */
const OWN_DIRECTORY = '+git-backend'

const SCRATCH_PREFIX = 'scratch-'

const PATH_BYTES_MAX = 1024
const COMPONENT_BYTES_MAX = 255

/** Objects are never collected: a run must find every commit again that it was told of. */
const CONFIGURATION = `[gc]
\tauto = 0
[maintenance]
\tauto = false
[core]
\tlogAllRefUpdates = false
`

interface Opened {
  /** The repository's directory, held open. */
  fd: number
  repository: Promise<Repository>
}

export class Storage {
  readonly root: string
  readonly #git: Git
  readonly #opened = new Map<string, Opened>()
  readonly #scratch = `${SCRATCH_PREFIX}${process.pid}-${randomBytes(4).toString('hex')}`
  readonly #startedAt_ms = Date.now()

  constructor(root: string, git: Git) {
    this.root = realpathSync(root)
    this.#git = git
  }

  /** The repository at a path; undefined if there is none. */
  async open(relativePath: string): Promise<Repository | undefined> {
    const directory = this.#locate(relativePath)
    if (!isRepository(directory)) {
      await this.#forget(relativePath)
      return undefined
    }
    // Restored from a backup, say, it is another one, and git's processes would go on with the one that is gone.
    const known = this.#opened.get(relativePath)
    if (known && !isSameDirectory(known.fd, directory)) await this.#forget(relativePath)
    let opened = this.#opened.get(relativePath)
    if (!opened) {
      opened = { fd: openSync(directory, 'r'), repository: this.#prepare(directory) }
      this.#opened.set(relativePath, opened)
      opened.repository.catch(() => this.#forget(relativePath))
    }
    return opened.repository
  }

  /** False: something is there already. */
  async create(relativePath: string, defaultBranch: string): Promise<boolean> {
    const directory = this.#locate(relativePath)
    if (await exists(directory)) return false
    // Before directories are made on the way: a link there must not have them made elsewhere.
    let parent = dirname(directory)
    while (!existsSync(parent)) parent = dirname(parent)
    await this.#confine(parent)
    const building = join(this.root, OWN_DIRECTORY, `new-${randomBytes(8).toString('hex')}`)
    await mkdir(building, { recursive: true })
    try {
      await this.#git.run(building, ['init', '--quiet', '--bare', '--template=', `--initial-branch=${defaultBranch}`])
      await appendFile(join(building, 'config'), CONFIGURATION)
      await mkdir(dirname(directory), { recursive: true })
      await this.#confine(dirname(directory))
      // It appears complete or not at all, and only one of several that create it at once succeeds.
      await rename(building, directory)
      return true
    } catch (error) {
      if (isErrno(error, 'ENOTEMPTY', 'EEXIST')) return false
      if (isErrno(error, 'ENOTDIR', 'ENAMETOOLONG')) throw new RelativePathError()
      throw error
    } finally {
      await rm(building, { recursive: true, force: true })
    }
  }

  /** False: there is none. */
  async remove(relativePath: string): Promise<boolean> {
    const directory = this.#locate(relativePath)
    if (!isRepository(directory)) return false
    await this.#confine(directory)
    const removed = join(this.root, OWN_DIRECTORY, `removed-${randomBytes(8).toString('hex')}`)
    await mkdir(dirname(removed), { recursive: true })
    try {
      await rename(directory, removed)
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return false
      throw error
    }
    await this.#forget(relativePath)
    await rm(removed, { recursive: true, force: true })
    return true
  }

  async close(): Promise<void> {
    await Promise.all([...this.#opened.keys()].map((relativePath) => this.#forget(relativePath)))
  }

  async #forget(relativePath: string): Promise<void> {
    const opened = this.#opened.get(relativePath)
    this.#opened.delete(relativePath)
    if (!opened) return
    closeSync(opened.fd)
    await opened.repository.then((repository) => repository.close()).catch(() => {})
  }

  #locate(relativePath: string): string {
    const components = relativePath.split('/')
    const valid =
      relativePath.length <= PATH_BYTES_MAX &&
      components[0] !== OWN_DIRECTORY &&
      components.every(
        (component) =>
          component !== '' &&
          component !== '.' &&
          component !== '..' &&
          Buffer.byteLength(component) <= COMPONENT_BYTES_MAX &&
          // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
          !/[\x00-\x1f\x7f\\]/.test(component),
      )
    if (!valid) throw new RelativePathError()
    // A path into a repository would make its inside a repository of its own.
    for (let length = 1; length < components.length; length++) {
      if (isRepository(join(this.root, ...components.slice(0, length)))) throw new RelativePathError()
    }
    return join(this.root, ...components)
  }

  /** A link in the storage must not lead out of it. */
  async #confine(directory: string): Promise<void> {
    const real = await realpath(directory)
    if (real !== this.root && !real.startsWith(`${this.root}/`)) throw new RelativePathError()
  }

  async #prepare(directory: string): Promise<Repository> {
    await this.#confine(directory)
    await this.#cleanUp(directory)
    return new Repository(this.#git, directory, this.#scratch)
  }

  /** A backend that was killed leaves scratch files behind, and locks that would keep references from ever moving. */
  async #cleanUp(directory: string): Promise<void> {
    const names = await readdir(directory)
    const references = await readdir(join(directory, 'refs'), { recursive: true })
    const stale = names.filter((name) => name.startsWith(SCRATCH_PREFIX) && name !== this.#scratch)
    const locks = [...names, ...references.map((name) => join('refs', name))].filter((name) => name.endsWith('.lock'))
    for (const name of locks) {
      const modifiedAt_ms = await stat(join(directory, name)).then(
        (stats) => stats.mtimeMs,
        () => Number.POSITIVE_INFINITY,
      )
      if (modifiedAt_ms < this.#startedAt_ms) stale.push(name)
    }
    await Promise.all(stale.map((name) => rm(join(directory, name), { recursive: true, force: true })))
  }
}

function isRepository(directory: string): boolean {
  return ['HEAD', 'objects', 'refs'].every((name) => existsSync(join(directory, name)))
}

/** An inode is not given to another directory as long as this one is held open. */
function isSameDirectory(fd: number, path: string): boolean {
  const held = fstatSync(fd)
  const found = statSync(path, { throwIfNoEntry: false })
  return found !== undefined && found.dev === held.dev && found.ino === held.ino
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false
    if (isErrno(error, 'ENOTDIR')) throw new RelativePathError()
    throw error
  }
}

function isErrno(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}
