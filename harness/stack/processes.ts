// One program of the stack: started in a process group of its own with the stack's marker, its output straight into a log
// file, watched until it is ready, and ended with a bound. It can be killed, frozen and started again by this handle.

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { HarnessError } from '../errors.ts'
import { AddressInUse, saysAddressInUse } from './ports.ts'
import { MARKER, residentBytes, signal } from './process-table.ts'
import type { Reaper } from './reaper-client.ts'
import { waitFor } from './wait-for.ts'

export interface ProcessSpec {
  name: string
  command: string
  args: string[]
  /** On top of the few variables that are inherited (see `minimalEnvironment`). */
  env?: Record<string, string>
  cwd?: string
  logFile: string
  ready?: Readiness
  /** How long SIGTERM is given before SIGKILL. */
  stopWithin_ms?: number
}

export interface Readiness {
  /** As the end of 'waited 5 s for …'. */
  what: string
  within_ms: number
  every_ms?: number
  /** Asked again and again until it is true. */
  probe(process: ManagedProcess): Promise<boolean> | boolean
  /** What the last probe saw, for who waited in vain. */
  instead?(): string
}

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

const LOG_LINES_SHOWN = 20
const LOG_BYTES_SHOWN_MAX = 8 * 1024
const STOP_WITHIN_MS = 3_000
const KILL_WITHIN_MS = 5_000

export class ManagedProcess implements AsyncDisposable {
  readonly spec: ProcessSpec
  readonly #reaper: Reaper
  #child: ChildProcess | undefined
  #exit: Exit | undefined
  #exited: Promise<Exit> = Promise.resolve({ code: null, signal: null })
  /** Where the log of this start begins: an earlier start's 'ready' line must not count. */
  #logOffset = 0
  #starts = 0
  #handedOver = false
  /** On top of the spec's, from the next start on. */
  #extraEnv: Readonly<Record<string, string>> = {}
  /** Groups of earlier starts, which may hold children that outlived their leader. */
  #groups = new Set<number>()

  constructor(spec: ProcessSpec, reaper: Reaper) {
    this.spec = spec
    this.#reaper = reaper
  }

  get name(): string {
    return this.spec.name
  }

  get logFile(): string {
    return this.spec.logFile
  }

  /** Of the newest start, also after its end. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  get running(): boolean {
    return this.#child !== undefined && this.#exit === undefined
  }

  /** How often it was started. */
  get starts(): number {
    return this.#starts
  }

  /** Resolves when the newest start has ended. */
  get exited(): Promise<Exit> {
    return this.#exited
  }

  get rss_bytes(): number | undefined {
    return this.running && this.pid !== undefined ? residentBytes(this.pid) : undefined
  }

