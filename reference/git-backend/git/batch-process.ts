// Long-lived git processes that answer one request after another, and small pools of them.

import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { collectStderr } from './program.ts'

/** The process ended before it had answered. What it was doing may or may not have happened. */
export class GitProcessError extends Error {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stderr: string

  constructor(code: number | null, signal: NodeJS.Signals | null, stderr: string) {
    super(`a git process ended (code ${code}, signal ${signal}): ${stderr.trim()}`)
    this.name = 'GitProcessError'
    this.code = code
    this.signal = signal
    this.stderr = stderr
  }
}

/** How far an answer reaches: a number of lines, or one line that says how many bytes follow it. */
export interface AnswerShape {
  lines?: number
  bodyBytes?: (line: string) => number
}

export interface Answer {
  /** The last line, its bytes as latin1. */
  line: string
  body: Buffer
}

interface Pending {
  lines: number
  bodyBytes: ((line: string) => number) | undefined
  resolve: (answer: Answer) => void
  reject: (error: Error) => void
}

/** After this long without a request the process is ended; with a request that makes no progress, it is killed. */
const QUIET_MS = 60_000

/** A process that is asked to end is killed if it is still there after this long. */
const END_MS = 2_000

const NOTHING = Buffer.alloc(0)

export class BatchProcess {
  readonly ended: Promise<void>
  readonly #child: ChildProcessWithoutNullStreams
  readonly #queue: Pending[] = []
  readonly #quiet: NodeJS.Timeout
  #line: Buffer[] = []
  #body: Buffer[] = []
  #bodyMissing = 0
  #bodyLine: string | undefined
  #served = 0
  #open = true

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child
    const stderr = collectStderr(child)
    this.#quiet = setTimeout(() => this.#onQuiet(), QUIET_MS)
    this.#quiet.unref()
    child.stdout.on('data', (chunk: Buffer) => this.#onData(chunk))
    this.ended = new Promise((resolve) => {
      const finish = (error: Error) => {
        this.#open = false
        clearTimeout(this.#quiet)
        for (const pending of this.#queue.splice(0)) pending.reject(error)
        resolve()
      }
      child.once('error', finish)
      child.once('close', (code, signal) => finish(new GitProcessError(code, signal, stderr())))
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  get pending(): number {
    return this.#queue.length
  }

  get served(): number {
    return this.#served
  }

  /** Whether it takes requests. A process that is dead but not yet buried counts as open: its requests are rejected. */
  get open(): boolean {
    return this.#open
  }

  ask(input: string | Buffer, shape: AnswerShape = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (!this.#open) {
        reject(new GitProcessError(null, null, 'already ended'))
        return
      }
      this.#queue.push({ lines: shape.lines ?? 1, bodyBytes: shape.bodyBytes, resolve, reject })
      this.#served++
      this.#quiet.refresh()
      this.#child.stdin.write(input)
    })
  }

  /** Takes no more requests, answers those it has, and ends. */
  async end(): Promise<void> {
    this.#open = false
    this.#child.stdin.end()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), END_MS)
    await this.ended
    clearTimeout(timer)
  }

  #onQuiet(): void {
    if (this.#queue.length > 0) this.#child.kill('SIGKILL')
    else void this.end()
  }

  #onData(chunk: Buffer): void {
    this.#quiet.refresh()
    let rest = chunk
    while (rest.length > 0) {
      const current = this.#queue[0]
      if (!current) {
        // It says something nobody asked for: from here on its answers cannot be told apart.
        this.#open = false
        this.#child.kill('SIGKILL')
        return
      }
      if (this.#bodyLine !== undefined) {
        const part = rest.subarray(0, this.#bodyMissing)
        this.#body.push(part)
        this.#bodyMissing -= part.length
        rest = rest.subarray(part.length)
        if (this.#bodyMissing === 0) this.#answer(this.#bodyLine)
        continue
      }
      const end = rest.indexOf(10)
      if (end < 0) {
        this.#line.push(rest)
        return
      }
      const head = rest.subarray(0, end)
      const line = (this.#line.length > 0 ? Buffer.concat([...this.#line, head]) : head).toString('latin1')
      this.#line = []
      rest = rest.subarray(end + 1)
      current.lines--
      const bodyBytes = current.bodyBytes?.(line) ?? 0
      if (bodyBytes > 0) {
        this.#bodyLine = line
        this.#bodyMissing = bodyBytes
      } else if (current.lines === 0) {
        this.#answer(line)
      }
    }
  }

  #answer(line: string): void {
    const body =
      this.#body.length === 1 ? this.#body[0]! : this.#body.length === 0 ? NOTHING : Buffer.concat(this.#body)
    this.#body = []
    this.#bodyLine = undefined
    this.#queue.shift()?.resolve({ line, body })
  }
}

/** A git process keeps what it has parsed. After this many requests it is replaced, so its memory stays bounded. */
const SERVED_MAX = 20_000

export class BatchPool {
  readonly #start: () => BatchProcess
  readonly #size: number
  #processes: BatchProcess[] = []
  #closed = false

  constructor(size: number, start: () => BatchProcess) {
    this.#size = size
    this.#start = start
  }

  get pids(): number[] {
    return this.#processes.flatMap((process) => (process.open && process.pid !== undefined ? [process.pid] : []))
  }

  async ask(input: string | Buffer, shape?: AnswerShape): Promise<Answer> {
    if (this.#closed) throw new GitProcessError(null, null, 'the repository is closed')
    return this.#pick().ask(input, shape)
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#processes.map((process) => process.end()))
  }

  /** The least busy one; a further one is started only when all are busy. */
  #pick(): BatchProcess {
    let best: BatchProcess | undefined
    let open = 0
    for (const process of this.#processes) {
      if (!process.open) continue
      if (process.served >= SERVED_MAX) {
        void process.end()
        continue
      }
      open++
      if (!best || process.pending < best.pending) best = process
    }
    if (best && (best.pending === 0 || open >= this.#size)) return best
    const process = this.#start()
    this.#processes.push(process)
    void process.ended.then(() => {
      this.#processes = this.#processes.filter((other) => other !== process)
    })
    return process
  }
}
