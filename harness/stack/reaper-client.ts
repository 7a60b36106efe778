// The harness's side of the reaper. Starts it, tells it what to clean, starts another one when it dies, and at the end lets
// it do the last sweep. See reaper.ts.

import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { HarnessError } from '../errors.ts'
import { cleanUp } from './clean-up.ts'
import { type ProcessIdentity, startOf } from './process-table.ts'
import type { ReaperAnswer, ReaperRequest } from './reaper-protocol.ts'

const REAPER = fileURLToPath(new URL('./reaper.ts', import.meta.url))

/** Longer than all the reaper's own bounds (clean-up.ts) together, with room for a large folder. */
const CLOSE_WITHIN_MS = 20_000
const KEEP_WITHIN_MS = 10_000
/** A reaper that somebody kills is replaced; one that cannot run at all is not started for ever. */
const REPLACEMENTS_MAX = 10

export class Reaper implements AsyncDisposable {
  readonly stackId: string
  #child: ChildProcess
  #exited: Promise<void>
  #ending = false
  #kept = false
  #replacements = 0
  #groups = new Map<number, ProcessIdentity>()
  #folders = new Set<string>()
  #onAnswer: ((answer: ReaperAnswer) => void) | undefined

  /** It needs no answer to begin with: what is written waits in the pipe, also when the harness ends before it is read. */
  constructor(stackId: string) {
    this.stackId = stackId
    ;[this.#child, this.#exited] = this.#start()
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  #start(): [ChildProcess, Promise<void>] {
    const child = spawn(process.execPath, [REAPER, this.stackId], {
      // A session of its own: the terminal's Ctrl-C and hang-up do not reach it.
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
      // Nothing that only the harness should know, and not the stack's marker.
      env: { PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: process.env.TMPDIR },
      cwd: '/',
    })
    // It must not keep a harness alive that has nothing else to do: that harness's end is what it waits for.
    child.unref()
    for (const stream of [child.stdin, child.stdout]) (stream as unknown as { unref(): void }).unref()
    child.stdin.on('error', () => {})
    createInterface({ input: child.stdout }).on('line', (line) => this.#onAnswer?.(JSON.parse(line) as ReaperAnswer))
    const exited = new Promise<void>((resolve) => {
      child.once('error', () => resolve())
      child.once('exit', () => resolve())
    })
    void exited.then(() => {
      if (this.#ending || this.#kept || this.#child !== child) return
      this.#replace()
    })
    return [child, exited]
  }

  #replace(): void {
    if (++this.#replacements > REPLACEMENTS_MAX) return
    ;[this.#child, this.#exited] = this.#start()
    for (const path of this.#folders) this.#tell({ do: 'register-folder', path })
    for (const leader of this.#groups.values()) this.#tell({ do: 'register-group', ...leader })
  }

  #tell(request: ReaperRequest): void {
    if (this.#replacements > REPLACEMENTS_MAX) {
      throw new HarnessError(
        'the process that cleans up after the harness does not stay alive',
        'see what ends it: dmesg, ulimit -u',
      )
    }
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`)
  }

  /** `leader` is the id of a process that was started in a group of its own. */
  registerGroup(leader: number): void {
    const started = startOf(leader)
    // It ended already; if it left children, their marker is what finds them.
    if (started === undefined) return
    const identity = { pid: leader, started }
    this.#groups.set(leader, identity)
    this.#tell({ do: 'register-group', ...identity })
  }

  unregisterGroup(leader: number): void {
    const identity = this.#groups.get(leader)
    if (identity === undefined) return
    this.#groups.delete(leader)
    this.#tell({ do: 'unregister-group', ...identity })
  }

  registerFolder(path: string): void {
    this.#folders.add(path)
    this.#tell({ do: 'register-folder', path })
  }

  /** From here on the reaper cleans only when it is told to, by a signal; the harness may end. Resolves once the file is there. */
  async keep(file: string, state: Record<string, unknown>): Promise<void> {
    const answered = new Promise<ReaperAnswer>((resolve, reject) => {
      const timer = setTimeout(
        () =>
          reject(new HarnessError(`the reaper did not write ${file} within ${KEEP_WITHIN_MS / 1000} s`, 'run again')),
        KEEP_WITHIN_MS,
      )
      this.#onAnswer = (answer) => {
        clearTimeout(timer)
        resolve(answer)
      }
    })
    this.#tell({ do: 'keep', file, state })
    const answer = await answered
    if (!answer.kept)
      throw new HarnessError(
        `${file} could not be written: ${answer.why}`,
        'set XDG_STATE_HOME to a folder that you may write to',
      )
    this.#kept = true
    this.#child.stdin?.end()
  }

  /** Lets it end whatever is left and remove the folders, and waits for it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ending || this.#kept) return
    this.#ending = true
    this.#child.ref()
    this.#child.stdin?.end()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), CLOSE_WITHIN_MS)
    })
    const how = await Promise.race([this.#exited, late])
    clearTimeout(timer)
    if (how !== 'late' && this.#child.exitCode === 0) return
    // It was killed at the last moment, or it is stuck: the same work from here.
    this.#child.kill('SIGKILL')
    const left = await cleanUp({
      stackId: this.stackId,
      groups: [...this.#groups.values()],
      folders: [...this.#folders],
    })
    if (left.length > 0)
      throw new HarnessError(`the stack left behind: ${left.join(', ')}`, 'end and remove these by hand')
  }
}
