// Reads objects and resolves revisions through a pool of `git cat-file --batch-command`.

import { BatchPool, BatchProcess } from './batch-process.ts'
import type { ObjectKind } from './object-id.ts'
import type { Git } from './program.ts'

export interface ObjectInfo {
  oid: string
  kind: ObjectKind
  bytes: number
}

export interface StoredObject extends ObjectInfo {
  content: Buffer
}

/** Two: so that a small read need not wait for a large one. More would only compete for the same cores. */
const PROCESSES = 2

export class ObjectReader {
  readonly #pool: BatchPool

  constructor(git: Git, directory: string) {
    this.#pool = new BatchPool(
      PROCESSES,
      () => new BatchProcess(git.start(directory, ['cat-file', '--batch-command', '-z'])),
    )
  }

  get pids(): number[] {
    return this.#pool.pids
  }

  /** What a revision (see revision.ts for what may be asked) names; undefined if it names nothing. */
  async info(revision: string): Promise<ObjectInfo | undefined> {
    const { line } = await this.#pool.ask(command('info', revision))
    return parseHeader(line)
  }

  async read(revision: string): Promise<StoredObject | undefined> {
    const { line, body } = await this.#pool.ask(command('contents', revision), { bodyBytes })
    const header = parseHeader(line)
    return header && { ...header, content: body.subarray(0, header.bytes) }
  }

  close(): Promise<void> {
    return this.#pool.close()
  }
}

function command(verb: string, revision: string): Buffer {
  // Requests end in NUL. A revision with one in it would be two requests and one answer too many.
  if (revision.includes('\0')) throw new Error('a revision holds a NUL byte')
  return Buffer.from(`${verb} ${revision}\0`, 'latin1')
}

/** `<id> <type> <size>`, or the revision followed by `missing` or `ambiguous`. */
function parseHeader(line: string): ObjectInfo | undefined {
  const match = /^([0-9a-f]{40,64}) (blob|tree|commit|tag) (\d+)$/.exec(line)
  return match ? { oid: match[1]!, kind: match[2] as ObjectKind, bytes: Number(match[3]) } : undefined
}

/** The content is followed by a line feed. */
function bodyBytes(line: string): number {
  const header = parseHeader(line)
  return header ? header.bytes + 1 : 0
}