  /** Starts it and returns at once; `waitUntilReady` follows. */
  spawn(): void {
    if (this.running) throw new HarnessError(`${this.name} is running already`, 'stop it first')
    const { command, args, cwd, logFile } = this.spec
    mkdirSync(dirname(logFile), { recursive: true })
    // The file itself is handed to the child: its output does not depend on the harness being there or being quick.
    const log = openSync(logFile, 'a')
    try {
      this.#logOffset = statSync(logFile).size
      this.#exit = undefined
      const child = spawn(command, args, {
        detached: true,
        stdio: ['ignore', log, log],
        env: { ...minimalEnvironment(), ...this.spec.env, ...this.#extraEnv, [MARKER]: this.#reaper.stackId },
        ...(cwd === undefined ? {} : { cwd }),
      })
      this.#child = child
      this.#starts++
      this.#exited = new Promise((resolve) => {
        child.once('error', () => resolve(this.#ended(child, { code: null, signal: null })))
        child.once('exit', (code, name) => resolve(this.#ended(child, { code, signal: name })))
      })
      if (child.pid !== undefined) {
        this.#groups.add(child.pid)
        this.#reaper.registerGroup(child.pid)
      }
    } finally {
      closeSync(log)
    }
  }

  #ended(child: ChildProcess, exit: Exit): Exit {
    if (this.#child === child) this.#exit = exit
    return exit
  }

  /** Waits for what the spec calls ready; an early end is an error at once, with the last lines of the log. */
  async waitUntilReady(signal?: AbortSignal): Promise<void> {
    const { ready } = this.spec
    if (ready === undefined) return
    await waitFor(
      async () => {
        this.#throwIfEnded()
        return await ready.probe(this)
      },
      {
        what: `${this.name}: ${ready.what}`,
        within_ms: ready.within_ms,
        ...(ready.every_ms === undefined ? {} : { every_ms: ready.every_ms }),
        signal,
        instead: () => [ready.instead?.(), this.lastLogLines()].filter(Boolean).join('\n'),
        remedy: `see ${this.logFile}`,
      },
    )
  }

  async start(signal?: AbortSignal): Promise<void> {
    this.spawn()
    await this.waitUntilReady(signal)
  }

  /** Waits for the end of a program that is meant to end, and for its success. */
  async waitForSuccess(within_ms: number, signal?: AbortSignal): Promise<void> {
    const exit = await waitFor(() => this.#exit, {
      what: `${this.name} to end`,
      within_ms,
      signal,
      instead: () => this.lastLogLines(),
    })
    if (exit.code !== 0) this.#throwIfEnded()
  }

  #throwIfEnded(): void {
    if (this.#exit === undefined) return
    const { code, signal: name } = this.#exit
    const how = this.pid === undefined ? 'could not be started' : `ended with ${name ?? `exit code ${code}`}`
    const log = this.lastLogLines()
    const message = `${this.name} (${this.spec.command}) ${how}; its last lines:\n${log}`
    if (saysAddressInUse(log)) throw new AddressInUse(message)
    throw new HarnessError(
      message,
      this.pid === undefined ? `is ${this.spec.command} a program?` : `see ${this.logFile}`,
    )
  }

  /** What this start has written so far. */
  log(): string {
    try {
      return readFileSync(this.logFile).subarray(this.#logOffset).toString('utf8')
    } catch {
      return ''
    }
  }

  /** For a message: however much it wrote, and in however long lines. */
  lastLogLines(count = LOG_LINES_SHOWN): string {
    return endOf(this.logFile, this.#logOffset, LOG_BYTES_SHOWN_MAX).trimEnd().split('\n').slice(-count).join('\n')
  }

  /** To the process alone, as the kernel's out-of-memory killer or an operator would; its children are its own affair. */
  kill(name: NodeJS.Signals): boolean {
    return this.running && this.pid !== undefined && signal(this.pid, name)
  }

  freeze(): boolean {
    return this.kill('SIGSTOP')
  }

  thaw(): boolean {
    return this.kill('SIGCONT')
  }

  /** SIGTERM, and SIGKILL to its whole group once the bound is over or the process is gone. */
  async stop(within_ms = this.spec.stopWithin_ms ?? STOP_WITHIN_MS): Promise<Exit> {
    if (this.running && within_ms > 0) {
      this.kill('SIGTERM')
      this.thaw()
      await Promise.race([this.#exited, afterBound(within_ms)])
    }
    for (const group of this.#groups) signal(-group, 'SIGKILL')
    await waitFor(() => !this.running, {
      what: `${this.name} (process ${this.pid}) to be gone after SIGKILL`,
      within_ms: KILL_WITHIN_MS,
      remedy: 'it hangs in the kernel: see dmesg',
    })
    for (const group of this.#groups) this.#reaper.unregisterGroup(group)
    this.#groups.clear()
    return await this.#exited
  }

  /** Ends it if it runs, starts it and waits until it is ready. */
  async restart(signal?: AbortSignal): Promise<void> {
    await this.stop()
    await this.start(signal)
  }

  /** The same with these variables on top of its own, until it is restarted with others. */
  async restartWith(env: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<void> {
    this.#extraEnv = env
    await this.restart(signal)
  }

  /** From here on it is not ours to end: the reaper keeps it. */
  handOver(): void {
    this.#handedOver = true
    this.#child?.unref()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#handedOver) await this.stop()
  }
}

/** The last bytes of a file, none of them before an offset. */
function endOf(file: string, offset: number, bytes_max: number): string {
  try {
    const descriptor = openSync(file, 'r')
    try {
      const { size } = fstatSync(descriptor)
      const from = Math.max(offset, size - bytes_max)
      const bytes = Buffer.alloc(Math.max(0, size - from))
      const read = readSync(descriptor, bytes, 0, bytes.length, from)
      return bytes.subarray(0, read).toString('utf8')
    } finally {
      closeSync(descriptor)
    }
  } catch {
    return ''
  }
}

/** Resolves after the bound, and keeps nothing alive for it. */
async function afterBound(within_ms: number): Promise<void> {
  await new Promise<void>((resolve) => setTimeout(resolve, within_ms).unref())
}

const INHERITED = ['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ', 'TMPDIR', 'LD_LIBRARY_PATH']

/** What programs need to run at all. Nothing else of the user's environment may change what is measured. */
export function minimalEnvironment(): Record<string, string> {
  const env: Record<string, string> = {}
  for (const name of INHERITED) {
    const value = process.env[name]
    if (value !== undefined) env[name] = value
  }
  return env
}
