// Runs a short-lived program to its end, with a bound on its time, and returns what it wrote. Never throws for what the
// program did: the callers decide what an exit code means.

import { spawn } from 'node:child_process'

export interface ProgramResult {
  /** `null` when it was ended by a signal or could not be started. */
  code: number | null
  stdout: string
  stderr: string
  timedOut: boolean
  /** Why the operating system could not start it, e.g. `ENOENT`. */
  failedToStart?: string
}

export interface RunOptions {
  within_ms: number
  env?: NodeJS.ProcessEnv
  cwd?: string
  signal?: AbortSignal | undefined
}

/** Enough for every message that is read here; a program that writes without end must not fill the memory. */
const OUTPUT_CHARS_MAX = 256 * 1024

export async function runProgram(command: string, args: string[], options: RunOptions): Promise<ProgramResult> {
  options.signal?.throwIfAborted()
  return await new Promise<ProgramResult>((resolve, reject) => {
    const child = spawn(command, args, {
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that a compiler's or a downloader's children end with it.
      detached: true,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    })
    let stdout = ''
    let stderr = ''
    let timedOut = false
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout = (stdout + text).slice(-OUTPUT_CHARS_MAX)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-OUTPUT_CHARS_MAX)
    })
    const end = () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      } catch {
        child.kill('SIGKILL')
      }
    }
    const timer = setTimeout(() => {
      timedOut = true
      end()
    }, options.within_ms)
    // Our own end must end it too: it is in another process group and would not see the terminal's Ctrl-C.
    process.once('exit', end)
    options.signal?.addEventListener('abort', end, { once: true })
    const settle = () => {
      clearTimeout(timer)
      process.off('exit', end)
      options.signal?.removeEventListener('abort', end)
    }
    child.once('error', (error: NodeJS.ErrnoException) => {
      settle()
      resolve({ code: null, stdout, stderr, timedOut, failedToStart: error.code ?? error.message })
    })
    child.once('close', (code) => {
      settle()
      if (options.signal?.aborted) reject(options.signal.reason)
      else resolve({ code, stdout, stderr, timedOut })
    })
  })
}

/** The last lines of what a program wrote, for an error message. */
export function lastLines(result: ProgramResult, count = 8): string {
  const text = result.stderr.trim() === '' ? result.stdout : result.stderr
  return text.trimEnd().split('\n').slice(-count).join('\n')
}
