// An oracle for file actions: the same edits on real files in a git work tree. The file system decides what is possible, and
// `git add` and `git write-tree` what tree comes of it. Nothing of the backend's code is used.

import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  type Stats,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { status as Code } from '@grpc/grpc-js'
import { gitOn } from '../temporary-backend.ts'

export type Action =
  | { kind: 'create'; path: Buffer; content: Buffer; executable: boolean }
  | { kind: 'update'; path: Buffer; content: Buffer }
  /** Without content it is kept. */
  | { kind: 'move'; path: Buffer; from: Buffer; content: Buffer | undefined }
  | { kind: 'delete'; path: Buffer }
  | { kind: 'chmod'; path: Buffer; executable: boolean }
  | { kind: 'create-dir'; path: Buffer }

/** The action is impossible; the codes by which the backend may say so. */
export class Refused extends Error {
  readonly codes: readonly Code[]

  constructor(...codes: Code[]) {
    super(`refused: ${codes.map((code) => Code[code]).join(' or ')}`)
    this.codes = codes
  }
}

export class WorkTree {
  readonly #directory: string
  #tree: string

  constructor(directory: string, from?: WorkTree) {
    this.#directory = directory
    if (from) {
      cpSync(from.#directory, directory, { recursive: true })
      this.#tree = from.#tree
      return
    }
    mkdirSync(directory)
    gitOn(directory, ['init', '--quiet'])
    this.#tree = gitOn(directory, ['write-tree']).trim()
  }

  /** The id of the tree that all the actions make. One that is impossible undoes those before it, and throws. */
  apply(actions: readonly Action[]): string {
    // What is malformed is refused before anything is looked for.
    for (const action of actions) {
      checkPath(action.path)
      if (action.kind === 'move') checkPath(action.from)
    }
    try {
      for (const action of actions) this.#apply(action)
    } catch (error) {
      gitOn(this.#directory, ['read-tree', '--reset', '-u', this.#tree])
      gitOn(this.#directory, ['clean', '-ffdxq'])
      throw error
    }
    if (actions.length > 0) {
      gitOn(this.#directory, ['add', '--all', '--force', '.'])
      this.#tree = gitOn(this.#directory, ['write-tree']).trim()
    }
    return this.#tree
  }

  /** Every file, sorted by path. */
  files(): { path: Buffer; content: Buffer }[] {
    const found: { path: Buffer; content: Buffer }[] = []
    const visit = (prefix: Buffer) => {
      for (const name of readdirSync(this.#at(prefix), { encoding: 'buffer' })) {
        if (prefix.length === 0 && name.equals(Buffer.from('.git'))) continue
        const path = prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name])
        if (lstatSync(this.#at(path)).isDirectory()) visit(path)
        else found.push({ path, content: readFileSync(this.#at(path)) })
      }
    }
    visit(Buffer.alloc(0))
    return found.sort((a, b) => a.path.compare(b.path))
  }

  #apply(action: Action): void {
    switch (action.kind) {
      case 'create':
        if (this.#isFile(action.path)) throw new Refused(Code.ALREADY_EXISTS)
        this.#write(action.path, action.content, action.executable)
        break
      case 'update':
        this.#write(action.path, action.content, isExecutable(this.#requireFile(action.path)))
        break
      case 'move': {
        const taken = this.#isFile(action.path)
        if (!this.#isFile(action.from)) throw new Refused(Code.NOT_FOUND, ...(taken ? [Code.ALREADY_EXISTS] : []))
        if (taken) throw new Refused(Code.ALREADY_EXISTS)
        const executable = isExecutable(this.#requireFile(action.from))
        const content = action.content ?? readFileSync(this.#at(action.from))
        this.#delete(action.from)
        this.#write(action.path, content, executable)
        break
      }
      case 'delete':
        this.#requireFile(action.path)
        this.#delete(action.path)
        break
      case 'chmod':
        this.#requireFile(action.path)
        chmodSync(this.#at(action.path), action.executable ? 0o755 : 0o644)
        break
      case 'create-dir':
        if (this.#stat(action.path)) throw new Refused(Code.ALREADY_EXISTS)
        this.#write(Buffer.concat([action.path, Buffer.from('/.gitkeep')]), Buffer.alloc(0), false)
        break
    }
  }

  #write(path: Buffer, content: Buffer, executable: boolean): void {
    const file = this.#at(path)
    // A directory in the place makes way; a file where a directory is needed does not.
    if (this.#stat(path)?.isDirectory()) rmSync(file, { recursive: true })
    try {
      mkdirSync(file.subarray(0, file.lastIndexOf('/')), { recursive: true })
    } catch (error) {
      if (isErrno(error, 'EEXIST', 'ENOTDIR')) throw new Refused(Code.ALREADY_EXISTS)
      throw error
    }
    writeFileSync(file, content)
    chmodSync(file, executable ? 0o755 : 0o644)
  }

  /** Git has no empty directories: those that become empty go too. */
  #delete(path: Buffer): void {
    unlinkSync(this.#at(path))
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const parent = this.#at(path.subarray(0, end))
      if (readdirSync(parent).length > 0) return
      rmdirSync(parent)
    }
  }

  #requireFile(path: Buffer): Stats {
    const stats = this.#stat(path)
    if (!stats?.isFile()) throw new Refused(Code.NOT_FOUND)
    return stats
  }

  #isFile(path: Buffer): boolean {
    return this.#stat(path)?.isFile() ?? false
  }

  #stat(path: Buffer): Stats | undefined {
    try {
      return lstatSync(this.#at(path))
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined
      throw error
    }
  }

  #at(path: Buffer): Buffer {
    return Buffer.concat([Buffer.from(`${this.#directory}/`), path])
  }
}

function isExecutable(stats: Stats): boolean {
  return (stats.mode & 0o111) !== 0
}

/** Contract 4.1 and 4.4: which paths are refused whatever is in the tree. */
function checkPath(path: Buffer): void {
  const parts = path.toString('latin1').split('/')
  if (parts.includes('.git')) throw new Refused(Code.INTERNAL, Code.INVALID_ARGUMENT)
  if (parts.some((part) => part === '' || part === '.' || part === '..' || part.includes('\0'))) {
    throw new Refused(Code.INVALID_ARGUMENT)
  }
}

function isErrno(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}
