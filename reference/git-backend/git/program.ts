// Starts the git program: always in the same environment, always inside one repository, and never outliving the server.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'

/** A git command ended with an exit code that its caller did not expect; without one, it was killed. */
export class GitCommandError extends Error {
  readonly code: number | null
  readonly stderr: string

  constructor(command: string, code: number | null, stderr: string) {
    super(`git ${command} ended with code ${code}: ${stderr.trim()}`)
    this.name = 'GitCommandError'
    this.code = code
    this.stderr = stderr
  }
}

/** What git is started with. Nothing of the caller's environment but PATH gets through, so no host changes a result. */
function environment(): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    LC_ALL: 'C',
    TZ: 'UTC',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'safe.directory',
    GIT_CONFIG_VALUE_0: '*',
    // The working directory is the repository. Without this git would look for one in the parent directories.
    GIT_DIR: '.',
    GIT_LITERAL_PATHSPECS: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    // glibc gives memory back to the kernel after each object and faults it in again for the next one: a fifth of the
    // time of a long-lived `hash-object`. Other C libraries ignore these two.
    MALLOC_TRIM_THRESHOLD_: '67108864',
    MALLOC_TOP_PAD_: '1048576',
  }
}

/** One-shot commands at a time. Forking is what they cost; more at once only delays each of them on a few cores. */
const COMMANDS_MAX = 8

interface CommandOptions {
  /** Ends the command when it is aborted. */
  signal?: AbortSignal | undefined
  /** Exit codes that are answers; 0 alone if they are not given. */
  codes?: readonly number[]
}

/** Of a failing program's stderr this much is kept for the log. */
const STDERR_BYTES_MAX = 16 * 1024

export class Git {
  readonly program: string
  readonly #environment = environment()
  readonly #children = new Set<ChildProcessWithoutNullStreams>()
  readonly #waiting: (() => void)[] = []
  #commands = 0
  #closed = false

  constructor(program: string) {
    this.program = program
  }

  /** Starts a process whose end the caller waits for. It is ended with the server at the latest. */
  start(directory: string, args: readonly string[]): ChildProcessWithoutNullStreams {
    if (this.#closed) throw new Error('the git backend is shutting down')
    const child = spawn(this.program, args, { cwd: directory, env: this.#environment, stdio: 'pipe' })
    this.#children.add(child)
    child.once('close', () => this.#children.delete(child))
    // A child that dies takes its pipe with it. Its end is reported by 'close', so the broken pipe says nothing new.
    child.stdin.on('error', () => {})
    return child
  }

  /**
   * Yields what a command prints, as it prints it. A consumer that stops, or an aborted signal, ends the command. From its
   * first output on it goes at its consumer's pace, so it no longer counts among those at a time: callers that do not read
   * on must not hold up the others.
   */
  async *stream(
    directory: string,
    args: readonly string[],
    options: CommandOptions = {},
  ): AsyncGenerator<Buffer, number> {
    let counted = true
    const leave = () => {
      if (counted) this.#leave()
      counted = false
    }
    await this.#enter()
    try {
      const output = this.#output(directory, args, options)
      try {
        for (;;) {
          const next = await output.next()
          if (next.done) return next.value
          leave()
          yield next.value
        }
      } finally {
        await output.return(0)
      }
    } finally {
      leave()
    }
  }

  /** Runs a command to its end. Exit codes that are not in `codes` are errors. */
  async run(
    directory: string,
    args: readonly string[],
    options: CommandOptions = {},
  ): Promise<{ code: number; stdout: Buffer }> {
    const chunks: Buffer[] = []
    await this.#enter()
    try {
      const output = this.#output(directory, args, options)
      for (;;) {
        const next = await output.next()
        if (next.done) return { code: next.value, stdout: Buffer.concat(chunks) }
        chunks.push(next.value)
      }
    } finally {
      this.#leave()
    }
  }

  async *#output(
    directory: string,
    args: readonly string[],
    { signal, codes = [0] }: CommandOptions,
  ): AsyncGenerator<Buffer, number> {
    signal?.throwIfAborted()
    const child = this.start(directory, args)
    const stderr = collectStderr(child)
    const closed = ended(child)
    // Its error is seen when the output has ended; until then nobody listens, and that is all right.
    closed.catch(() => {})
    const kill = () => child.kill('SIGKILL')
    signal?.addEventListener('abort', kill, { once: true })
    try {
      child.stdin.end()
      for await (const chunk of child.stdout) yield chunk as Buffer
      const code = await closed
      signal?.throwIfAborted()
      if (code === null || !codes.includes(code)) throw new GitCommandError(args[0] ?? '', code, stderr())
      return code
    } finally {
      signal?.removeEventListener('abort', kill)
      kill()
      await closed.catch(() => {})
    }
  }

  /** Ends every process that is still there, and returns when none is. */
  async close(): Promise<void> {
    this.#closed = true
    const children = [...this.#children]
    const ends = children.map((child) => once(child, 'close').catch(() => {}))
    for (const child of children) child.kill('SIGKILL')
    await Promise.all(ends)
  }

  async #enter(): Promise<void> {
    if (this.#commands < COMMANDS_MAX) this.#commands++
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #leave(): void {
    // The place passes to the next in the queue, so the count stays as it is.
    const next = this.#waiting.shift()
    if (next) next()
    else this.#commands--
  }
}

/** Keeps the first part of what the process says on stderr; the rest is read and dropped, for a full pipe would stop it. */
export function collectStderr(child: ChildProcessWithoutNullStreams): () => string {
  let text = ''
  child.stderr.setEncoding('latin1')
  child.stderr.on('data', (chunk: string) => {
    if (text.length < STDERR_BYTES_MAX) text += chunk
  })
  return () => text
}

/** The exit code, null after a signal. Rejects when the process could not be started. */
function ended(child: ChildProcessWithoutNullStreams): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(code))
  })
}
