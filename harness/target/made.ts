// What a run makes on a target that is not ours, written down before the request that makes it is sent and again after its
// answer. So nothing is lost when the harness is killed half-way: an intent without an end may have been carried out.

import { closeSync, existsSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { type Static, Type } from 'typebox'
import { EvidenceNotWritten } from '../errors.ts'
import type { Redactor } from '../evidence/redact.ts'
import { demandSchema, reasonOf } from '../evidence/store.ts'
import type { Made } from './conman/made.ts'

const OptionalText = Type.Union([Type.String(), Type.Null()])

/** A line of `runs/<id>/made.jsonl`: what the client told (conman/made.ts). Never a secret. */
export const MadeLineSchema = Type.Object(
  {
    kind: Type.String(),
    name: OptionalText,
    id: OptionalText,
    app_id: OptionalText,
    phase: Type.Union([Type.Literal('intent'), Type.Literal('made'), Type.Literal('refused')]),
  },
  { additionalProperties: false },
)
export type MadeLine = Static<typeof MadeLineSchema>

export const MADE_FILE = 'made.jsonl'

export class MadeLedger implements Disposable {
  readonly #path: string
  readonly #redactor: Redactor
  #descriptor: number | undefined

  /** The file comes with its first line. */
  constructor(path: string, redactor: Redactor) {
    this.#path = path
    this.#redactor = redactor
  }

  /** On the disk when it returns; throws EvidenceNotWritten where it cannot be: then nothing must be made. */
  record(made: Made): void {
    const { kind, name, id, app_id, phase } = made
    try {
      this.#descriptor ??= openSync(this.#path, 'a', 0o600)
      writeSync(this.#descriptor, `${JSON.stringify(this.#redactor.json({ kind, name, id, app_id, phase }))}\n`)
      fdatasyncSync(this.#descriptor)
    } catch (cause) {
      throw new EvidenceNotWritten(
        `${this.#path} could not be written (${reasonOf(cause)}); nothing more is made on the target`,
        'make room on the disk, or give another folder with --runs-dir; then run again',
        { cause },
      )
    }
  }

  [Symbol.dispose](): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#descriptor = undefined
  }
}

/** What a run wrote down, in its order. A last line that was cut short was not yet acted upon, or is an end whose intent stands. */
export function readMade(path: string): MadeLine[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n')
  // Whole lines end with a line feed, so what stands after the last one is nothing, or cut short.
  lines.pop()
  return lines.map((line, index) => {
    const made = parsed(line)
    demandSchema(MadeLineSchema, made, `${path}, line ${index + 1},`)
    return made as MadeLine
  })
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
