// Conman itself on the stack: the environment that it is given, the programs that are started, and when they count as ready.
// Which program it is does not matter here: anything with Conman's command line and variables is started the same way.

import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ManagedProcess, type Readiness } from './processes.ts'
import type { Reaper } from './reaper-client.ts'

/** A program with Conman's command line: `<command> <args…> serve`, `<command> <args…> bootstrap-admin EMAIL NAME PASSWORD`. */
export interface ConmanProgram {
  command: string
  args: string[]
  /** `split`: it has `serve --role api` and `serve --role worker`; `single`: one `serve` does both. */
  roles: 'split' | 'single'
  /** `direct` for a program whose MongoDB driver knows no SOCKS5: its way to MongoDB can then not be cut. */
  mongoPath?: 'proxied' | 'direct'
  cwd?: string
}

export const BUNDLED_CONMAN: ConmanProgram = {
  command: process.execPath,
  args: [fileURLToPath(new URL('../../reference/conman/main.ts', import.meta.url))],
  roles: 'split',
}

export interface ConmanOptions {
  program: ConmanProgram
  env: Record<string, string>
  baseUrl: string
  logDir: string
  reaper: Reaper
}

/** Connecting, building indexes and a first heartbeat take a second; Conman's own driver gives MongoDB 30 s. */
const READY_WITHIN_MS = 40_000
const HEALTH_ANSWER_WITHIN_MS = 5_000
const HEALTH_EVERY_MS = 40
/** Longer than a job's last write: an orderly end is part of what Conman is asked for. */
const STOP_WITHIN_MS = 5_000

export function bootstrapAdmin(options: ConmanOptions, email: string, name: string, password: string): ManagedProcess {
  return conmanProcess('conman-bootstrap', ['bootstrap-admin', email, name, password], options)
}

/** The API and the workers (`conman-worker`, `conman-worker-2`, …), or the one process that is both. */
export function conmanProcesses(options: ConmanOptions, workers: number): ManagedProcess[] {
  const ready: Readiness = {
    what: `${options.baseUrl}/api/health to say that all components are healthy`,
    within_ms: READY_WITHIN_MS,
    every_ms: HEALTH_EVERY_MS,
    probe: () => isHealthy(options.baseUrl),
  }
  if (options.program.roles === 'single') return [conmanProcess('conman', ['serve'], options, ready)]
  const names = Array.from({ length: workers }, (_, index) => `conman-worker${index === 0 ? '' : `-${index + 1}`}`)
  return [
    conmanProcess('conman-api', ['serve', '--role', 'api'], options, ready),
    ...names.map((name) => conmanProcess(name, ['serve', '--role', 'worker'], options, ready)),
  ]
}

function conmanProcess(name: string, args: string[], options: ConmanOptions, ready?: Readiness): ManagedProcess {
  const { program, env, logDir, reaper } = options
  return new ManagedProcess(
    {
      name,
      command: program.command,
      args: [...program.args, ...args],
      env,
      logFile: join(logDir, `${name}.log`),
      stopWithin_ms: STOP_WITHIN_MS,
      ...(program.cwd === undefined ? {} : { cwd: program.cwd }),
      ...(ready === undefined ? {} : { ready }),
    },
    reaper,
  )
}

async function isHealthy(baseUrl: string): Promise<boolean> {
  try {
    const response = await fetch(`${baseUrl}/api/health`, { signal: AbortSignal.timeout(HEALTH_ANSWER_WITHIN_MS) })
    const body = (await response.json()) as { components?: { status?: string }[] }
    const components = body.components ?? []
    return (
      response.status === 200 &&
      components.length > 0 &&
      components.every((component) => component.status === 'healthy')
    )
  } catch {
    return false
  }
}
