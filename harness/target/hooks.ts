// The user's commands that stop and start what the harness cannot touch on a URL. What each did is kept: a fault that was
// not injected must not be taken for one that the target survived.

import { HarnessError } from '../errors.ts'
import type { Redactor } from '../evidence/redact.ts'
import type { HookName, UrlOptions } from './options.ts'
import { howItEnded, type ProgramEnd, readEnd, type UserPrograms } from './user-program.ts'

/** One line of `runs/<id>/hooks.jsonl`. */
export interface HookRecord {
  schema: 'readiness-hook/1'
  hook: HookName
  at: string
  command: string[]
  exit_code: number | null
  signal: string | null
  timed_out: boolean
  not_started: string | null
  duration_ms: number
  /** The end of each, redacted. */
  stdout: string
  stderr: string
}

/** Where the lines go: the folder of a run, once there is one. */
export interface RecordSink {
  readonly id: string
  appendJsonLine(name: string, value: unknown): void
}

/** Enough for a stack trace. */
const KEPT_BYTES_MAX = 16 * 1024

export class Hooks {
  readonly #options: Pick<UrlOptions, 'hooks' | 'givenBy'>
  readonly #programs: UserPrograms
  readonly #redactor: Redactor
  #sink: RecordSink | undefined

  constructor(options: Pick<UrlOptions, 'hooks' | 'givenBy'>, programs: UserPrograms, redactor: Redactor) {
    this.#options = options
    this.#programs = programs
    this.#redactor = redactor
  }

  has(name: HookName): boolean {
    return this.#options.hooks[name] !== undefined
  }

  recordInto(sink: RecordSink): void {
    this.#sink = sink
  }

  /** Throws a HarnessError when it was not given, or did not end well: then what rests on it cannot be verified. */
  async run(name: HookName, signal: AbortSignal, repoPath?: string): Promise<HookRecord> {
    const hook = this.#options.hooks[name]
    if (hook === undefined) throw new HarnessError(`there is no hook ${name}`, `hand it over: hooks.${name}`)
    const words = hook.words.map((word) => (repoPath === undefined ? word : word.replaceAll('{repo}', repoPath)))
    const at = new Date().toISOString()
    const end = await this.#programs.run(words, {
      within_ms: hook.timeout_s * 1_000,
      env: {
        READINESS_HOOK: name,
        READINESS_RUN: this.#sink?.id ?? '',
        ...(repoPath === undefined ? {} : { READINESS_REPO_PATH: repoPath }),
      },
      signal,
    })
    const record = this.#recordOf(name, at, words, end)
    this.#sink?.appendJsonLine('hooks.jsonl', record)
    if (end.exit_code === 0 && end.ended_for === null) return record
    const said = (record.stderr.trim() || record.stdout.trim()).split('\n').at(-1)!.slice(0, 300)
    throw new HarnessError(
      `the hook ${name} ${howItEnded(end, hook.timeout_s)}${said === '' ? '' : `: ${said}`}`,
      end.ended_for === 'time'
        ? 'a hook ends by itself: what it starts belongs into the background; or raise its time (CONMAN_HOOK_TIMEOUT_S, timeout_s)'
        : `run it by hand: ${this.#options.givenBy[`hooks.${name}`] ?? `hooks.${name}`}; its output is in hooks.jsonl of the run`,
    )
  }

  #recordOf(hook: HookName, at: string, words: readonly string[], end: ProgramEnd): HookRecord {
    return {
      schema: 'readiness-hook/1',
      hook,
      at,
      command: words.map((word) => this.#redactor.text(word)),
      exit_code: end.exit_code,
      signal: end.signal,
      timed_out: end.ended_for === 'time',
      not_started: end.not_started,
      duration_ms: Math.round(end.duration_ms),
      stdout: this.#kept(end.stdoutFile),
      stderr: this.#kept(end.stderrFile),
    }
  }

  #kept(file: string): string {
    const { text, left_out_bytes } = readEnd(file, KEPT_BYTES_MAX)
    return `${left_out_bytes === 0 ? '' : `[${left_out_bytes} bytes before this are left out]\n`}${this.#redactor.text(text)}`
  }
}
