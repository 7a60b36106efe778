// Moves references through one long-lived `git update-ref --stdin`: all or nothing, each checked against its old value.

import { rm, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { BatchPool, BatchProcess, GitProcessError } from './batch-process.ts'
import { isObjectId, ZERO_OID } from './object-id.ts'
import type { Git } from './program.ts'

export interface ReferenceUpdate {
  /** The full name, its bytes as latin1. It must have passed `isReferenceName`. */
  name: string
  /** All zeros deletes the reference. */
  newOid: string
  /** All zeros: it must not exist. Undefined: unchecked. */
  oldOid: string | undefined
}

/** Why git refused: a reference was not at its old value, is being written, clashes with another, or would be invalid. */
export type RefusalReason = 'mismatch' | 'locked' | 'name-taken' | 'object'

export class ReferenceRefusal extends Error {
  readonly reason: RefusalReason
  readonly reference: string | undefined
  /** The value found, for a mismatch, as far as git tells. */
  readonly actualOid: string | undefined

  constructor(reason: RefusalReason, reference: string | undefined, actualOid: string | undefined) {
    super(`reference update refused: ${reason}`)
    this.name = 'ReferenceRefusal'
    this.reason = reason
    this.reference = reference
    this.actualOid = actualOid
  }
}

export class ReferenceUpdater {
  readonly #directory: string
  readonly #pool: BatchPool
  #last: Promise<unknown> = Promise.resolve()

  constructor(git: Git, directory: string) {
    this.#directory = directory
    this.#pool = new BatchPool(
      1,
      () => new BatchProcess(git.start(directory, ['update-ref', '--no-deref', '-z', '--stdin'])),
    )
  }

  get pids(): number[] {
    return this.#pool.pids
  }

  /** One transaction after the other: two at once would only meet each other's locks. */
  update(updates: readonly ReferenceUpdate[]): Promise<void> {
    const result = this.#last.then(() => this.#transact(updates))
    this.#last = result.catch(() => {})
    return result
  }

  close(): Promise<void> {
    return this.#pool.close()
  }

  async #transact(updates: readonly ReferenceUpdate[]): Promise<void> {
    let input = 'start\0'
    for (const { name, newOid, oldOid = '' } of updates) {
      if (name.includes('\0') || !isObjectId(newOid) || !(oldOid === '' || isObjectId(oldOid))) {
        throw new Error('malformed reference update')
      }
      input += `update ${name}\0${newOid}\0${oldOid}\0`
    }
    input += 'prepare\0commit\0'
    try {
      await this.#pool.ask(Buffer.from(input, 'latin1'), { lines: 3 })
    } catch (error) {
      if (!(error instanceof GitProcessError)) throw error
      // A refused transaction ends the process, and says why on stderr.
      const refusal = parseRefusal(error.stderr)
      if (refusal) throw refusal
      if (error.signal) await this.#removeLocks(updates)
      throw error
    }
  }

  /** A killed git leaves its lock files behind, and then nobody could ever move these references again. */
  async #removeLocks(updates: readonly ReferenceUpdate[]): Promise<void> {
    const directory = Buffer.from(`${this.#directory}/`)
    const locks = updates.map(({ name }) => Buffer.concat([directory, Buffer.from(`${name}.lock`, 'latin1')]))
    await Promise.all(locks.map((lock) => unlink(lock).catch(() => {})))
    if (updates.some(({ newOid }) => newOid === ZERO_OID)) {
      await rm(join(this.#directory, 'packed-refs.lock'), { force: true })
    }
  }
}

/** Reads git's English. References hold quotes, but no spaces, so none can imitate these sentences. */
export function parseRefusal(stderr: string): ReferenceRefusal | undefined {
  const reference = /cannot lock ref '(\S+)'/.exec(stderr)?.[1]
  const found = /is at ([0-9a-f]{40}) but expected/.exec(stderr)?.[1]
  if (found) return new ReferenceRefusal('mismatch', reference, found)
  if (/reference already exists/.test(stderr)) return new ReferenceRefusal('mismatch', reference, undefined)
  if (/unable to resolve reference|reference is missing but expected/.test(stderr)) {
    return new ReferenceRefusal('mismatch', reference, ZERO_OID)
  }
  if (/\.lock': File exists/.test(stderr)) return new ReferenceRefusal('locked', reference, undefined)
  if (/exists; cannot create|there are still (refs|logs) under|cannot process .* at the same time/.test(stderr)) {
    return new ReferenceRefusal('name-taken', reference, undefined)
  }
  if (/nonexistent object|non-commit object|missing object|trying to write ref/.test(stderr)) {
    return new ReferenceRefusal('object', reference, undefined)
  }
  return undefined
}
