/**
 * The commands that jobs run: test suites, deployments, drift checks, hooks.
 *
 * `sh -lc <command>` in the server's folder. Exit code 0 is success. A command is told what it is for by variables, and gets
 * no others of the server's than harmless ones and those that the operator names: the server's secrets are not its business.
 *
 * A command does not outlive its worker, however that one ends: its job is run again elsewhere, and must not run twice.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { within } from '../bounded.ts'
import type { Config } from '../config.ts'
import { cutBytes } from '../text.ts'
import type { JobContext, JobResult } from './handler.ts'

export interface CommandRequest {
  command: string
  /** What it is run for, as results and errors name it: `msuite_submit`, `temp_env_provision_hook`, … */
  phase: string
  /** What the command is told; the job's own payload when nothing is said. */
  payload?: Record<string, unknown>
}

export type CommandResult = JobResult & { status: 'ok'; exit_code: 0; stdout: string; stderr: string }

/** Runs a command for a job until it ends or the job's signal does. */
export type RunCommand = (context: JobContext, request: CommandRequest) => Promise<CommandResult>

/** The command ended with another code than 0, or could not be started. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure'
  readonly exitCode: number | null
  readonly stdout: string

  constructor(problem: string, exitCode: number | null, stdout: string) {
    super(problem)
    this.exitCode = exitCode
    this.stdout = stdout
  }
}

const STDOUT_BYTES = 4_000
const STDERR_BYTES = 2_000
/** Read and thrown away beyond it: a command that prints without end must not fill the memory. */
const KEPT_BYTES = 64 * 1024
const LATE_OUTPUT_MS = 500
/** A command that is asked to end has this long before it is killed. */
const TERMINATE_MS = 2_000

/**
 * Waits on a pipe whose other end is the worker's alone. A line on it says that the command has ended; its end without one
 * says that the worker has, and then the command's process group is killed.
 */
const GUARD = 'read -r _ || kill -s KILL -- "-$1"'

const HARMLESS = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ', 'TMPDIR']

export function createCommandRunner(config: Pick<Config, 'commandEnvironment'>, environment = process.env): RunCommand {
  const inherited = Object.fromEntries(
    [...HARMLESS, ...config.commandEnvironment].flatMap((name) => {
      const value = environment[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )

  return async (context, { command, phase, payload }) => {
    const { job, signal } = context
    signal.throwIfAborted()
    const env = {
      ...inherited,
      CONMAN_JOB_ID: String(job._id),
      CONMAN_JOB_TYPE: pascalCase(job.job_type),
      CONMAN_JOB_ATTEMPT: String(job.attempts),
      CONMAN_APP_ID: job.app_id.toHexString(),
      CONMAN_ENTITY_TYPE: job.entity_type,
      CONMAN_ENTITY_ID: job.entity_id,
      CONMAN_JOB_PAYLOAD: JSON.stringify(payload ?? job.payload),
    }
    context.log('info', `running the command of phase ${phase}`)
    const child = start(command, env)
    const callOff = startGuard(child, env)
    const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)]
    const end = () => endGroup(child)
    signal.addEventListener('abort', end, { once: true })
    try {
      const code = await exitCodeOf(child, command)
      signal.throwIfAborted()
      if (code !== 0) {
        const said = cutBytes(stderr().trim(), STDERR_BYTES)
        const problem = `command \`${command}\` failed in phase \`${phase}\` with exit code ${code}: ${said}`
        throw new CommandFailure(problem, code, stdout())
      }
      return {
        status: 'ok',
        phase,
        command,
        exit_code: 0,
        stdout: cutBytes(stdout(), STDOUT_BYTES),
        stderr: cutBytes(stderr(), STDERR_BYTES),
      }
    } finally {
      callOff()
      signal.removeEventListener('abort', end)
    }
  }
}

function start(command: string, env: Record<string, string>): ChildProcess {
  try {
    // A group of its own: the shell's children end with it.
    return spawn('sh', ['-lc', command], { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  } catch (error) {
    throw cannotStart(command, error as Error)
  }
}

/** Answers what calls the guard off. A command whose guard cannot be started runs without one. */
function startGuard({ pid }: ChildProcess, env: Record<string, string>): () => void {
  if (pid === undefined) return () => undefined
  // It is no part of the group that it kills, nor of the worker's.
  const options: SpawnOptions = { env: { PATH: env.PATH }, detached: true, stdio: ['pipe', 'ignore', 'ignore'] }
  const guard = spawn('sh', ['-c', GUARD, 'sh', String(pid)], options)
  guard.on('error', () => undefined)
  // Without a free file descriptor there is no pipe either.
  guard.stdin?.on('error', () => undefined)
  return () => void guard.stdin?.end('\n')
}

function cannotStart(command: string, { message }: Error): CommandFailure {
  return new CommandFailure(`failed to execute command \`${command}\`: ${message}`, null, '')
}

async function exitCodeOf(child: ChildProcess, command: string): Promise<number> {
  const [code] = (await once(child, 'exit').catch((error: Error) => {
    throw cannotStart(command, error)
  })) as [number | null]
  // Output may still be on its way; a process that the command left behind in the background can hold the pipe open for
  // ever, and is not waited for.
  const closed = [child.stdout, child.stderr].map((stream) => closeOf(stream as Readable))
  await within(LATE_OUTPUT_MS, Promise.all(closed)).catch(() => undefined)
  // What a signal ended has no exit code.
  return code ?? -1
}

async function closeOf(stream: Readable): Promise<void> {
  if (!stream.closed) await once(stream, 'close')
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  const chunks: Buffer[] = []
  let bytes = 0
  stream?.on('data', (chunk: Buffer) => {
    if (bytes < KEPT_BYTES) chunks.push(chunk)
    bytes += chunk.length
  })
  return () => Buffer.concat(chunks).toString()
}

async function endGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  signalGroup(child.pid, 'SIGTERM')
  const timer = setTimeout(() => signalGroup(child.pid ?? 0, 'SIGKILL'), TERMINATE_MS)
  await gone
  clearTimeout(timer)
  // The shell is gone; what it started in the background may not be.
  signalGroup(child.pid, 'SIGKILL')
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    if (pid > 0) process.kill(-pid, signal)
  } catch {
    // No process of the group is left.
  }
}

/** `MsuiteSubmit` for `msuite_submit`. */
function pascalCase(name: string): string {
  return name
    .split('_')
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('')
}
