// What `./readiness doctor` knows about the programs: for each one whether it is there, from where, every place that was
// looked at and why it did not do, and what to type when it is missing. Installs only when told to.

import { UsageError } from '../errors.ts'
import type { Progress } from './install.ts'
import { findOnPath } from './path.ts'
import { PROGRAMS, TOOL_NAMES, type ToolName } from './programs.ts'
import { type Attempt, searchTool, type Tool, wanted } from './resolve.ts'
import { runProgram } from './run-program.ts'

export interface ToolReport {
  name: ToolName
  /** e.g. `≥ 2.2`. */
  wanted: string
  /** `installable`: not there yet; the first run that needs it builds or fetches it. */
  state: 'found' | 'installable' | 'missing'
  found: boolean
  version?: string
  origin?: Tool['origin']
  path?: string
  tried: Attempt[]
  /** What would happen, or what to type. Absent when the program was found. */
  remedy?: string
}

export interface DoctorOptions {
  install?: boolean
  onProgress?: Progress
  env?: NodeJS.ProcessEnv
  signal?: AbortSignal
}

export async function doctor(options: DoctorOptions = {}): Promise<ToolReport[]> {
  const docker = dockerEngine(options.env ?? process.env)
  return await Promise.all(TOOL_NAMES.map((name) => report(name, options, docker)))
}

async function report(name: ToolName, options: DoctorOptions, docker: Promise<Attempt>): Promise<ToolReport> {
  const program = PROGRAMS[name]
  const base = { name, wanted: wanted(program) }
  try {
    const { tool, tried, installable, remedy } = await searchTool(name, {
      ...options,
      install: options.install ?? false,
    })
    if (tool !== undefined) {
      return {
        ...base,
        state: 'found',
        found: true,
        version: tool.version,
        origin: tool.origin,
        path: tool.path,
        tried,
      }
    }
    tried.push(await docker)
    if (installable !== undefined) {
      return {
        ...base,
        state: 'installable',
        found: false,
        tried,
        remedy: `nothing: the first run makes it (${installable})`,
      }
    }
    return { ...base, state: 'missing', found: false, tried, remedy: remedy ?? program.remedy }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    return {
      ...base,
      state: 'missing',
      found: false,
      tried: [{ place: program.variable, why: error.message }],
      remedy: error.remedy,
    }
  }
}

/** A client that asks a socket of this machine; an engine that is slower than this is of no use either. */
const DOCKER_WITHIN_MS = 5_000

/** The last place. It is only reported: the embedded stack takes no program out of a container. */
async function dockerEngine(env: NodeJS.ProcessEnv): Promise<Attempt> {
  const client = await findOnPath('docker', env)
  if (client === undefined) return { place: 'Docker', why: 'no docker on PATH' }
  const answer = await runProgram(client, ['version', '--format', '{{.Server.Version}}'], {
    within_ms: DOCKER_WITHIN_MS,
    env,
  })
  if (answer.code !== 0) return { place: 'Docker', path: client, why: 'no engine answers' }
  return {
    place: 'Docker',
    path: client,
    why: `an engine answers (${answer.stdout.trim()}), but this stack takes no program out of a container`,
  }
}
