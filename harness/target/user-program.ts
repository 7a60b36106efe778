// Runs a program that the user named: a hook, or what prints a log. No shell reads its words, its environment holds none
// of our secrets, its time and its output are bounded, and it does not outlive a harness that is killed.

import { spawn } from 'node:child_process'
import { closeSync, fstatSync, mkdirSync, openSync, readSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { FOLDER_PREFIX } from '../stack/clean-up.ts'
import { signal as signalTo } from '../stack/process-table.ts'
import { minimalEnvironment } from '../stack/processes.ts'
import { Reaper } from '../stack/reaper-client.ts'
import { stackParent } from '../stack/storage.ts'

export interface ProgramEnd {
  /** Null when a signal ended it, or when it could not be started. */
  exit_code: number | null
  signal: string | null
  /** Why we ended it, when we did. */
  ended_for: 'time' | 'output' | null
  /** Why the operating system could not start it. */
  not_started: string | null
  duration_ms: number
  stdoutFile: string
  stderrFile: string
}

/** How long it may take to end after it was asked to. */
const TERM_GRACE_MS = 2_000

/** What a program may write to each of its outputs: far more than is kept, and no danger to the disk. */
const OUTPUT_BYTES_MAX = 32 * 1024 * 1024
const LOOK_AT_OUTPUT_EVERY_MS = 200

/** Beside what programs need to run at all: where those that reach other machines find their way. */
const ALSO_INHERITED = ['SSH_AUTH_SOCK', 'KUBECONFIG', 'DOCKER_HOST']

export class UserPrograms implements AsyncDisposable {
  /** Private; gone with the harness. */
  readonly folder: string
  readonly #reaper: Reaper
  #runs = 0

  constructor() {
    const id = `programs-${process.pid}-${Date.now().toString(36)}`
    this.#reaper = new Reaper(id)
    this.folder = join(stackParent().path, `${FOLDER_PREFIX}${id}`)
    this.#reaper.registerFolder(this.folder)
    mkdirSync(this.folder, { recursive: true, mode: 0o700 })
  }

  /**
   * Runs it to its end. Never throws for what it does; only when `signal` was aborted, and then it is ended first.
   * What it leaves running when it ends by itself is left alone: a hook that starts a server does just that.
   */
  async run(
    words: readonly string[],
    options: { within_ms: number; env: Readonly<Record<string, string>>; signal: AbortSignal },
  ): Promise<ProgramEnd> {
    options.signal.throwIfAborted()
    const [program = '', ...args] = words
    const label = String(++this.#runs)
    const files = { stdoutFile: join(this.folder, `${label}.out`), stderrFile: join(this.folder, `${label}.err`) }
    // Files and not pipes: what it leaves running would be ended by a pipe that nobody reads any more.
    const outputs = [openSync(files.stdoutFile, 'wx', 0o600), openSync(files.stderrFile, 'wx', 0o600)] as const
    const started = performance.now()
    const child = spawn(program, args, {
      // A group of its own, so that all of it can be ended. It carries no marker of a stack: what it starts may stay.
      detached: true,
      stdio: ['ignore', ...outputs],
      env: { ...minimalEnvironment(), ...inherited(), ...options.env },
    })
    for (const output of outputs) closeSync(output)
    const { pid } = child
    if (pid !== undefined) this.#reaper.registerGroup(pid)

    let endedFor: 'time' | 'output' | 'abort' | null = null
    let killing: NodeJS.Timeout | undefined
    const end = (why: 'time' | 'output' | 'abort') => {
      if (endedFor !== null || pid === undefined) return
      endedFor = why
      signalTo(-pid, 'SIGTERM')
      killing = setTimeout(() => signalTo(-pid, 'SIGKILL'), TERM_GRACE_MS)
    }
    const timer = setTimeout(() => end('time'), options.within_ms)
    const watching = setInterval(() => {
      if (Object.values(files).some((file) => statSync(file).size > OUTPUT_BYTES_MAX)) end('output')
    }, LOOK_AT_OUTPUT_EVERY_MS)
    const onAbort = () => end('abort')
    options.signal.addEventListener('abort', onAbort, { once: true })
    const exit = await new Promise<Pick<ProgramEnd, 'exit_code' | 'signal' | 'not_started'>>((resolve) => {
      child.once('error', (error: NodeJS.ErrnoException) =>
        resolve({ exit_code: null, signal: null, not_started: error.code ?? error.message }),
      )
      child.once('exit', (code, signal) => resolve({ exit_code: code, signal, not_started: null }))
    })
    clearTimeout(timer)
    clearTimeout(killing)
    clearInterval(watching)
    options.signal.removeEventListener('abort', onAbort)
    if (pid !== undefined) {
      // One that had to be ended is ended whole: its children, too.
      if (endedFor !== null) signalTo(-pid, 'SIGKILL')
      this.#reaper.unregisterGroup(pid)
    }
    options.signal.throwIfAborted()
    return { ...exit, ended_for: endedFor, duration_ms: performance.now() - started, ...files }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reaper[Symbol.asyncDispose]()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function inherited(): Record<string, string> {
  return Object.fromEntries(
    ALSO_INHERITED.flatMap((name) => {
      const value = process.env[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )
}

/**
 * The bytes of a file from `from` on, the last `bytesMax` of them when there are more; then it begins with a whole line, so
 * that no half of a secret stands where nobody recognizes it.
 */
export function readEnd(file: string, bytesMax: number, from = 0): { text: string; left_out_bytes: number } {
  const descriptor = openSync(file, 'r')
  try {
    const size = fstatSync(descriptor).size
    const start = Math.max(from, size - bytesMax)
    const buffer = Buffer.alloc(Math.max(0, size - start))
    const bytes = buffer.subarray(0, readSync(descriptor, buffer, 0, buffer.length, start))
    if (start === from) return { text: bytes.toString('utf8'), left_out_bytes: 0 }
    const line = bytes.indexOf(0x0a) + 1
    const whole = line === 0 ? Buffer.alloc(0) : bytes.subarray(line)
    return { text: whole.toString('utf8'), left_out_bytes: size - from - whole.length }
  } finally {
    closeSync(descriptor)
  }
}

/** How it ended, as the end of ‘it …’. */
export function howItEnded(end: ProgramEnd, within_s: number): string {
  if (end.not_started !== null) return `could not be started (${end.not_started})`
  if (end.ended_for === 'time') return `did not end within ${within_s} s and was ended`
  if (end.ended_for === 'output') return `wrote more than ${OUTPUT_BYTES_MAX / 2 ** 20} MiB and was ended`
  return end.signal === null ? `ended with exit code ${end.exit_code}` : `was ended by ${end.signal}`
}
