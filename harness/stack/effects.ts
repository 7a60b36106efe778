// The ledger of effects: what deployments really did. Every stack of our own gives Conman a deploy command that notes its
// beginning and its end in a file, so that a deployment that was done twice, or not at all, shows whatever the API says of it.
// It can be held: while it is, deployments stay under way.

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { HarnessError } from '../errors.ts'
import { quoteWords } from '../quoting.ts'

/** The variable that Conman takes the command from (data-and-runtime §5.1). */
export const DEPLOY_COMMAND = 'CONMAN_DEPLOY_RELEASE_CMD'

/** One line of the ledger: a deploy command began, or ended well. A command that was killed never ended. */
export interface Effect {
  phase: 'begin' | 'end'
  deployment_id: string
  /** Of the command's shell: its beginning and its end carry the same. */
  pid: number
  at_s: number
  /** As its payload said them; null where it did not. */
  environment_id: string | null
  release_id: string | null
}

export interface EffectsRead {
  /** In the order in which they happened: lines are appended. */
  effects: Effect[]
  /** Lines that are none of the command's, such as one that was cut short. */
  unreadable: number
}

/** Far above what a run makes: a line is about 400 bytes. */
const LEDGER_BYTES_MAX = 64 * 1024 * 1024

const HELD_LOOK_S = 0.05

/**
 * One write for each line, so that lines of commands that run at the same time do not mix. The payload is told on one line,
 * whatever its JSON looks like.
 */
export function effectsCommand(file: string): string {
  const ledger = quoteWords([file])
  const held = quoteWords([heldFile(file)])
  const line = (phase: string, rest: string) =>
    `printf '${phase} %s %s %s %s\\n' "$CONMAN_ENTITY_ID" "$$" "$(date +%s)" ${rest} >> ${ledger}`
  return [
    line('begin', `"$(printf %s "$CONMAN_JOB_PAYLOAD" | tr '\\r\\n' '  ')"`),
    `while [ -e ${held} ]; do sleep ${HELD_LOOK_S}; done`,
    line('end', "'{}'"),
  ].join(' && ')
}

export class EffectsLedger {
  readonly #file: string

  constructor(file: string) {
    this.#file = file
  }

  /** Everything that was noted so far; nothing where no deployment began. */
  read(): EffectsRead {
    if (!existsSync(this.#file)) return { effects: [], unreadable: 0 }
    const text = readFileSync(this.#file, 'utf8')
    if (text.length > LEDGER_BYTES_MAX) {
      throw new HarnessError('the ledger of effects is larger than any run makes it', `look at ${this.#file}`)
    }
    return parseEffects(text)
  }

  /** From now on no deployment ends, until what is answered is disposed of. */
  hold(): Disposable {
    const held = heldFile(this.#file)
    writeFileSync(held, '')
    return { [Symbol.dispose]: () => rmSync(held, { force: true }) }
  }
}

function heldFile(file: string): string {
  return `${file}.held`
}

export function parseEffects(text: string): EffectsRead {
  const lines = text.split('\n')
  // What follows the last line break is nothing, or a line that was cut short.
  const rest = lines.pop()
  const effects = lines.map(effectOf)
  const read = effects.filter((effect) => effect !== undefined)
  return { effects: read, unreadable: effects.length - read.length + (rest === '' ? 0 : 1) }
}

function effectOf(line: string): Effect | undefined {
  const match = /^(begin|end) ([0-9A-Za-z_:-]{1,200}) (\d{1,10}) (\d{1,12}) (\{.*\})\s*$/.exec(line)
  if (match === null) return undefined
  const [, phase, deployment_id, pid, at_s, json] = match as unknown as [string, Effect['phase'], ...string[]]
  let payload: Record<string, unknown>
  try {
    payload = JSON.parse(json!) as Record<string, unknown>
  } catch {
    return undefined
  }
  const text = (name: string) => (typeof payload[name] === 'string' ? payload[name] : null)
  return {
    phase,
    deployment_id: deployment_id!,
    pid: Number(pid),
    at_s: Number(at_s),
    environment_id: text('environment_id'),
    release_id: text('release_id'),
  }
}
