// Writes objects through long-lived `git hash-object -w --stdin-paths`, one small pool for each type of object.
//
// hash-object reads files, so a content goes through a scratch file inside the repository; git checks it, compresses it
// and stores it. An object's name depends on its content alone and is computed here as well: a commit, its trees and its
// blobs are then written at the same time instead of one after the other, and git's answer must be the same name.

import { createHash } from 'node:crypto'
import { closeSync, ftruncateSync, mkdirSync, openSync, write, writeSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { BatchPool, BatchProcess } from './batch-process.ts'
import type { ObjectKind } from './object-id.ts'
import type { Git } from './program.ts'

/** Requests in flight to one type's pool; each has its own scratch file. */
const SCRATCH_FILES = 8

/** Up to this size a content is written in place: handing it to a thread and back takes longer than writing it. */
const WRITE_IN_PLACE_BYTES_MAX = 64 * 1024

/** Blobs may be large, and a large one must not hold up the small ones. */
const PROCESSES: Record<ObjectKind, number> = { blob: 2, tree: 1, commit: 1, tag: 1 }

export interface WrittenObject {
  oid: string
  /** Settles once git has stored it. */
  stored: Promise<void>
}

export function objectId(kind: ObjectKind, content: Buffer): string {
  return createHash('sha1').update(`${kind} ${content.length}\0`).update(content).digest('hex')
}

export class ObjectWriter {
  readonly #git: Git
  readonly #directory: string
  readonly #scratch: string
  readonly #kinds = new Map<ObjectKind, KindWriter>()

  /** `scratch` is a directory's name inside the repository that no other process uses. */
  constructor(git: Git, directory: string, scratch: string) {
    this.#git = git
    this.#directory = directory
    this.#scratch = scratch
  }

  get pids(): number[] {
    return [...this.#kinds.values()].flatMap((writer) => writer.pids)
  }

  write(kind: ObjectKind, content: Buffer, oid = objectId(kind, content)): WrittenObject {
    let writer = this.#kinds.get(kind)
    if (!writer) {
      mkdirSync(join(this.#directory, this.#scratch), { recursive: true })
      writer = new KindWriter(this.#git, this.#directory, this.#scratch, kind)
      this.#kinds.set(kind, writer)
    }
    const stored = writer.store(oid, content)
    // Whoever waits sees the error; if nobody comes to wait, because another object failed first, it is not unhandled.
    stored.catch(() => {})
    return { oid, stored }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#kinds.values()].map((writer) => writer.close()))
    await rm(join(this.#directory, this.#scratch), { recursive: true, force: true })
  }
}

interface ScratchFile {
  path: string
  fd: number | undefined
  bytes: number
}

class KindWriter {
  readonly #directory: string
  readonly #pool: BatchPool
  readonly #free: ScratchFile[]
  readonly #files: readonly ScratchFile[]
  readonly #waiting: ((file: ScratchFile) => void)[] = []

  constructor(git: Git, directory: string, scratch: string, kind: ObjectKind) {
    this.#directory = directory
    const args = ['hash-object', '-t', kind, '-w', '--no-filters', '--stdin-paths']
    this.#pool = new BatchPool(PROCESSES[kind], () => new BatchProcess(git.start(directory, args)))
    this.#files = Array.from({ length: SCRATCH_FILES }, (_, index) => ({
      path: `${scratch}/${kind}-${index}`,
      fd: undefined,
      bytes: 0,
    }))
    this.#free = [...this.#files]
  }

  get pids(): number[] {
    return this.#pool.pids
  }

  async store(oid: string, content: Buffer): Promise<void> {
    const file = this.#free.pop() ?? (await new Promise<ScratchFile>((resolve) => this.#waiting.push(resolve)))
    try {
      file.fd ??= openSync(join(this.#directory, file.path), 'w')
      // Written over, and cut to length only if it was longer. Cutting it to nothing first would be simpler, but ext4 takes
      // that for the replacement of a precious file and writes it to the disk at the next close: half of a commit's time.
      if (content.length <= WRITE_IN_PLACE_BYTES_MAX) writeSync(file.fd, content, 0, content.length, 0)
      else await writeAll(file.fd, content)
      if (content.length < file.bytes) ftruncateSync(file.fd, content.length)
      file.bytes = content.length
      const { line } = await this.#pool.ask(`${file.path}\n`)
      if (line !== oid) throw new Error(`git stored ${line} where ${oid} was expected`)
    } finally {
      const next = this.#waiting.shift()
      if (next) next(file)
      else this.#free.push(file)
    }
  }

  async close(): Promise<void> {
    await this.#pool.close()
    for (const { fd } of this.#files) if (fd !== undefined) closeSync(fd)
  }
}

const writeAt = promisify(write)

async function writeAll(fd: number, content: Buffer): Promise<void> {
  for (let at = 0; at < content.length; ) {
    at += (await writeAt(fd, content, at, content.length - at, at)).bytesWritten
  }
}
